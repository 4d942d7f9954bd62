"""What a conversation refuses."""

from __future__ import annotations

from common.errors import CortexError


class MessageConflict(CortexError):
    """The message is not in a state in which that can be done to it."""

    status = 409
    code = "message_conflict"
