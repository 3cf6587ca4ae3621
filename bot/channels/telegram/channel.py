"""The Telegram channel: everything families send over one bot, and everything sent to them.

Who does what: `wire` is the HTTP client; `updates` reads; `calls` writes; `refusals` says what
each error means; `polling` and `webhook` are the two ways of listening; `office` is aiogram's
client for what is done rarely. Here they are put together.

The calls that happen all the time, and the questions asked at every start (who are we, which
webhook, which commands), are lean. aiogram is brought in when something has to be *changed*: a
webhook set or removed, commands or descriptions that differ, a group to leave.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec
import structlog.stdlib

from bot.channels.base import MOST_FILE, Limits, Receive, Undelivered
from bot.channels.telegram import calls
from bot.channels.telegram.polling import ALLOWED_UPDATES, Pace, Poller
from bot.channels.telegram.refusals import judge, read_refusal, undelivered
from bot.channels.telegram.updates import Event, groups_to_leave, read_one
from bot.channels.telegram.webhook import Counter, Door, NotKept, derive_path
from bot.channels.telegram.wire import Answer, Wire, WireError
from bot.messages import Address, ChannelName, Outbound

if TYPE_CHECKING:
    from bot.channels.telegram.office import Office

FILE_WITHIN: Final = 600.0
"""Seconds a file may take to come: 20 MiB over a line of 300 kbit/s."""
WEBHOOK_CONNECTIONS: Final = 40
FLOODED_CHATS: Final = 3
"""So many conversations told to wait, and nobody written to since, mean that all of us are."""

Words = Mapping[str, str]
Menu = Mapping[str, Sequence[tuple[str, str]]]

T = TypeVar("T")

log = structlog.stdlib.get_logger()


class _Sent(msgspec.Struct):
    message_id: int


class _Done(msgspec.Struct):
    """An answer to a call that carries something out: a message, or ``true``."""

    ok: Literal[True]
    result: _Sent | bool


class _Me(msgspec.Struct):
    id: int


class _Webhook(msgspec.Struct):
    url: str = ""
    max_connections: int = 0
    allowed_updates: tuple[str, ...] = ()


class _Located(msgspec.Struct):
    file_path: str = ""
    file_size: int | None = None


class _Command(msgspec.Struct):
    command: str
    description: str


class _Description(msgspec.Struct):
    description: str = ""


class _ShortDescription(msgspec.Struct):
    short_description: str = ""


_done = msgspec.json.Decoder(_Done)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class TelegramChannel:
    """One bot on Telegram; satisfies `bot.channels.base.Channel`. Opens nothing until used.

    ``token`` and ``secret`` are the bot's token and the webhook's secret (1 to 256 characters of
    ``A-Za-z0-9_-``; needed in webhook mode). ``public_url`` is where Telegram reaches us.
    ``commands`` maps a two-letter language to (name, description) pairs; ``descriptions`` and
    ``short_descriptions`` map it to words. The first language given is what everybody else sees,
    unless there is an entry for the empty language. Phones may be searched: keep all of it neutral.
    ``noticed`` gathers fixed words about what somebody should look at; who reads them empties it.
    Raises ValueError for values that cannot be right; the message names none of them.
    """

    name: ChannelName = "telegram"
    # Bot API, deleteMessage: sent less than 48 hours ago; in a private chat also what came in.
    limits = Limits(text=calls.MOST_TEXT, deletes_within=timedelta(hours=48), deletes_theirs=True)

    def __init__(
        self,
        token: str,
        *,
        api_url: str = "https://api.telegram.org",
        mode: Literal["polling", "webhook"] = "polling",
        public_url: str = "",
        secret: str = "",
        commands: Menu | None = None,
        descriptions: Words | None = None,
        short_descriptions: Words | None = None,
        pace: Pace | None = None,
        connections: int = 64,
    ) -> None:
        if not re.fullmatch(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,256}", token):
            raise ValueError("the Telegram token is not a bot's token")
        if mode == "webhook":
            _check_webhook(public_url, secret)
        self.account = token.partition(":")[0]
        self.webhook_path = derive_path(secret) if secret else ""
        self.webhook_app = Door(self.webhook_path, secret, self._hear) if secret else None
        self.noticed: set[str] = set()
        self._token = token
        self._mode = mode
        self._url = public_url.rstrip("/") + self.webhook_path
        self._secret = secret
        self._commands = _with_default(commands or {})
        self._descriptions = _with_default(descriptions or {})
        self._short_descriptions = _with_default(short_descriptions or {})
        self._pace = pace or Pace()
        self._wire = Wire(api_url, token, connections=connections)
        self._started = False
        self._was_ours = False
        self._office: Office | None = None
        self._office_door = asyncio.Lock()
        self._counter: Counter | None = None
        self._floods: dict[str, float] = {}
        self._leaving: asyncio.Queue[str] = asyncio.Queue(1000)
        self._left: deque[str] = deque(maxlen=1000)

    def __repr__(self) -> str:
        """Without the token and the secret."""
        return f"TelegramChannel(account={self.account!r}, mode={self._mode!r})"

    # --- starting and stopping

    async def start(self) -> None:
        """Learn who we are: ``account`` is Telegram's own id of the bot from here on.

        Waits for a server that cannot be reached. Raises `Undelivered` (account) when the token
        is refused.
        """
        failures = 0
        while not self._started:
            try:
                self.account = str((await self._ask("getMe", _Me)).id)
                self._started = True
            except Undelivered as error:
                if error.account:
                    log.error("telegram_alarm", channel="telegram", alarm=True, reason=error.reason)
                    raise
                failures += 1
                log.warning("telegram_start_failed", channel="telegram", reason=error.reason)
                await asyncio.sleep(error.retry_after or self._pace.wait(failures))

    async def close(self) -> None:
        """Release connections. Calling it twice does no harm."""
        if self._counter is not None:
            await self._counter.close()
            self._counter = None
        await self._wire.close()

    # --- listening

    async def listen(self, receive: Receive) -> None:
        """Hand everything that comes in to ``receive`` until cancelled.

        Telegram is told that we have something only after ``receive`` has returned.
        Raises `Undelivered` (account) when the token is refused.
        """
        await self.start()
        beside = [
            asyncio.create_task(self._patiently(self._introduce, "telegram_introduction_failed")),
            asyncio.create_task(self._leave_groups()),
        ]
        if self._mode == "polling":
            beside.append(asyncio.create_task(self._watch_webhook()))
        try:
            if self._mode == "webhook":
                await self._listen_at_webhook(receive)
            else:
                await self._listen_by_polling(receive)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _listen_by_polling(self, receive: Receive) -> None:
        await self._patiently(self._free_polling, "telegram_start_failed")
        poller = Poller(
            self._wire,
            self.account,
            self._pace,
            after=self._note_groups,
            freed=lambda: self._patiently(self._free_polling, "telegram_start_failed"),
            rivalled=lambda: self.noticed.add("telegram_conflict"),
        )
        await poller.run(receive)

    async def _free_polling(self) -> None:
        """Remove a webhook that stands in the way; what waits behind it is not dropped."""
        found = await self._ask("getWebhookInfo", _Webhook)
        if found.url:
            log.error("telegram_alarm", channel="telegram", alarm=True, reason="foreign-webhook")
            self.noticed.add("foreign_webhook")
            await (await self._aiogram()).delete_webhook()

    async def _watch_webhook(self) -> None:
        """Look now and then whether somebody has set a webhook on us, which ends all polling.

        The next question would show it too, but one that is being held may not end by it.
        """
        while True:
            await asyncio.sleep(self._pace.watch)
            try:
                await self._free_polling()
            except Undelivered as error:  # the poller itself meets it, and decides
                log.warning("telegram_watch_failed", channel="telegram", reason=error.reason)

    async def _listen_at_webhook(self, receive: Receive) -> None:
        self._counter = Counter(receive)
        try:
            while True:
                await self._patiently(self._keep_webhook, "telegram_start_failed")
                await asyncio.sleep(self._pace.watch)
        finally:
            counter, self._counter = self._counter, None
            if counter is not None:
                await counter.close()

    async def _keep_webhook(self) -> None:
        """Set the webhook unless it is ours already.

        Its path comes from the secret: whoever set this address knew this secret too.
        """
        found = await self._ask("getWebhookInfo", _Webhook)
        self._was_ours = self._was_ours or found.url == self._url
        same_kinds = set(found.allowed_updates) == set(ALLOWED_UPDATES)
        if found.url == self._url and same_kinds and found.max_connections == WEBHOOK_CONNECTIONS:
            return
        if found.url not in ("", self._url):
            log.error("telegram_alarm", channel="telegram", alarm=True, reason="foreign-webhook")
            self.noticed.add("foreign_webhook")
        elif self._was_ours and not found.url:
            log.error("telegram_alarm", channel="telegram", alarm=True, reason="webhook-removed")
            self.noticed.add("webhook_removed")
        office = await self._aiogram()
        await office.set_webhook(self._url, self._secret, ALLOWED_UPDATES, WEBHOOK_CONNECTIONS)
        self._was_ours = True

    async def _hear(self, body: bytes) -> None:
        """Keep one body that came to the webhook. Raises `NotKept`."""
        if self._counter is None:
            raise NotKept
        event = read_one(body, self.account)
        await self._counter.keep(event)
        self._note_groups((event,))

    async def _patiently(self, act: Callable[[], Awaitable[None]], event: str) -> None:
        """Do ``act`` until it succeeds; a refused token or a permanent refusal ends it."""
        failures = 0
        while True:
            try:
                return await act()
            except Undelivered as error:
                log.warning(event, channel="telegram", reason=error.reason)
                if error.account or error.permanent:
                    raise
                failures += 1
                await asyncio.sleep(error.retry_after or self._pace.wait(failures))

    # --- who we are to families

    async def _introduce(self) -> None:
        """Set commands and descriptions that differ from what Telegram has."""
        for language, menu in self._commands.items():
            found = await self._ask("getMyCommands", list[_Command], language_code=language)
            if [(each.command, each.description) for each in found] != [tuple(e) for e in menu]:
                await (await self._aiogram()).set_commands(language, menu)
        for language, words in self._descriptions.items():
            shown = await self._ask("getMyDescription", _Description, language_code=language)
            if shown.description != words:
                await (await self._aiogram()).set_description(language, words)
        for language, words in self._short_descriptions.items():
            brief = await self._ask(
                "getMyShortDescription", _ShortDescription, language_code=language
            )
            if brief.short_description != words:
                await (await self._aiogram()).set_short_description(language, words)

    # --- groups

    def _note_groups(self, events: Iterable[Event]) -> None:
        for chat in groups_to_leave(events):
            if chat not in self._left and not self._leaving.full():
                self._left.append(chat)
                self._leaving.put_nowait(chat)

    async def _leave_groups(self) -> None:
        """Leave each group once, slowly: whoever adds us to a thousand gains nothing."""
        while True:
            chat = await self._leaving.get()
            try:
                await (await self._aiogram()).leave(chat)
                log.info("telegram_group_left", channel="telegram")
            except Undelivered as error:
                log.warning("telegram_group_kept", channel="telegram", reason=error.reason)
            await asyncio.sleep(self._pace.leave)

    # --- sending

    async def send(self, address: Address, outbound: Outbound) -> str:
        """Carry ``outbound`` out and return Telegram's id of the message, empty if there is none.

        What is already so (not modified, an old tap, a deleted message) is no error; the edit of a
        message that is gone does nothing and returns an empty id. Raises `Undelivered`.
        """
        if outbound.kind == "delete":
            await self._delete(address.person, outbound.message_ids)
            return ""
        call = calls.prepare(address.person, outbound)
        return await self._say(address.person, call, outbound.message_id)

    async def _say(self, person: str, call: calls.Call, message_id: str = "") -> str:
        """Make ``call``; ``message_id`` is the id to return when it had been done before."""
        try:
            answer = await self._wire.call(call.method, call.body, again=call.again)
        except WireError as error:
            raise Undelivered(error.reason, unclear=error.sent) from None
        if answer.status == 200:
            try:
                result = _done.decode(answer.body).result
            except _BROKEN:
                raise _malformed(answer) from None
            if call.method == "sendMessage":
                # Somebody hears us: who is told to wait has caused it alone.
                self._floods.clear()
            return str(result.message_id) if isinstance(result, _Sent) else message_id
        refusal = read_refusal(answer)
        outcome = judge(refusal).outcome
        if outcome == "done":
            return message_id
        if outcome == "gone" and call.method.startswith("edit"):
            return ""
        raise undelivered(refusal, everybody=self._is_flooded(person, refusal.retry_after))

    def _is_flooded(self, person: str, wait: float | None) -> bool:
        """Whether the account as a whole is told to wait; Telegram itself does not say which."""
        if wait is None:
            return False
        now = asyncio.get_running_loop().time()
        self._floods = {key: until for key, until in self._floods.items() if until > now}
        self._floods[person] = now + wait
        return len(self._floods) >= FLOODED_CHATS

    async def _delete(self, person: str, message_ids: tuple[str, ...]) -> None:
        """Delete what can be deleted. Raises ``too-old`` at the end when something could not be."""
        kept: Undelivered | None = None
        for call, numbers in calls.prepare_deletions(person, message_ids):
            try:
                await self._say(person, call)
            except Undelivered as error:
                if not error.permanent or error.reason not in ("too-old", "refused", "gone"):
                    raise
                kept = error
                if len(numbers) > 1:
                    kept = await self._delete_singly(person, numbers)
        if kept is not None:
            raise kept

    async def _delete_singly(self, person: str, numbers: list[int]) -> Undelivered | None:
        """One message that is too old must not save the ninety-nine others."""
        kept: Undelivered | None = None
        for number in numbers:
            try:
                await self._say(person, calls.prepare_deletion(int(person), number))
            except Undelivered as error:
                if not error.permanent:
                    raise
                kept = error
        return kept

    # --- files

    async def fetch(self, provider_id: str) -> AsyncIterator[bytes]:
        """Yield a file somebody sent, piece by piece; at most `MOST_FILE` bytes of it.

        The file is located anew each time: its address is good for an hour, its id for long. That
        address, which holds the token, appears nowhere. Raises `Undelivered`: ``too-large``,
        ``file-gone`` and ``file-elsewhere`` are permanent, ``cut`` and the rest are not.
        """
        try:
            found = await self._ask("getFile", _Located, file_id=provider_id)
        except UnicodeEncodeError:
            raise Undelivered("file-gone", permanent=True) from None
        path, size = found.file_path, found.file_size
        if size is not None and size > MOST_FILE:
            raise Undelivered("too-large", permanent=True)
        if not path:
            raise Undelivered("file-gone", permanent=True)
        if path.startswith("/"):
            # A local Bot API server names files on its own disk; we do not share one.
            raise Undelivered("file-elsewhere", permanent=True)
        came = 0
        try:
            async for piece in self._wire.download(path, limit=MOST_FILE, timeout=FILE_WITHIN):
                came += len(piece)
                yield piece
        except WireError as error:
            if error.reason == "huge-answer":
                raise Undelivered("too-large", permanent=True) from None
            raise Undelivered(error.reason) from None
        if size is not None and came != size:
            raise Undelivered("cut")

    async def drop(self, provider_id: str) -> None:
        """Do nothing: Telegram keeps the file, we never had a copy of it."""

    # --- asking Telegram

    async def _ask(self, method: str, form: type[T], **given: str) -> T:
        """Ask a question that changes nothing; ``form`` is the result's type.

        Raises `Undelivered`.
        """
        body = msgspec.json.encode({key: value for key, value in given.items() if value})
        try:
            answer = await self._wire.call(method, body, again=True)
        except WireError as error:
            raise Undelivered(error.reason) from None
        if answer.status != 200:
            raise undelivered(read_refusal(answer))
        try:
            envelope = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
            return msgspec.json.decode(envelope["result"], type=form)
        except (*_BROKEN, KeyError):
            raise _malformed(answer) from None

    async def _aiogram(self) -> Office:
        """The office, opened when it is first needed; the import does not hold up the loop."""
        async with self._office_door:
            if self._office is None:
                module = await asyncio.to_thread(import_module, "bot.channels.telegram.office")
                self._office = module.Office(self._wire, self._token)
            return self._office


def _check_webhook(public_url: str, secret: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise ValueError("webhook mode needs a secret of 1 to 256 letters, digits, _ and -")
    if not public_url.startswith(("https://", "http://")):
        raise ValueError("webhook mode needs the public address")


def _with_default(given: Mapping[str, T]) -> dict[str, T]:
    """The same with an entry for the empty language, which is what all other languages see."""
    if not given:
        return {}
    first = next(iter(given.values()))
    return {"": first, **given}


def _malformed(answer: Answer) -> Undelivered:
    """An answer in no known form: what was asked may have been carried out."""
    refusal = read_refusal(answer)
    if refusal.enveloped and answer.status == 200 and refusal.status != 200:
        return undelivered(refusal)
    return Undelivered("malformed-answer", unclear=True)
