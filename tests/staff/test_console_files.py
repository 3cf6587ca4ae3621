"""Files in the console: shown as copies, played, saved, written down; and nothing of them runs."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

import bot.previews
from bot.app import make_tools
from bot.channels.webchat import WebChat
from bot.messages import Address, Inbound, Media
from bot.previews import NoPreview, Previews
from bot.services.attachments import Attachments
from bot.services.intake import Intake
from bot.services.permissions import Actor
from bot.staff.web.downloads import SANDBOX, disposition, ending_of, safe_name
from bot.uploads import SealedUploads
from storage.database import Case, Database
from storage.shelf import Shelf
from storage.vault import PrivateKey
from tests import real_files
from tests.bot.rooms import settings
from tests.bot.waiting_room import tied_family
from tests.conftest import Clock
from tests.flows.test_flow_data import a_set, question, said
from tests.staff.console_room import Room, Visitor, demonstration, make_room, told_by
from tests.staff.filed import Sent, filed_case, give

RTL = "\u202egpj.exe"
SENT: Sent = {
    "house.jpg": ("photo", real_files.jpeg_with_gps()),
    "voice.oga": ("voice", real_files.voice()),
    "تقرير.pdf": ("document", real_files.pdf()),
    RTL: ("document", real_files.gif_and_zip()),
    "page.svg": ("document", real_files.svg()),
    "bomb.png": ("document", real_files.png_bomb()),
    "cut.jpg": ("photo", real_files.jpeg_with_gps()[:5000]),
}
LATE: Sent = {"late.jpg": ("photo", real_files.jpeg_with_gps(200, 100))}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite is enough here: what differs between the databases is tried below the console."""
    return sqlite_url


@pytest.fixture
def room(
    database: Database, clock: Clock, tmp_path: Path, vault_key: PrivateKey,
    recovery_key: PrivateKey,
) -> Room:  # fmt: skip
    keyring = demonstration(tmp_path / "private" / "keyring", vault_key, recovery_key)
    made = make_room(database, clock, keyring)
    # Its five seconds on the clock are tried by themselves: this machine may be a slow one.
    made.services.files._previews = Previews(within=120.0)
    return made


async def opened(room: Room, to: Actor) -> tuple[Case, dict[str, str]]:
    """A case of ``to`` with every file there is."""
    shelf, now = Shelf(room.settings.attachments_dir), room.clock()
    case, handles = await filed_case(room.database, shelf, told_by(7, now), now, SENT, late=LATE)
    await give(room.database, case, to, now)
    return case, handles


async def reader(room: Room) -> tuple[Visitor, str, dict[str, str]]:
    visitor = await room.enter("caseworker")
    case, handles = await opened(room, await visitor.actor())
    return visitor, f"/cases/{case.handle}", handles


async def test_the_page_shows_every_file_in_the_order_of_time(room: Room) -> None:
    visitor, case, handles = await reader(room)
    page = (await visitor.get(case)).text
    assert re.findall(r'<li id="f([0-9a-f]{32})"', page) == list(handles.values())
    for name in ("house.jpg", "late.jpg", "cut.jpg", "bomb.png", RTL):
        assert f"{handles[name]}/picture" in page
    assert f"{handles['voice.oga']}/sound" in page
    assert f"{handles['page.svg']}/picture" not in page
    assert f'href="#f{handles["voice.oga"]}"' in page  # from the answer to its file
    assert "gpj.exe" in page
    assert "\u202e" not in page
    assert "<script>" not in page.replace("<script src=", "")


async def test_a_picture_is_a_copy_without_exif_and_place(room: Room) -> None:
    visitor, case, handles = await reader(room)
    for name, size in (("house.jpg", (480, 640)), ("late.jpg", (100, 200)), (RTL, (40, 30))):
        answer = await visitor.get(f"{case}/files/{handles[name]}/picture")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        copy = Image.open(io.BytesIO(answer.content))
        assert copy.size == size  # turned upright
        assert not copy.getexif()
        assert not copy.info.get("comment")
        assert real_files.MARK.encode() not in answer.content
        guarded(answer)


@pytest.mark.parametrize("name", ["bomb.png", "cut.jpg", "page.svg", "تقرير.pdf", "voice.oga"])
async def test_what_cannot_be_copied_safely_is_not_shown_but_can_be_saved(
    room: Room, name: str
) -> None:
    visitor, case, handles = await reader(room)
    at = f"{case}/files/{handles[name]}"
    assert (await visitor.get(f"{at}/picture")).status_code == 415
    saved = await visitor.get(f"{at}/download")
    assert saved.content == SENT[name][1]


async def test_a_download_is_bytes_and_nothing_else(room: Room) -> None:
    visitor, case, handles = await reader(room)
    for name, (_kind, content) in SENT.items():
        answer = await visitor.get(f"{case}/files/{handles[name]}/download")
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith('attachment; filename="')
        assert answer.headers["content-length"] == str(len(content))
        guarded(answer)


def guarded(answer: object) -> None:
    headers = answer.headers  # type: ignore[attr-defined]
    assert headers["content-security-policy"] == SANDBOX
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_voice_note_plays_whole_and_in_parts(room: Room) -> None:
    visitor, case, handles = await reader(room)
    at, whole = f"{case}/files/{handles['voice.oga']}/sound", SENT["voice.oga"][1]
    answer = await visitor.get(at)
    assert (answer.content, answer.headers["content-type"]) == (whole, "audio/ogg")
    guarded(answer)
    for wanted, start, end in (("0-9", 0, 10), ("10-", 10, None), ("5-99999", 5, None)):
        part = await visitor.get(at, headers={"Range": f"bytes={wanted}"})
        assert (part.status_code, part.content) == (206, whole[start:end])
        last = (end or len(whole)) - 1
        assert part.headers["content-range"] == f"bytes {start}-{last}/{len(whole)}"
    beyond = await visitor.get(at, headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416
    assert (await visitor.get(at, headers={"Range": "bytes=-5"})).content == whole
    assert (await visitor.get(f"{case}/files/{handles['house.jpg']}/sound")).status_code == 415


async def test_what_was_heard_stands_beside_the_original_with_name_and_day(room: Room) -> None:
    visitor, case, handles = await reader(room)
    row = await visitor.get(case)
    await room.task(await _case(room, case), "listen")
    at = f"{case}/files/{handles['voice.oga']}"
    for words in ("سمعت أنه كان في حمص", "and later in Aleppo"):
        answer = await visitor.post(f"{at}/transcript", {"transcript": words})
        assert answer.status_code == 303
    page = (await visitor.get(case)).text
    me = await visitor.actor()
    assert page.index("سمعت أنه كان في حمص") < page.index("and later in Aleppo")
    assert page.count("Written down by</span>") == 0
    assert page.count("Written down by") == 2
    assert me.name in page
    assert row.text.count("<audio") == page.count("<audio") == 1
    tasks = await room.services.cases.tasks(me)
    assert "listen" not in [task.reason for task in tasks]
    empty = await visitor.post(f"{at}/transcript", {"transcript": "  "})
    assert empty.status_code == 409


async def _case(room: Room, path: str) -> Case:
    handle = path.rpartition("/")[2]
    return await room.database.run(lambda work: work.cases.get_by_handle(handle))


async def test_each_opening_is_noted_and_the_rest_of_a_sound_is_not_another(room: Room) -> None:
    visitor, case, handles = await reader(room)
    at = f"{case}/files/{handles['voice.oga']}"
    for wanted in ("bytes=0-", "bytes=100-", "bytes=200-"):
        await visitor.get(f"{at}/sound", headers={"Range": wanted})
    await visitor.get(f"{at}/download")
    async with room.database.begin() as work:
        acts = [act.verb for act in await work.audit.about(case.rpartition("/")[2])]
    assert acts.count("attachment.open") == 2


async def test_a_file_of_another_case_is_no_file_of_this_one(room: Room) -> None:
    visitor, case, handles = await reader(room)
    other, others = await opened(room, await visitor.actor())
    for what in ("picture", "sound", "download"):
        answer = await visitor.get(f"{case}/files/{others['house.jpg']}/{what}")
        assert answer.status_code == 403
    words = {"transcript": "x"}
    answer = await visitor.post(f"{case}/files/{others['house.jpg']}/transcript", words)
    assert answer.status_code == 403
    assert other.handle not in case
    assert handles


async def test_a_file_that_is_gone_or_exchanged_is_said_so_and_not_shown(room: Room) -> None:
    visitor, case, handles = await reader(room)
    directory = room.settings.attachments_dir
    for path in directory.iterdir():
        path.write_bytes(b"\0" * path.stat().st_size)
    answer = await visitor.get(f"{case}/files/{handles['house.jpg']}/download")
    assert (answer.status_code, "not where it should be" in answer.text) == (410, True)
    for path in list(directory.iterdir()):
        path.unlink()
    assert (await visitor.get(f"{case}/files/{handles['voice.oga']}/sound")).status_code == 410


# What a caseworker's own question asks for

PAPERS = question(
    "attachment", "q1", kinds=["photo", "document"], many=True, title=said("الأوراق", "Papers")
)
YEAR = question("date", "q2", title=said("السنة", "The year"), when={"given": "q1"}, ways=["skip"])


async def test_what_a_caseworkers_own_question_asks_for_is_shown_at_the_case(
    room: Room, clock: Clock, tmp_path: Path
) -> None:
    visitor, person = await room.enter("caseworker"), "a" * 32
    me, follow_ups = await visitor.actor(), room.services.follow_ups
    tools, shelf = make_tools(settings()), Shelf(room.settings.attachments_dir)
    uploads = SealedUploads(Shelf(tmp_path / "uploads"))
    page = WebChat(uploads=uploads)
    case, _contact = await tied_family(room.database, clock, person, "en", (page.name, ""))
    await room.give(case, me)
    kept = await follow_ups.save_set(me, a_set(PAPERS, YEAR))
    await follow_ups.plan(me, case.handle, kept.name)
    await follow_ups.ask_all_due()
    intake = Intake(
        room.database, tools, {page.name: page.limits},
        clock=clock, wake=lambda _channel, _account: None,
    )  # fmt: skip

    async def picture(size: int) -> Media:
        async def pieces() -> AsyncIterator[bytes]:
            yield real_files.jpeg_with_gps(size, size)

        return Media("photo", await uploads.put(pieces()), None, "image/jpeg", "p.jpg")

    said: tuple[str | Media, ...] = (
        "open", "yes", await picture(20), await picture(30), "done", "2013", "yes", "send",
    )  # fmt: skip
    for number, one in enumerate(said):
        kind, what = ("text", "text") if isinstance(one, str) else ("media", "media")
        told: dict[str, Any] = {"kind": kind, what: one, "message_id": f"{number}"}
        await intake.receive([Inbound(Address(page.name, "", person), f"{number}", **told)])
    await Attachments(room.database, shelf, [page], tools, clock=clock).fetch_due()
    shown = (await visitor.get(f"/cases/{case.handle}")).text
    handles = re.findall(r'<li id="f([0-9a-f]{32})"', shown)
    assert len(handles) == 2
    assert shown.count("answer to: Papers") == 2
    assert "The year" in shown
    for handle in handles:
        assert f'href="#f{handle}"' in shown  # from the answer to its file
        answer = await visitor.get(f"/cases/{case.handle}/files/{handle}/picture")
        assert answer.headers["content-type"] == "image/jpeg"


# Names


NAMES = [
    ("house.jpg", "image/jpeg", "house.jpg"),
    ("house", "image/jpeg", "house.jpg"),
    ("../../etc/passwd", "application/pdf", "etc_passwd.pdf"),
    ("a/b\\c:d*e?.pdf", "application/pdf", "a_b_c_d_e.pdf"),
    ("photo.jpg.exe", "application/x-executable", "photo.jpg.exe.bin"),
    (RTL, "image/gif", "gpj.exe.gif"),
    ("\0\r\nX-Evil: 1", "application/pdf", "X-Evil_ 1.pdf"),
    ("تقرير الشرطة.pdf", "application/pdf", "تقرير الشرطة.pdf"),
    ("paper.docx", "application/zip", "paper.docx"),
    ("paper.docm", "application/zip", "paper.docm.zip"),
    ("list.doc", "application/x-ole-storage", "list.doc"),
    (".htaccess", "text/html", "htaccess.bin"),
    ("CON", "application/pdf", "CON.pdf"),
    ("", "audio/ogg", "file.ogg"),
    ("x" * 255 + ".pdf", "application/pdf", "x" * 80 + ".pdf"),
    ("\ud800.pdf", "application/pdf", "file.pdf"),
]


@pytest.mark.parametrize(("name", "kind", "safe"), NAMES)
def test_a_name_is_a_claim_and_never_a_path(name: str, kind: str, safe: str) -> None:
    assert safe_name(name, kind) == safe
    header = disposition(name, kind, "0123456789abcdef" * 2)
    assert re.fullmatch(
        r"attachment; filename=\"01234567\.\w+\"; filename\*=UTF-8''[\w.%~-]+", header
    )
    assert header.isascii()
    if name:
        assert unquote(header.partition("UTF-8''")[2]) == safe


def test_what_has_no_known_type_is_called_bytes() -> None:
    assert ending_of("application/octet-stream", "a.exe") == "bin"


# The process that makes copies


async def test_a_child_that_takes_too_long_is_ended_and_nothing_is_shown() -> None:
    begun = time.monotonic()
    with pytest.raises(NoPreview):
        await Previews(within=0.0).copy([real_files.png()])
    assert time.monotonic() - begun < 60


async def test_a_child_can_write_no_file_and_reach_nobody(tmp_path: Path) -> None:
    """What the child gives up is tried from inside it."""
    code = (
        "import os, runpy, socket, sys\n"
        "child = runpy.run_path(sys.argv[1])\n"
        "child['shut_in']()\n"
        "file = os.open(sys.argv[3], os.O_CREAT | os.O_WRONLY)\n"
        "try:\n    os.write(file, b'x' * 10)\n"
        "except OSError:\n    print('no file')\n"
        "try:\n    bytearray(400 << 20)\n"
        "except MemoryError:\n    print('no memory')\n"
        "try:\n    socket.create_connection(('127.0.0.1', int(sys.argv[2])), 2)\n"
        "except OSError:\n    print('no network')\n"
    )
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    path = Path(bot.previews.__file__).with_name("preview_child.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(path),
        str(port),
        str(tmp_path / "here"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _err = await process.communicate()
    server.close()
    said = out.decode().split("\n")
    assert said[:2] == ["no file", "no memory"]
    assert "no network" in said or not _may_unshare()


def _may_unshare() -> bool:
    tried = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.parametrize(
    "mode_and_size", [("RGBA", 6000, 4000), ("P", 3000, 3000), ("L", 6000, 4000)], ids=str
)
async def test_large_but_honest_pictures_are_copied(mode_and_size: tuple[str, int, int]) -> None:
    copy = await Previews(within=60).copy([real_files.png(*mode_and_size)])
    assert max(Image.open(io.BytesIO(copy)).size) == 1600
