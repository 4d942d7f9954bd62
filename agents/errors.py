"""What can go wrong with a run; told to clients like every InferenceError."""

from inference.errors import InferenceError


class RunConflict(InferenceError):
    """The run is not in a state that allows this."""

    status = 409
    code = "run_conflict"


class RunEnded(RunConflict):
    """The run's log is closed to this writer: it has ended, or another process took it over."""

    code = "run_ended"


class ToolCallNotFound(InferenceError):
    """The run has no such tool call."""

    status = 404
    code = "tool_call_not_found"


class RunNotFound(InferenceError):
    """There is no such run, or it is somebody else's."""

    status = 404
    code = "not_found"


class ReaderTooSlow(InferenceError):
    """A WebSocket client took nothing for too long."""

    status = 408
    code = "reader_too_slow"


class AgentsDisabled(InferenceError):
    """ENABLE_AGENTS is False."""

    status = 409
    code = "agents_disabled"


class StepNotFound(InferenceError):
    """The run has no such step."""

    status = 404
    code = "step_not_found"
