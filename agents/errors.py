"""What can go wrong with a run; told to clients like every CortexError."""

from common.errors import CortexError


class RunConflict(CortexError):
    """The run is not in a state that allows this."""

    status = 409
    code = "run_conflict"
    example = "The tool call a1 does not wait for a decision."


class RunEnded(RunConflict):
    """The run's log is closed to this writer: it has ended, or another process took it over."""

    code = "run_ended"


class ToolCallNotFound(CortexError):
    """The run has no such tool call."""

    status = 404
    code = "tool_call_not_found"


class RunNotFound(CortexError):
    """There is no such run, or it is somebody else's."""

    status = 404
    code = "not_found"
    example = "There is no run 0b1f6c1e-64a4-4a0c-9a55-0d8f4a3c7f11."


class ReaderTooSlow(CortexError):
    """A WebSocket client took nothing for too long."""

    status = 408
    code = "reader_too_slow"


class AgentsDisabled(CortexError):
    """Agents are turned off: ENABLE_AGENTS is False."""

    status = 409
    code = "agents_disabled"


class StepNotFound(CortexError):
    """The run has no such step."""

    status = 404
    code = "step_not_found"
