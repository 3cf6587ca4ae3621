"""The one way in which the server says no."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A call that is answered with an error.

    ``code`` and ``description`` are the Bot API's; ``parameters`` may hold ``retry_after`` or
    ``migrate_to_chat_id``. ``breach`` names the rule of the Bot API that the caller broke; it is
    empty where a correct program can meet the error too.
    """

    def __init__(
        self,
        code: int,
        description: str,
        *,
        breach: str = "",
        parameters: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.breach = breach
        self.parameters = parameters or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON answer."""
        answer = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


def bad(text: str, breach: str = "") -> Refusal:
    """Return a 400 with Telegram's usual opening words."""
    return Refusal(400, f"Bad Request: {text}", breach=breach)
