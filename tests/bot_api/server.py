"""The server itself: takes calls over HTTP, checks them, carries them out, keeps the books.

A call goes through five stations: which bot (401), which method (404), what goes wrong on purpose
(`faults`), are the parameters what the Bot API takes (`tables` and `limits`, strict only), and the
method. A refusal that names a breach is kept in `BotApiServer.breaches`: a test of the product
ends by finding that list empty.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.bot_api import control, limits
from tests.bot_api.chats import Chat, Ledger
from tests.bot_api.clock import Clock
from tests.bot_api.errors import Refusal, bad
from tests.bot_api.faults import PACED, Early, Fault, Faults, Pace
from tests.bot_api.forms import Parameters, read_parameters
from tests.bot_api.methods import METHODS
from tests.bot_api.people import Group, Person
from tests.bot_api.state import Bot, encode
from tests.bot_api.tables import File, Mismatch, Nested, Tables, load_tables
from tests.bot_api.updates import Update, conflict, updates_body
from tests.bot_api.web import CUT, Connection, Request, Response, WebServer
from tests.bot_api.webhooks import Webhook

TOKEN = "4242424242:AAtest-token-of-the-strict-server-0001"
_OWN = ("getUpdates", "setWebhook", "deleteWebhook", "getWebhookInfo")
NAMES = {name.lower(): name for name in (*METHODS, *_OWN)}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete"
_NO_CALL = Parameters()


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule of the Bot API that a caller broke: in which method, and what."""

    method: str
    what: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was answered. ``status`` is 0 when the connection was cut."""

    at: float
    bot_id: int
    method: str
    values: dict[str, Any]
    status: int


class BotApiServer:
    """A Bot API server on loopback with the people who use it.

    ``strict`` checks every call against the tables and limits; without it the server is fast.
    ``record`` keeps every call and ledger line in memory. ``pace`` switches the sending limits on.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        strict: bool = True,
        clock: Clock | None = None,
        seed: int = 1,
        record: bool = True,
        pace: Pace | None = None,
    ) -> None:
        self.strict, self.record, self.pace = strict, record, pace
        self.clock = clock or Clock()
        self.chance = random.Random(seed)
        self.faults = Faults(self.chance)
        self.ledger = Ledger(keep=record)
        self.breaches: list[Breach] = []
        self.calls: list[Call] = []
        self.early: list[Early] = []
        self.counts: dict[str, int] = {}
        self.bots: dict[str, Bot] = {}
        self.people: dict[tuple[str, int], Person] = {}
        self.stopping: asyncio.Event = asyncio.Event()
        self.port = 0
        self._wait_until: dict[tuple[int, str], float] = {}
        self._tables: Tables = load_tables() if strict else {}
        self._web = WebServer(self._handle)
        self.bot = self.add_bot(token, "athar_test_bot")

    # -- running

    async def start(self, port: int = 0) -> BotApiServer:
        """Listen on 127.0.0.1; port 0 takes a free one, see `url`."""
        self.port = await self._web.start(port)
        return self

    async def stop(self) -> None:
        """Close everything. Whoever still waits is cut off."""
        for bot in self.bots.values():
            if bot.webhook is not None:
                bot.webhook.stop()
        await self._web.stop()

    async def __aenter__(self) -> BotApiServer:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The address a program is to be given as Bot API server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.bot.token

    # -- who is there

    def add_bot(self, token: str, username: str) -> Bot:
        """Register another bot."""
        made = Bot(token, username, self.clock, self.ledger, self.chance)
        self.bots[token] = made
        return made

    def person(
        self,
        chat_id: int,
        *,
        language_code: str = "ar",
        first_name: str = "Someone",
        last_name: str = "",
        username: str = "",
        bot: Bot | None = None,
    ) -> Person:
        """Return the person with this id (made at the first call), in their chat with ``bot``."""
        bot = bot or self.bot
        known = self.people.get((bot.token, chat_id))
        if known is not None:
            return known
        names = {"first_name": first_name, "last_name": last_name, "username": username}
        names = {name: value for name, value in names.items() if value}
        user = {"id": chat_id, "is_bot": False, **names}
        if language_code:
            user["language_code"] = language_code
        chat = Chat(chat_id, {"id": chat_id, **names, "type": "private"}, person=user)
        bot.chats[chat_id] = chat
        made = self.people[bot.token, chat_id] = Person(bot, chat, user)
        return made

    def group(self, chat_id: int, title: str = "Group", *, type: str = "supergroup") -> Group:
        """Make a group (or ``type`` channel); ids of such chats are negative."""
        chat = Chat(chat_id, {"id": chat_id, "title": title, "type": type})
        self.bot.chats[chat_id] = chat
        return Group(self.bot, chat, None)

    def channel(self, chat_id: int, title: str = "Channel") -> Group:
        return self.group(chat_id, title, type="channel")

    def raw_update(self, update: object) -> Update:
        """Queue something hostile verbatim; see `Bot.push_raw`."""
        return self.bot.push_raw(update)

    def fail(self, fault: Fault) -> Fault:
        """Let ``fault`` strike from now on."""
        return self.faults.add(fault)

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    # -- the stations of a call

    def _handle(self, request: Request, connection: Connection) -> Response | Awaitable[Response]:
        if request.path.startswith("/bot"):
            return self._handle_call(request, connection)
        if request.path.startswith("/file/bot"):
            return self._handle_file(request)
        if request.path.startswith("/control"):
            return control.handle(self, request)
        return _refused(Refusal(404, "Not Found"))

    def _handle_call(
        self, request: Request, connection: Connection
    ) -> Response | Awaitable[Response]:
        token, _, wanted = request.path[4:].rpartition("/")
        bot = self.bots.get(token)
        if bot is None:
            return _refused(Refusal(401, "Unauthorized"))
        name = NAMES.get(wanted.lower(), "")
        call = _NO_CALL
        try:
            if not name:
                breach = f"method {wanted!r} is unknown or not carried out here"
                raise Refusal(404, "Not Found: method not found", breach=breach)
            call = read_parameters(request)
            fault = self.faults.strike(name, call.values) if self.faults.waiting else None
            if fault is not None:
                return self._strike(fault, bot, name, call, connection)
            return self._answer(bot, name, call, connection)
        except Refusal as refusal:
            return self._refuse(bot, name or wanted, call, refusal)
        except Exception as error:  # noqa: BLE001 - a mistake of this server must fail the test
            text = f"this server failed: {type(error).__name__}: {error}"
            failure = Refusal(500, "Internal Server Error", breach=text)
            return self._refuse(bot, name or wanted, call, failure)

    def _answer(
        self, bot: Bot, name: str, call: Parameters, connection: Connection
    ) -> Response | Awaitable[Response]:
        if self.strict:
            call = self._read(name, call)
            limits.check_call(name, call)
        else:
            _read_loosely(call)
        if name == "getUpdates":
            return self._poll(bot, call, connection)
        body = self._carry_out(bot, name, call)
        self._book(bot, name, call, 200)
        return Response(200, body)

    def _carry_out(self, bot: Bot, name: str, call: Parameters) -> bytes:
        if name in _OWN:
            return encode({"ok": True, **self._own(bot, name, call.values)})
        self._check_pace(bot, name, call.values.get("chat_id"))
        return b'{"ok":true,"result":' + encode(METHODS[name](bot, call)) + b"}"

    def _read(self, name: str, call: Parameters) -> Parameters:
        """Return the parameters as their types say. Raises `Refusal` for whatever is not so."""
        table = self._tables[name]
        values: dict[str, Any] = {}
        try:
            for key, value in call.values.items():
                values[key] = _read_value(table, key, value, name)
        except Mismatch as mismatch:
            raise bad(f"can't parse {mismatch}", str(mismatch)) from mismatch
        missing = [
            slot.name
            for slot in table.slots.values()
            if slot.required and slot.name not in values and slot.name not in call.files
        ]
        if missing:
            raise bad(f"{missing[0]} is empty", f"missing {missing}")
        _check_parts(table, call)
        return Parameters(values, call.files, text=False)

    def _check_pace(self, bot: Bot, name: str, chat_id: object) -> None:
        until = self._wait_until.get((bot.id, str(chat_id)))
        if until is not None and name.lower() in PACED:
            early = until - self.clock.now()
            if early > 0.05:
                self.early.append(Early(str(chat_id), name, early))
        if self.pace is None or name.lower() not in PACED:
            return
        wait = self.pace.check(self.clock, chat_id)
        if wait:
            seconds = int(wait) + 1
            raise too_many(seconds)

    def _strike(
        self, fault: Fault, bot: Bot, name: str, call: Parameters, connection: Connection
    ) -> Response | Awaitable[Response]:
        if fault.how == "slow":
            return self._slowly(fault, bot, name, call, connection)
        if fault.carried_out and name != "getUpdates":
            self._answer(bot, name, call, connection)
        if fault.how == "hang":
            return self._hang(fault)
        if fault.how == "cut":
            self._book(bot, name, call, 0)
            return CUT
        if fault.body is not None:
            self._book(bot, name, call, fault.status)
            return Response(fault.status, fault.body, "text/html")
        raise fault.refusal()

    async def _slowly(
        self, fault: Fault, bot: Bot, name: str, call: Parameters, connection: Connection
    ) -> Response:
        await self.clock.sleep(fault.seconds)
        try:
            answer = self._answer(bot, name, call, connection)
            return answer if isinstance(answer, Response) else await answer
        except Refusal as refusal:
            return self._refuse(bot, name, call, refusal)

    async def _hang(self, fault: Fault) -> Response:
        await self.clock.sleep(fault.seconds)
        return CUT

    def _refuse(self, bot: Bot, name: str, call: Parameters, refusal: Refusal) -> Response:
        if refusal.breach:
            self.breaches.append(Breach(name, refusal.breach))
        if "retry_after" in refusal.parameters:
            until = self.clock.now() + refusal.parameters["retry_after"]
            self._wait_until[bot.id, str(call.values.get("chat_id"))] = until
        self._book(bot, name, call, refusal.code)
        return _refused(refusal)

    def _book(self, bot: Bot, name: str, call: Parameters, status: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.record:
            self.calls.append(Call(self.clock.now(), bot.id, name, call.values, status))

    # -- receiving

    def _poll(self, bot: Bot, call: Parameters, connection: Connection) -> Awaitable[Response]:
        values = call.values
        if bot.webhook is not None:
            future: asyncio.Future[list[Update]] = asyncio.get_running_loop().create_future()
            bot.queue.refuse(f"{_WEBHOOK_ACTIVE} the webhook first", future)
            return self._wait(bot, call, future)
        bot.queue.allow(values.get("allowed_updates"))
        offset, limit = values.get("offset", 0), values.get("limit", 100)
        future = bot.queue.poll(offset, limit, values.get("timeout", 0))
        connection.on_gone(lambda: bot.queue.leave(future))
        return self._wait(bot, call, future)

    async def _wait(
        self, bot: Bot, call: Parameters, future: asyncio.Future[list[Update]]
    ) -> Response:
        try:
            updates = await future
        except Refusal as refusal:
            return self._refuse(bot, "getUpdates", call, refusal)
        self._book(bot, "getUpdates", call, 200)
        return Response(200, updates_body(updates))

    def _own(self, bot: Bot, name: str, values: dict[str, Any]) -> dict[str, Any]:
        if name == "getWebhookInfo":
            return {"result": self._webhook_info(bot)}
        if values.get("drop_pending_updates"):
            bot.queue.clear()
        url = values.get("url", "") if name == "setWebhook" else ""
        had, bot.webhook = bot.webhook, None
        if had is not None:
            had.stop()
        if not url:
            told = "Webhook was deleted" if had else "Webhook is already deleted"
            return {"result": True, "description": told}
        _check_address(url)
        bot.queue.allow(values.get("allowed_updates"))
        bot.queue.end_for_webhook()
        bot.webhook = self._make_webhook(bot, url, values)
        bot.webhook.start()
        same = had is not None and had.url == url
        return {"result": True, "description": f"Webhook {'is already' if same else 'was'} set"}

    def _make_webhook(self, bot: Bot, url: str, values: dict[str, Any]) -> Webhook:
        return Webhook(
            bot.queue,
            self.clock,
            url,
            secret=values.get("secret_token", ""),
            max_connections=int(values.get("max_connections", 40)),
            carry_out=lambda call: self._obey(bot, call),
            drop=lambda: self._own(bot, "deleteWebhook", {}),
        )

    def _obey(self, bot: Bot, values: dict[str, Any]) -> None:
        """Carry out a method named in a webhook's answer; its result is known to nobody."""
        name = NAMES.get(str(values.pop("method")).lower(), "")
        if not name or name in _OWN or name.startswith("get"):
            return
        call = Parameters(values, text=False)
        try:
            call = self._read(name, call) if self.strict else call
            self._carry_out(bot, name, call)
            self._book(bot, name, call, 200)
        except Refusal as refusal:
            self._refuse(bot, name, call, refusal)

    def _webhook_info(self, bot: Bot) -> dict[str, Any]:
        hook = bot.webhook
        info: dict[str, Any] = {
            "url": hook.url if hook else "",
            "has_custom_certificate": False,
            "pending_update_count": bot.queue.pending(),
        }
        if hook:
            info |= {"max_connections": hook.max_connections, "ip_address": "127.0.0.1"}
            if hook.last_error is not None:
                info["last_error_date"], info["last_error_message"] = hook.last_error
        if bot.queue.allowed_named:
            info["allowed_updates"] = list(bot.queue.allowed_named)
        return info

    # -- files

    def _handle_file(self, request: Request) -> Response:
        token, _, path = request.path[9:].partition("/")
        bot = self.bots.get(token)
        file = bot.files.find_by_path(path) if bot is not None else None
        if file is None:
            return _refused(Refusal(404, "Not Found"))
        fault = self.faults.strike("file", {}) if self.faults.waiting else None
        only = fault.after if fault and fault.how in ("cut", "hang") else None
        held = fault is not None and fault.how == "hang"
        body = file.whole()
        return Response(200, body, "application/octet-stream", only=only, held=held)


def too_many(seconds: int) -> Refusal:
    """Return Telegram's 429."""
    text = f"Too Many Requests: retry after {seconds}"
    return Refusal(429, text, parameters={"retry_after": seconds})


def _refused(refusal: Refusal) -> Response:
    return Response(refusal.code, encode(refusal.body()))


def _read_value(table: Nested, key: str, value: Any, name: str) -> Any:
    slot = table.slots.get(key)
    if slot is None:
        raise Mismatch(f"{name}.{key}", "only known parameters")
    path = f"{name}.{key}"
    return slot.kind.read_text(value, path) if type(value) is str else slot.kind.read(value, path)


def _check_parts(table: Nested, call: Parameters) -> None:
    """Every part sent along is named by a parameter of its own or by ``attach://``."""
    said = str(call.values)
    for part in call.files:
        slot = table.slots.get(part)
        if (slot is None or not isinstance(slot.kind, File)) and f"attach://{part}" not in said:
            raise bad("unexpected file", f"file part {part!r} belongs to nothing")


_WORDS = frozenset(
    {
        "text", "caption", "parse_mode", "callback_query_id", "file_id", "url", "secret_token",
        "language_code", "name", "description", "short_description", "action", "photo", "document",
        "voice", "audio", "video",
    }
)  # fmt: skip


def _read_loosely(call: Parameters) -> None:
    """Without tables: read every form field that is not words as the JSON it looks like."""
    if not call.text:
        return
    for key, value in call.values.items():
        if key not in _WORDS and (value in ("true", "false") or value[:1] in "[{-0123456789"):
            call.values[key] = control.decode(value.encode())


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise bad("bad webhook: An HTTPS URL must be provided for webhook", "webhook without HTTPS")


__all__ = ["TOKEN", "BotApiServer", "Breach", "Call", "Early", "conflict", "too_many"]
