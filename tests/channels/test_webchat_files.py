"""Files over the page: streamed into a sealed box, said to the service, fetched like any other."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.base import Undelivered
from bot.channels.webchat import WebChat
from bot.messages import Inbound, Media
from bot.uploads import SealedUploads
from storage.shelf import Shelf
from tests.channels.web_room import Keeper

LARGEST = 20 << 20
HOST = "http://127.0.0.1:8080"


class Page:
    """A browser on the page."""

    def __init__(self, path: Path, *, room: bool = True) -> None:
        self.shelf = Shelf(path / "uploads")
        self.chat = WebChat(uploads=SealedUploads(self.shelf, lambda: room))
        self.keeper = Keeper()
        self.chat._receive = self.keeper.receive
        transport = httpx.ASGITransport(app=self.chat.app)
        self.client = httpx.AsyncClient(
            transport=transport, base_url=HOST, headers={"Origin": HOST}
        )
        self.mark = ""

    async def open(self) -> None:
        answer = await self.client.post("/open", json={"language": "en"})
        self.mark = answer.json()["mark"]

    async def send(self, content: Any, **about: Any) -> httpx.Response:
        said = {
            "id": secrets.token_hex(16), "mark": self.mark, "type": "image/png",
            "name": "CANARY تقرير.png", "language": "en", **about,
        }  # fmt: skip
        header = base64.b64encode(json.dumps(said).encode()).decode()
        return await self.client.post("/file", content=content, headers={"X-Athar-File": header})

    def on_disk(self) -> list[Path]:
        directory = self.shelf.directory
        return sorted(directory.iterdir()) if directory.exists() else []

    @property
    def media(self) -> Media:
        (inbound,) = self.keeper.kept
        assert isinstance(inbound, Inbound)
        assert inbound.media is not None
        return inbound.media

    async def fetched(self) -> bytes:
        return b"".join([piece async for piece in self.chat.fetch(self.media.provider_id)])


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    opened = Page(tmp_path)
    await opened.open()
    yield opened
    await opened.client.aclose()


async def test_a_file_is_kept_sealed_said_fetched_and_dropped(page: Page) -> None:
    content = b"CANARY of a picture" * 5000
    answer = await page.send(content)
    assert answer.status_code == 204
    assert (page.media.kind, page.media.type, page.media.name) == (
        "photo", "image/png", "CANARY تقرير.png"
    )  # fmt: skip
    (file,) = page.on_disk()
    assert b"CANARY" not in file.read_bytes()
    assert file.name in page.media.provider_id
    assert await page.fetched() == content == await page.fetched()
    await page.chat.drop(page.media.provider_id)
    await page.chat.drop(page.media.provider_id)
    assert page.on_disk() == []
    with pytest.raises(Undelivered, match="file-gone"):
        await page.fetched()


@pytest.mark.parametrize(("size", "status"), [(0, 422), (LARGEST, 204), (LARGEST + 1, 413)])
async def test_what_is_too_large_or_empty_is_refused_and_leaves_nothing(
    page: Page, size: int, status: int
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        left = size
        while left:
            some = min(left, 1 << 20)
            left -= some
            yield bytes(some)

    answer = await page.send(pieces())
    assert answer.status_code == status
    assert len(page.on_disk()) == len(page.keeper.kept) == (status == 204)


@pytest.mark.parametrize("failing", ["failing", "full"])
async def test_what_the_service_does_not_keep_leaves_nothing(page: Page, failing: str) -> None:
    setattr(page.keeper, failing, True)
    assert (await page.send(b"x")).status_code in (429, 503)
    assert page.on_disk() == []


async def test_the_part_of_an_upload_whose_process_died_goes_and_one_under_way_stays(
    page: Page,
) -> None:
    with page.shelf.take_in() as incoming:
        incoming.write(b"x" * 100_000)
        held = page.on_disk()
        (page.shelf.directory / ("a" * 32 + ".part")).write_bytes(b"noise")
        uploads = SealedUploads(Shelf(page.shelf.directory))
        assert await uploads.sweep() == 1
        assert page.on_disk() == held
        assert await uploads.clear_parts() == 0


async def test_with_little_room_no_file_is_taken(tmp_path: Path) -> None:
    page = Page(tmp_path, room=False)
    await page.open()
    assert (await page.send(b"x")).status_code == 503
    assert (page.on_disk(), page.keeper.kept) == ([], [])
    await page.client.aclose()


@pytest.mark.parametrize(
    "header", ["", "no base64!", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode()]
)
async def test_a_file_nothing_is_said_of_is_refused(page: Page, header: str) -> None:
    answer = await page.client.post("/file", content=b"x", headers={"X-Athar-File": header})
    assert (answer.status_code, page.on_disk()) == (400, [])


async def test_another_conversations_page_sends_no_file_here(page: Page) -> None:
    assert (await page.send(b"x", mark="0" * 12)).status_code == 409
    assert page.on_disk() == []


async def test_without_a_place_for_files_there_is_no_button(page: Page) -> None:
    shown = (await page.client.get("/")).text
    assert 'id="attach" data-label="attach">' in shown
    bare = WebChat()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=bare.app), base_url=HOST
    ) as client:
        assert 'id="attach" data-label="attach" hidden>' in (await client.get("/")).text
