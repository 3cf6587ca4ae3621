"""The office: aiogram's Bot API client for everything that is done rarely, over our own wire.

This is the one module that imports aiogram, and it is itself imported late (`channel.py`), in a
thread and only when there is something to do: the import takes seconds and 150 MB, which no
process should pay to find out that nothing has changed.

aiogram's errors may hold what was sent and what was answered; they end here, as `Undelivered`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import msgspec
from aiogram import Bot, exceptions
from aiogram.client.session.base import BaseSession
from aiogram.methods import (
    DeleteWebhook,
    LeaveChat,
    SetMyCommands,
    SetMyDescription,
    SetMyShortDescription,
    SetWebhook,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from aiogram.types import BotCommand

from bot.channels.base import Undelivered
from bot.channels.telegram.refusals import Refusal, undelivered
from bot.channels.telegram.wire import Wire, WireError


class LeanSession(BaseSession):
    """aiogram's own extension point for transports: JSON bodies over the shared `Wire`."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109  # aiogram's own signature
    ) -> TelegramType:
        """Carry out one method. Raises aiogram's errors, with the network's as its own too."""
        try:
            answer = await self._wire.call(
                method.__api_method__,
                self._body(bot, method),
                timeout=float(timeout or 30),
                again=True,
            )
        except WireError as error:
            raise exceptions.TelegramNetworkError(method, error.reason) from None
        try:
            response = self.check_response(
                bot, method, answer.status, answer.body.decode("utf-8", "replace")
            )
        except exceptions.ClientDecodeError:
            # Its text is the whole answer.
            raise exceptions.TelegramNetworkError(method, "malformed-answer") from None
        return cast(TelegramType, response.result)

    def _body(self, bot: Bot, method: TelegramMethod[Any]) -> bytes:
        files: dict[str, Any] = {}
        given = method.model_dump(warnings=False, exclude_none=True)
        values = {
            name: self.prepare_value(value, bot, files, _dumps_json=False)
            for name, value in given.items()
        }
        if files:
            raise ValueError("this session uploads nothing")
        return msgspec.json.encode({k: v for k, v in values.items() if v is not None})

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109  # aiogram's own signature
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        """Refuse: addresses of files hold the token; `TelegramChannel.fetch` takes their place."""
        raise NotImplementedError("files are fetched without their address")
        yield b""

    async def close(self) -> None:
        """Do nothing: the wire belongs to the channel."""


class Office:
    """What is done rarely. Every method raises `Undelivered` and nothing else."""

    def __init__(self, wire: Wire, token: str) -> None:
        self._bot = Bot(token, session=LeanSession(wire))

    async def set_webhook(self, url: str, secret: str, kinds: Sequence[str], most: int) -> None:
        """Have updates of these ``kinds`` sent to ``url``, at most ``most`` at a time."""
        await self._do(
            SetWebhook(
                url=url, secret_token=secret, allowed_updates=list(kinds), max_connections=most
            )
        )

    async def delete_webhook(self) -> None:
        """Remove the webhook; what waits goes on waiting for us."""
        await self._do(DeleteWebhook(drop_pending_updates=False))

    async def set_commands(self, language: str, commands: Sequence[tuple[str, str]]) -> None:
        """Set the menu of commands for one language (two letters; empty for all others)."""
        menu = [BotCommand(command=name, description=words) for name, words in commands]
        await self._do(SetMyCommands(commands=menu, language_code=language or None))

    async def set_description(self, language: str, words: str) -> None:
        """Set what an empty conversation shows."""
        await self._do(SetMyDescription(description=words, language_code=language or None))

    async def set_short_description(self, language: str, words: str) -> None:
        """Set what the profile shows."""
        await self._do(
            SetMyShortDescription(short_description=words, language_code=language or None)
        )

    async def leave(self, chat: str) -> None:
        """Leave a group or channel."""
        await self._do(LeaveChat(chat_id=int(chat)))

    async def _do(self, method: TelegramMethod[TelegramType]) -> TelegramType:
        try:
            return await self._bot(method)
        except exceptions.TelegramNetworkError as error:
            raise Undelivered(_network(error), unclear=True) from None
        except exceptions.TelegramAPIError as error:
            raise undelivered(_refusal(error)) from None
        except exceptions.AiogramError:
            raise Undelivered("malformed-answer", unclear=True) from None


def _network(error: exceptions.TelegramNetworkError) -> str:
    return "too-large" if isinstance(error, exceptions.TelegramEntityTooLarge) else error.message


_STATUS: tuple[tuple[type[exceptions.TelegramAPIError], int], ...] = (
    (exceptions.TelegramBadRequest, 400),
    (exceptions.TelegramUnauthorizedError, 401),
    (exceptions.TelegramForbiddenError, 403),
    (exceptions.TelegramNotFound, 404),
    (exceptions.TelegramConflictError, 409),
    (exceptions.TelegramServerError, 500),
)


def _refusal(error: exceptions.TelegramAPIError) -> Refusal:
    if isinstance(error, exceptions.TelegramRetryAfter):
        return Refusal(429, retry_after=float(error.retry_after))
    if isinstance(error, exceptions.TelegramMigrateToChat):
        return Refusal(400, migrated=True)
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    return Refusal(status, error.message or "")
