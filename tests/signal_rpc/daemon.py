"""The daemon itself, Signal's server behind it included.

What matters is when a message is gone. Signal's server keeps what people send until the daemon has
taken it; the daemon takes only while somebody has subscribed; and it acknowledges to the server
*before* it writes to the subscriber. So whatever dies in between takes the message along, exactly
as with the real one. `lost` tells what was lost that way.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.signal_rpc.methods import METHODS, MULTI, complaints
from tests.signal_rpc.people import Person, Shown

ACCOUNT: Final = "+15550100"
VERSION: Final = "0.13.19"
_HEAD: Final = b'{"jsonrpc":"2.0","method":"receive","params":{"subscription":%d,"result":'
DELETABLE_WITHIN: Final = 24 * 3600 * 1000


class Error(Exception):
    """An error answer."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass
class Refusal:
    """What sends are refused with: a result type, or an error code. ``times`` -1: always."""

    type: str = ""
    code: int = 0
    message: str = "refused"
    token: str | None = None
    retry_after: int | None = None
    times: int = 1
    person: str = ""
    method: str = "send"


@dataclass
class Breach:
    """A rule of the interface that a caller broke."""

    method: str
    what: str


@dataclass
class _Link:
    """One client. ``subscriptions`` are those it holds."""

    writer: asyncio.StreamWriter
    subscriptions: set[int] = field(default_factory=set)


class SignalDaemon:
    """A daemon on loopback, in manual receive mode; ``folder`` is where it puts files.

    ``silent`` are methods it never answers. ``cut_after`` ends the connection after so many bytes
    of the next message, ``dies_before_writing`` the daemon itself, and ``joins`` writes so many
    messages in one packet. ``now`` is Signal's time, in seconds since 1970.
    """

    def __init__(self, folder: Path | None = None, *, account: str = ACCOUNT) -> None:
        self.account = account
        self.account_uuid = "aaaaaaaa-0000-4000-8000-000000000000"
        self.folder = folder
        self.knows_account = True
        self.people: dict[str, Person] = {}
        self.breaches: list[Breach] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusals: list[Refusal] = []
        self.left_groups: list[str] = []
        self.at_server: deque[bytes] = deque()
        self.lost: list[bytes] = []
        self.news = asyncio.Condition()
        self.silent: set[str] = set()
        self.cut_after: int | None = None
        self.dies_before_writing = False
        self.joins = 0
        self._joined = b""
        self._links: list[_Link] = []
        self._subscriptions = 0
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stamp = 0
        self._files = 0
        self.port = 0
        self.path: Path | None = None
        self.now: Callable[[], float] = time.time

    # -- running

    async def start(self, path: Path | None = None) -> SignalDaemon:
        """Listen on a port of loopback (the same one after a restart), and at ``path`` if given."""
        if not self._servers:
            server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=64 << 20)
            self.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        if path is not None:
            self.path = path
            self._servers.append(await asyncio.start_unix_server(self._serve, path, limit=64 << 20))
        return self

    async def stop(self) -> None:
        """Die at once: connections are cut, whoever subscribed has to come again."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for link in list(self._links):
            link.writer.transport.abort()
        self._links.clear()
        await asyncio.sleep(0)

    async def __aenter__(self) -> SignalDaemon:
        return self if self._servers else await self.start()

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def rpc(self) -> str:
        """The place to be given to a program."""
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def subscribed(self) -> bool:
        return any(link.subscriptions for link in self._links)

    def tick(self) -> int:
        """A moment in milliseconds, each later than the one before."""
        self._stamp = max(self._stamp + 1, int(self.now() * 1000))
        return self._stamp

    def person(self, at: int, *, number: str | None = None, name: str = "Profile Name") -> Person:
        """Somebody new."""
        uuid = f"{at:08x}-0000-4000-8000-{at:012x}"
        return self.people.setdefault(uuid, Person(self, uuid, number, name))

    def keep_file(self, content: bytes, type: str, name: str | None) -> dict[str, Any]:
        """Put a file into the folder, as the daemon does before it hands the message over."""
        self._files += 1
        ending = {"image/jpeg": ".jpg", "audio/aac": ".aac"}.get(type, ".bin")
        file_id = f"AtTaChMeNt{self._files}{ending}"
        if self.folder is not None:
            (self.folder / file_id).write_bytes(content)
        return {
            "contentType": type, "filename": name, "id": file_id, "size": len(content),
            "width": None, "height": None, "caption": None, "uploadTimestamp": self.tick(),
        }  # fmt: skip

    # -- Signal's side

    def post(self, envelope: dict[str, Any], exception: dict[str, str] | None = None) -> None:
        """A message arrives at Signal's server."""
        body: dict[str, Any] = {"envelope": envelope, "account": self.account}
        if exception:
            body["exception"] = exception
        self.post_raw(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    def post_raw(self, body: bytes) -> None:
        """The same, as bytes that need not be what they should."""
        self.at_server.append(body)
        self._pump()

    def _pump(self) -> None:
        while self.at_server and self.subscribed:
            body = self.at_server.popleft()  # acknowledged: the server forgets it
            if self.dies_before_writing:
                self.lost.append(body)
                self._die()
                return
            for link in list(self._links):
                for number in link.subscriptions:
                    head = (
                        b'{"jsonrpc":"2.0","method":"receive","params":{"subscription":%d,"result":'
                    )
                    self._write_event(link, head % number + body + b"}}\n")

    def _write_event(self, link: _Link, line: bytes) -> None:
        if self.cut_after is not None:
            link.writer.write(line[: self.cut_after])
            self.cut_after = None
            self.lost.append(line)
            self._then(self._hang_up(link))
            return
        if self.joins:
            self.joins -= 1
            self._joined += line
            if self.joins:
                return
            line, self._joined = self._joined, b""
        link.writer.write(line)

    async def _hang_up(self, link: _Link) -> None:
        await link.writer.drain()
        link.subscriptions.clear()
        link.writer.close()

    def _die(self) -> None:
        self._then(self.stop())

    def _then(self, act: Any) -> None:
        task = asyncio.ensure_future(act)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the interface

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer)
        self._links.append(link)
        try:
            while line := await reader.readline():
                answer = await self._answer(link, line)
                if answer is not None:
                    writer.write(answer)
                    self._pump()
                async with self.news:
                    self.news.notify_all()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            link.subscriptions.clear()
            if link in self._links:
                self._links.remove(link)
            writer.close()

    async def _answer(self, link: _Link, line: bytes) -> bytes | None:
        try:
            request = json.loads(line)
        except ValueError:
            return _encode(_failure(None, Error(-32700, "Unrecognized token")))
        if isinstance(request, list):
            if not request:
                return _encode(_failure(None, Error(-32600, "invalid request")))
            answers = [self._one(link, each) for each in request]
            return _encode([each for each in answers if each is not None])
        answer = self._one(link, request)
        return None if answer is None else _encode(answer)

    def _one(self, link: _Link, request: Any) -> dict[str, Any] | None:
        if not isinstance(request, dict):
            return _failure(None, Error(-32600, "unexpected type"))
        if "method" not in request and ("result" in request or "error" in request):
            return None
        name = request.get("id")
        try:
            method, params = _checked(request)
            if method in self.silent:
                self.calls.append((method, params))
                return None
            result = self._carry_out(link, method, params)
        except Error as error:
            return _failure(name, error)
        return {"jsonrpc": "2.0", "result": result, "id": name}

    def _carry_out(self, link: _Link, method: str, params: dict[str, Any]) -> Any:
        if method not in METHODS:
            raise Error(-32601, "Method not implemented")
        account = params.pop("account", None)
        self.calls.append((method, dict(params)))
        if account is not None and (account != self.account or not self.knows_account):
            raise Error(-32602, "Specified account does not exist")
        if account is None and method not in MULTI:
            raise Error(-32602, "Method requires valid account parameter")
        for what in complaints(method, params):
            self.breaches.append(Breach(method, what))
        act: Callable[[_Link, dict[str, Any]], Any] = getattr(self, f"_do_{method}")
        return act(link, params)

    def _do_version(self, _link: _Link, _params: dict[str, Any]) -> Any:
        return {"version": VERSION}

    def _do_listAccounts(self, _link: _Link, _params: dict[str, Any]) -> Any:
        return [{"number": self.account}] if self.knows_account else []

    def _do_subscribeReceive(self, link: _Link, _params: dict[str, Any]) -> Any:
        number = self._subscriptions
        self._subscriptions += 1
        link.subscriptions.add(number)
        return number

    def _do_unsubscribeReceive(self, link: _Link, params: dict[str, Any]) -> Any:
        if params.get("subscription") not in link.subscriptions:
            raise Error(-1, "Unknown subscription id")
        link.subscriptions.remove(params["subscription"])
        return {}

    def _do_send(self, _link: _Link, params: dict[str, Any]) -> Any:
        person, refused = self._recipient(params, "send")
        stamp = self.tick()
        if refused is not None:
            return refused(stamp)
        text = params.get("message", "")
        if len(text.encode("utf-16-le")) // 2 > 2000:
            self.breaches.append(Breach("send", "a text longer than what stands in one message"))
        if "editTimestamp" in params:
            for shown in person.shown:
                if shown.ours and shown.stamp == params["editTimestamp"]:
                    shown.edited.append(shown.text)
                    shown.text = text
        else:
            person.shown.append(Shown(stamp, text, ours=True, timer=person.timer))
        return _result(stamp, person.uuid)

    def _do_remoteDelete(self, _link: _Link, params: dict[str, Any]) -> Any:
        person, refused = self._recipient(params, "remoteDelete")
        stamp = self.tick()
        if refused is not None:
            return refused(stamp)
        for shown in person.shown:
            young = stamp - shown.stamp <= DELETABLE_WITHIN
            if shown.ours and shown.stamp == params["targetTimestamp"] and young:
                shown.deleted = True
        return _result(stamp, person.uuid)

    def _do_sendReceipt(self, _link: _Link, params: dict[str, Any]) -> Any:
        person = self._known(params["recipient"])
        stamps = params["targetTimestamp"]
        person.receipts += stamps if isinstance(stamps, list) else [stamps]
        return _result(self.tick(), person.uuid)

    def _do_sendTyping(self, _link: _Link, params: dict[str, Any]) -> Any:
        for uuid in _listed(params["recipient"]):
            self._known(uuid).typing_seen += 1
        return _result(self.tick(), "")

    def _do_updateContact(self, _link: _Link, params: dict[str, Any]) -> Any:
        self._known(params["recipient"]).timer = params["expiration"]
        return {}

    def _do_listIdentities(self, _link: _Link, params: dict[str, Any]) -> Any:
        person = self._known(params["number"])
        return [
            {
                "number": person.number, "uuid": person.uuid,
                "fingerprint": f"05 {number:02x} {person.uuid}", "safetyNumber": "0" * 60,
                "scannableSafetyNumber": None, "trustLevel": "TRUSTED_UNVERIFIED",
                "addedTimestamp": 1_700_000_000_000 + number,
            }
            for number in range(1, person.keys + 1)
        ]  # fmt: skip

    def _do_quitGroup(self, _link: _Link, params: dict[str, Any]) -> Any:
        self.left_groups.append(params["groupId"])
        return {"timestamp": self.tick(), "results": []}

    def _do_trust(self, _link: _Link, _params: dict[str, Any]) -> Any:
        return {}

    def _known(self, uuid: str) -> Person:
        if uuid not in self.people:
            raise Error(-1, "Unregistered user")
        return self.people[uuid]

    def _recipient(
        self, params: dict[str, Any], method: str
    ) -> tuple[Person, Callable[[int], Any] | None]:
        """The one person written to, and what the send is refused with, if it is."""
        people = _listed(params["recipient"])
        if len(people) != 1:
            self.breaches.append(Breach(method, "not one recipient"))
        person = self._known(people[0])
        if not person.registered:
            return person, _raiser(Refusal(type="UNREGISTERED_FAILURE"), person.uuid)
        for refusal in self.refusals:
            if refusal.method == method and refusal.person in ("", person.uuid):
                refusal.times -= 1
                if not refusal.times:
                    self.refusals.remove(refusal)
                return person, _raiser(refusal, person.uuid)
        return person, None

    # -- waiting

    async def until_dead(self) -> None:
        """Wait until a death that has begun is over."""
        await asyncio.gather(*self._tasks)

    async def until(self, check: Callable[[], object], within: float = 20.0) -> None:
        """Wait until ``check()`` holds; it is looked at after each call that was answered."""
        async with asyncio.timeout(within), self.news:
            await self.news.wait_for(lambda: bool(check()))

    def made(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all calls of one method, in order."""
        return [params for name, params in self.calls if name == method]


def _checked(request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if request.get("jsonrpc") != "2.0":
        raise Error(-32600, "only jsonrpc version 2.0 is supported")
    if not isinstance(request.get("method"), str):
        raise Error(-32600, "method field must be set")
    params = request.get("params") or {}
    if not isinstance(params, dict):
        raise Error(-32600, "Cannot deserialize value")
    return request["method"], dict(params)


def _raiser(refusal: Refusal, uuid: str) -> Callable[[int], Any]:
    """What a refused send answers: an error whose data hold the results, as the daemon gives it."""

    def refuse(stamp: int) -> Any:
        if refusal.code and not refusal.type:
            raise Error(refusal.code, refusal.message)
        results = _result(stamp, uuid, refusal.type, refusal.token, refusal.retry_after)
        codes = {"IDENTITY_FAILURE": -4, "RATE_LIMIT_FAILURE": -5, "NETWORK_FAILURE": -3}
        code = refusal.code or codes.get(refusal.type, -1)
        raise Error(code, "Failed to send message due to ...", {"response": results})

    return refuse


def _result(
    stamp: int,
    uuid: str,
    type: str = "SUCCESS",
    token: str | None = None,
    retry_after: int | None = None,
) -> dict[str, Any]:
    fate: dict[str, Any] = {
        "recipientAddress": {"uuid": uuid, "number": None, "username": None},
        "type": type,
    }
    if token:
        fate["token"] = token
    if retry_after is not None:
        fate["retryAfterSeconds"] = retry_after
    return {"timestamp": stamp, "results": [fate]}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _failure(name: Any, error: Error) -> dict[str, Any]:
    body = {"code": error.code, "message": error.message, "data": error.data}
    return {"jsonrpc": "2.0", "error": body, "id": name}


def _encode(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
