"""The HTTP client, against real sockets that misbehave."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.channels.telegram import wire as wire_module
from bot.channels.telegram.wire import Answer, Wire, WireError

TOKEN = "1:SECRET"
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A raw server: ``serve`` is called for each connection; ``heads`` keeps every request."""

    def __init__(self) -> None:
        self.serve: Callable[[Reader, Writer], Awaitable[None]] = self.answer(OK)
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/base/path/"

    async def read(self, reader: Reader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        body = await reader.readexactly(size)
        self.bodies.append(body)
        return body

    def answer(self, *replies: bytes) -> Callable[[Reader, Writer], Awaitable[None]]:
        """Answer each request on a connection with the next of these; the last one stays."""

        async def serve(reader: Reader, writer: Writer) -> None:
            waiting = list(replies)
            while True:
                await self.read(reader)
                writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])

        return serve

    async def meet(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    found = Peer()
    server = await asyncio.start_server(found.meet, "127.0.0.1", 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    found.scheme = "https" if tls else "http"
    try:
        yield found
    finally:
        server.close()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def wire_to(found: Peer, **given: object) -> AsyncIterator[Wire]:
    wire = Wire(found.url, TOKEN, **given)  # type: ignore[arg-type]
    try:
        yield wire
    finally:
        await wire.close()
        await asyncio.sleep(0.01)


async def failure(call: Awaitable[Answer]) -> WireError:
    with pytest.raises(WireError) as caught:
        await call
    return caught.value


async def test_a_call_is_one_post_under_the_base_path() -> None:
    async with peer() as found, wire_to(found) as wire:
        answer = await wire.call("getMe", b'{"a":1}')
        assert (answer.status, answer.body) == (200, b"ok")
        assert found.heads[0].startswith(b"POST /base/path/bot1:SECRET/getMe HTTP/1.1\r\n")
        assert b"Host: 127.0.0.1:%d\r\n" % found.port in found.heads[0]
        assert found.bodies == [b'{"a":1}']


async def test_one_connection_serves_many_calls() -> None:
    async with peer() as found, wire_to(found) as wire:
        for _ in range(20):
            await wire.call("x", b"{}")
        assert found.connections == 1


async def test_a_hundred_calls_at_once_share_a_bounded_number_of_connections() -> None:
    open_now = most = 0

    async def serve(reader: Reader, writer: Writer) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while True:
                body = await found.read(reader)
                await asyncio.sleep(0.005)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        finally:
            open_now -= 1

    async with peer() as found, wire_to(found, connections=8) as wire:
        found.serve = serve
        answers = await asyncio.gather(*(wire.call("x", b'"%d"' % n) for n in range(100)))
        assert sorted(a.body for a in answers) == sorted(b'"%d"' % n for n in range(100))
        assert most <= 8


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
)


async def test_chunked_answers_are_put_together_and_the_connection_is_kept() -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(CHUNKED, OK)
        assert (await wire.call("x", b"{}")).body == b"abcdefg"
        assert (await wire.call("x", b"{}")).body == b"ok"
        assert found.connections == 1


async def test_an_answer_that_arrives_byte_by_byte_is_the_same() -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        await found.read(reader)
        for n in range(len(CHUNKED)):
            writer.write(CHUNKED[n : n + 1])
            await asyncio.sleep(0)

    async with peer() as found, wire_to(found) as wire:
        found.serve = serve
        assert (await wire.call("x", b"{}")).body == b"abcdefg"


async def test_interim_answers_are_passed_over() -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        assert (await wire.call("x", b"{}")).body == b"ok"


async def test_the_servers_wish_to_close_is_kept() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(closing)
        await wire.call("x", b"{}")
        await wire.call("x", b"{}")
        assert found.connections == 2


MALFORMED = [
    b"HELLO\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nno length at all",
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
]


@pytest.mark.parametrize("reply", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_answer_is_refused_and_may_have_been_carried_out(reply: bytes) -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(reply)
        error = await failure(wire.call("x", b"{}"))
        assert (error.reason, error.sent) == ("malformed-answer", True)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"a" * 2000,
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 990) for n in range(70)),
    ],
    ids=["announced", "absurd", "chunked", "headers"],
)
async def test_a_huge_answer_is_refused(reply: bytes) -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(reply)
        error = await failure(wire.call("x", b"{}", limit=1000))
        assert error.reason == "huge-answer"


async def test_a_second_answer_nobody_asked_for_closes_the_connection() -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(OK + OK)
        assert (await wire.call("x", b"{}")).body == b"ok"
        found.serve = found.answer(OK)
        assert (await wire.call("x", b"{}")).body == b"ok"
        assert found.connections == 2


async def test_a_slow_answer_is_a_timeout_and_may_have_been_carried_out() -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        error = await failure(wire.call("x", b"{}", timeout=0.05))
        assert (error.reason, error.sent) == ("timeout", True)
        found.serve = found.answer(OK)
        assert (await wire.call("x", b"{}")).body == b"ok"


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
async def test_a_connection_cut_during_a_call_leaves_it_in_doubt(sent: bytes) -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        await found.read(reader)
        writer.write(sent)
        await writer.drain()

    async with peer() as found, wire_to(found) as wire:
        found.serve = serve
        error = await failure(wire.call("x", b"{}", again=True))
        assert (error.reason, error.sent) == ("cut", True)
        assert len(found.bodies) == 1


async def _close_after_one(found: Peer) -> None:
    """Have the first connection take a second request and close without a word."""

    async def serve(reader: Reader, writer: Writer) -> None:
        await found.read(reader)
        writer.write(OK)
        if found.connections == 1:
            await found.read(reader)
        else:
            await found.answer(OK)(reader, writer)

    found.serve = serve


async def test_a_harmless_call_on_a_stale_connection_is_asked_once_more() -> None:
    async with peer() as found, wire_to(found) as wire:
        await _close_after_one(found)
        await wire.call("x", b"{}")
        assert (await wire.call("x", b"{}", again=True)).body == b"ok"
        assert found.connections == 2


async def test_a_message_on_a_stale_connection_is_never_sent_twice_by_the_wire() -> None:
    async with peer() as found, wire_to(found) as wire:
        await _close_after_one(found)
        await wire.call("x", b"{}")
        error = await failure(wire.call("x", b"{}", again=False))
        assert (error.reason, error.sent) == ("cut", True)
        assert found.connections == 1


async def test_a_connection_closed_while_idle_is_not_used() -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        await found.read(reader)
        writer.write(OK)

    async with peer() as found, wire_to(found) as wire:
        found.serve = serve
        for _ in range(3):
            assert (await wire.call("x", b"{}", again=False)).body == b"ok"
            await asyncio.sleep(0.02)
        assert found.connections == 3


async def test_a_long_idle_connection_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "KEEP_IDLE", 0.01)
    async with peer() as found, wire_to(found) as wire:
        await wire.call("x", b"{}")
        await asyncio.sleep(0.03)
        await wire.call("x", b"{}")
        assert found.connections == 2


async def test_a_cancelled_call_leaves_no_answer_for_the_next_one() -> None:
    async def serve(reader: Reader, writer: Writer) -> None:
        await found.read(reader)
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        await found.answer(OK)(reader, writer)

    async with peer() as found, wire_to(found) as wire:
        found.serve = serve
        call = asyncio.create_task(wire.call("x", b"{}"))
        await asyncio.sleep(0.02)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        found.serve = found.answer(OK)
        assert (await wire.call("x", b"{}")).body == b"ok"


async def test_nobody_there_is_unreachable_and_surely_not_carried_out() -> None:
    async with peer() as found:
        port = found.port
    wire = Wire(f"http://127.0.0.1:{port}", TOKEN)
    error = await failure(wire.call("x", b"{}"))
    assert (error.reason, error.sent) == ("unreachable", False)


async def test_a_closed_wire_opens_nothing_more_and_closing_twice_does_no_harm() -> None:
    async with peer() as found, wire_to(found) as wire:
        await wire.call("x", b"{}")
        await wire.close()
        await wire.close()
        assert (await failure(wire.call("x", b"{}"))).reason == "closed"


@pytest.mark.parametrize("url", ["", "ftp://x", "x.org", "http://", "https://a:b@x.org"])
def test_addresses_that_are_none_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="Bot API address") as caught:
        Wire(url, TOKEN)
    assert "a:b" not in str(caught.value)


def _certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "both.pem").write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


async def test_https_is_spoken_and_strangers_certificates_are_refused(tmp_path: Path) -> None:
    server, client = _certificate(tmp_path)
    async with peer(server) as found:
        async with wire_to(found, tls=client) as wire:
            assert (await wire.call("x", b"{}")).body == b"ok"
            assert (await wire.call("x", b"{}")).body == b"ok"
            assert found.connections == 1
        async with wire_to(found) as wire:
            error = await failure(wire.call("x", b"{}"))
            assert (error.reason, error.sent) == ("unreachable", False)


async def _download(wire: Wire, limit: int) -> bytes:
    return b"".join([piece async for piece in wire.download("photos/a b.jpg", limit=limit)])


async def test_a_file_is_streamed_whole_and_within_its_limit() -> None:
    content = bytes(range(256)) * 8192
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(reply)
        assert await _download(wire, len(content)) == content
        assert found.heads[0].startswith(b"GET /base/path/file/bot1:SECRET/photos/a%20b.jpg HTTP")
        with pytest.raises(WireError, match="huge-answer"):
            await _download(wire, len(content) - 1)


async def test_a_fast_server_waits_for_a_slow_reader() -> None:
    content = b"x" * (16 << 20)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(reply)
        largest = total = 0
        async for piece in wire.download("a", limit=len(content)):
            largest, total = max(largest, len(piece)), total + len(piece)
            await asyncio.sleep(0.001)
        assert total == len(content)
        assert largest < 1 << 20


async def test_a_file_that_is_not_there_or_is_cut_says_so() -> None:
    async with peer() as found, wire_to(found) as wire:
        found.serve = found.answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
        with pytest.raises(WireError, match="not-found"):
            await _download(wire, 100)

        async def cut(reader: Reader, writer: Writer) -> None:
            await found.read(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nno")
            await writer.drain()

        found.serve = cut
        with pytest.raises(WireError, match="cut"):
            await _download(wire, 100)


async def test_no_error_of_the_wire_shows_the_token() -> None:
    async with peer() as found, wire_to(found) as wire:
        errors = []
        for reply in (MALFORMED[0], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"):
            found.serve = found.answer(reply)
            errors.append(await failure(wire.call("x", b"{}", timeout=0.05)))
        found.port = 1
    async with wire_to(found) as wire:
        errors.append(await failure(wire.call("x", b"{}")))
    for error in errors:
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(wire)
        assert "SECRET" not in shown
        assert error.__cause__ is None
        assert error.__suppress_context__
