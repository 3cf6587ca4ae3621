"""The webhook: what gets in, what is kept, and that 200 means committed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from bot.channels.base import Receive
from bot.channels.telegram import TelegramChannel
from bot.channels.telegram.webhook import MOST_BODY, derive_path
from bot.messages import Inbound, Unreadable
from tests.channels.telegram_server import ScriptedApi, channel_to, done, refusal, scripted_api

SECRET = "S3cret-secret_S3cret"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
Batch = Sequence[Inbound | Unreadable]


def text(number: int) -> bytes:
    chat = {"id": 5, "type": "private"}
    message = {"message_id": number, "date": 1_790_000_000, "chat": chat, "text": "x"}
    return json.dumps({"update_id": number, "message": message}).encode()


class Place:
    """A channel in webhook mode, listening behind a real HTTP server."""

    def __init__(self, api: ScriptedApi, channel: TelegramChannel, port: int) -> None:
        self.api, self.channel, self.port = api, channel, port

    async def request(
        self,
        body: bytes = b"",
        headers: Sequence[tuple[str, bytes]] = ((HEADER, SECRET.encode()),),
        *,
        method: str = "POST",
        path: str = "",
        chunked: bool = False,
    ) -> int:
        """One request on a connection of its own; the status it was answered with."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        where = path or self.channel.webhook_path
        lines = [f"{method} {where} HTTP/1.1".encode(), b"Host: x", b"Connection: close"]
        lines += [name.encode() + b": " + value for name, value in headers]
        if chunked:
            lines.append(b"Transfer-Encoding: chunked")
        elif method == "POST":
            lines.append(b"Content-Length: %d" % len(body))
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        try:
            await self._write(writer, body, chunked)
            head = await asyncio.wait_for(reader.readline(), 10)
        finally:
            writer.close()
        return int(head.split()[1])

    async def _write(self, writer: asyncio.StreamWriter, body: bytes, chunked: bool) -> None:
        if not chunked:
            writer.write(body)
            return
        for start in range(0, len(body), 65536):
            piece = body[start : start + 65536]
            writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        writer.write(b"0\r\n\r\n")

    async def hear(self, number: int) -> int:
        return await self.request(text(number))


@asynccontextmanager
async def place(receive: Receive) -> AsyncIterator[Place]:
    async with (
        scripted_api() as api,
        channel_to(
            api.url, mode="webhook", public_url="https://athar.example/", secret=SECRET
        ) as channel,
    ):
        config = uvicorn.Config(
            channel.webhook_app, port=0, lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        listening = asyncio.create_task(channel.listen(receive))
        async with asyncio.timeout(60):
            await api.until("setWebhook", seconds=60)
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Place(api, channel, port)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            server.should_exit = True
            await serving


class Cellar:
    def __init__(self) -> None:
        self.batches: list[list[Inbound | Unreadable]] = []
        self.broken = False

    async def receive(self, batch: Batch) -> None:
        if self.broken:
            raise RuntimeError("CANARY")
        self.batches.append(list(batch))

    @property
    def kept(self) -> list[str]:
        return [each.update_id for batch in self.batches for each in batch]


async def test_the_webhook_is_set_with_its_secret_and_kinds() -> None:
    async with place(Cellar().receive) as here:
        assert here.api.of("setWebhook")[0] == {
            "url": "https://athar.example" + derive_path(SECRET),
            "secret_token": SECRET,
            "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"],
            "max_connections": 40,
        }
        assert SECRET not in here.api.of("setWebhook")[0]["url"]


async def test_an_update_is_kept_and_only_then_acknowledged() -> None:
    release, inside = asyncio.Event(), asyncio.Event()

    async def receive(batch: Batch) -> None:
        inside.set()
        await release.wait()

    async with place(receive) as here:
        call = asyncio.create_task(here.hear(1))
        await inside.wait()
        await asyncio.sleep(0.1)
        assert not call.done()
        release.set()
        assert await call == 200


async def test_what_cannot_be_committed_is_answered_503_and_may_come_again() -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        cellar.broken = True
        with capture_logs() as logs:
            assert await here.hear(1) == 503
        assert "CANARY" not in repr(logs)
        cellar.broken = False
        assert await here.hear(1) == 200
        assert cellar.kept == ["1"]


def _waiting(channel: TelegramChannel) -> int:
    return len(channel._counter._waiting) if channel._counter is not None else 0


async def test_updates_that_arrive_during_a_commit_go_into_the_next_one_together() -> None:
    release, inside = asyncio.Event(), asyncio.Event()
    sizes: list[int] = []

    async def receive(batch: Batch) -> None:
        sizes.append(len(batch))
        inside.set()
        await release.wait()

    async with place(receive) as here:
        calls = [asyncio.create_task(here.hear(0))]
        await inside.wait()
        calls += [asyncio.create_task(here.hear(n)) for n in range(1, 30)]
        async with asyncio.timeout(10):
            while sum(sizes) + _waiting(here.channel) < 30:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        release.set()
        assert await asyncio.gather(*calls) == [200] * 30
        assert sizes == [1, 29]


OTHER = b"x" * len(SECRET)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((HEADER, b""),),
        ((HEADER, OTHER),),
        ((HEADER, SECRET.encode() + b"x"),),
        ((HEADER, SECRET[:-1].encode()),),
        ((HEADER, b"\xff\xfe\xc3\xa9"),),
        ((HEADER, "سر".encode()),),
        ((HEADER, b"x" * 20_000),),
        ((HEADER, SECRET.encode()), (HEADER, SECRET.encode())),
        ((HEADER, SECRET.encode()), (HEADER, OTHER)),
        ((HEADER, OTHER), (HEADER, SECRET.encode())),
    ],
    ids=range(11),
)
async def test_without_the_one_right_secret_nothing_gets_in(
    headers: Sequence[tuple[str, bytes]],
) -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        assert await here.request(text(1), headers) == 401
        assert await here.request(b"x" * (2 << 20), headers, chunked=True) == 401
        assert cellar.kept == []
        assert await here.hear(2) == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_post_is_spoken(method: str) -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        assert await here.request(method=method) == 405
        assert cellar.kept == []


async def test_another_path_is_not_there() -> None:
    async with place(Cellar().receive) as here:
        assert await here.request(text(1), path="/telegram/x") == 404
        assert await here.request(text(1), path="/") == 404


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_a_mebibyte_is_refused(chunked: bool) -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        assert await here.request(b" " * (2 << 20), chunked=chunked) == 413
        assert await here.request(b" " * (MOST_BODY + 1), chunked=chunked) == 413
        assert cellar.kept == []
        fits = text(1) + b" " * (MOST_BODY - len(text(1)))
        assert await here.request(fits, chunked=chunked) == 200
        assert cellar.kept == ["1"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not-json"),
        (b"[1]", "not-an-object"),
        (b"\xff\xfe", "not-json"),
        (b'{"update_id":3}', "unknown-kind"),
        (b'{"x":' + b"[" * 500_000, "too-deep"),
    ],
)
async def test_an_unreadable_body_is_kept_aside_and_not_asked_for_again(
    body: bytes, reason: str
) -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        assert await here.request(body) == 200
        (event,) = cellar.batches[0]
        assert isinstance(event, Unreadable)
        assert (event.reason, event.raw) == (reason, body)


async def test_an_empty_body_is_no_update() -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        assert await here.request(b"") == 400
        assert cellar.kept == []


async def test_before_listening_and_after_it_nothing_is_acknowledged() -> None:
    async with place(Cellar().receive) as here:
        counter = here.channel._counter
        here.channel._counter = None
        assert await here.hear(1) == 503
        here.channel._counter = counter
        await here.channel.close()
        assert await here.hear(1) == 503


async def test_one_body_a_hundred_times_at_once_is_a_hundred_times_200() -> None:
    cellar = Cellar()
    async with place(cellar.receive) as here:
        assert await asyncio.gather(*(here.hear(7) for _ in range(100))) == [200] * 100
        assert cellar.kept == ["7"] * 100


async def test_a_webhook_that_is_already_ours_is_left_alone_and_a_foreign_one_replaced() -> None:
    url = "https://athar.example" + derive_path(SECRET)
    kinds = ["message", "edited_message", "callback_query", "my_chat_member"]
    ours = {"url": url, "max_connections": 40, "allowed_updates": kinds}
    async with scripted_api() as api:
        api.script["getWebhookInfo"] = [done(ours)]
        async with channel_to(
            api.url, mode="webhook", public_url="https://athar.example", secret=SECRET
        ) as channel:
            listening = asyncio.create_task(channel.listen(Cellar().receive))
            await api.until("getWebhookInfo", 2)
            assert api.of("setWebhook") == []
            with capture_logs() as logs:
                api.script["getWebhookInfo"] = [done({"url": "https://elsewhere.example"})]
                await api.until("setWebhook", seconds=60)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        reasons = {each["reason"] for each in logs if each["event"] == "telegram_alarm"}
        assert reasons == {"foreign-webhook"}


async def test_a_webhook_telegram_refuses_ends_the_listening() -> None:
    async with scripted_api() as api:
        api.script["setWebhook"] = [refusal(400, "Bad Request: bad webhook: HTTPS url must be")]
        async with channel_to(
            api.url, mode="webhook", public_url="https://athar.example", secret=SECRET
        ) as channel:
            with pytest.raises(Exception, match="refused"):
                await channel.listen(Cellar().receive)


@pytest.mark.parametrize(
    ("secret", "public_url"),
    [("", "https://x.example"), ("a b", "https://x.example"), ("a" * 257, "https://x"), ("a", "")],
)
def test_a_webhook_without_a_sound_secret_or_address_is_refused(
    secret: str, public_url: str
) -> None:
    with pytest.raises(ValueError, match="webhook mode needs"):
        TelegramChannel("1:x", mode="webhook", secret=secret, public_url=public_url)


def test_the_path_depends_on_the_secret_and_does_not_show_it() -> None:
    assert derive_path("a") != derive_path("b")
    assert derive_path("a") == derive_path("a")
    assert SECRET not in derive_path(SECRET)


def _scope(**given: Any) -> dict[str, Any]:
    return {"type": "http", "path": "/", "method": "POST", "headers": [], **given}


async def test_a_websocket_is_turned_away() -> None:
    channel = TelegramChannel("1:x", secret=SECRET)
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    assert channel.webhook_app is not None
    await channel.webhook_app(_scope(type="websocket"), receive, send)
    assert said == [{"type": "websocket.close"}]


async def test_a_path_that_is_no_unicode_is_only_not_found() -> None:
    channel = TelegramChannel("1:x", secret=SECRET)
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    assert channel.webhook_app is not None
    await channel.webhook_app(_scope(path="/\udcff"), receive, send)
    assert said[0]["status"] == 404
