"""The canary: marked words go through everything, and nothing of them may be left anywhere.

First the scanner has to show that it finds what there is to find: each coding, each place.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import html
import json
import os
import signal
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from flows.text import LANGUAGES, Language
from tests import real_files
from tests.bot_api import BotApiServer, Fault, Person
from tests.families import Family, Press, Said, Talker, invent
from tests.postgres import Server
from tests.running.canary import Canary
from tests.running.program import NO_FLOOD, Plants, Starter
from tests.running.stay import Mode, Stay, environment
from tests.running.test_journeys import begin, codes_of, kept, screen, until, walk
from tests.storage.talks import meddle

LATIN, ARABIC = "Nachtigall Zwölfe", "عندليب البستان"
KEY = bytes(range(7, 39))

HIDDEN: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda word: word.encode(),
    "in UTF-16": lambda word: word.encode("utf-16"),
    "in UTF-16, the other way round": lambda word: word.encode("utf-16-be"),
    "in UTF-32": lambda word: word.encode("utf-32"),
    "in UTF-32, the other way round": lambda word: word.encode("utf-32-be"),
    "in base64": lambda word: base64.b64encode(word.encode()),
    "in base64, after one byte": lambda word: base64.b64encode(b"." + word.encode() + b"."),
    "in base64, after two bytes": lambda word: base64.b64encode(b".." + word.encode() + b"."),
    "in base64 for addresses": lambda word: base64.urlsafe_b64encode(b"??>" + word.encode()),
    "in base64 of UTF-16": lambda word: base64.b64encode(b"." + word.encode("utf-16-le")),
    "in hexadecimal": lambda word: word.encode().hex().encode(),
    "in large hexadecimal": lambda word: word.encode().hex().upper().encode(),
    "in an address": lambda word: quote(word).encode(),
    "in a form": lambda word: quote_plus(word).encode(),
    "in JSON": lambda word: json.dumps({"text": f"({word})"}).encode(),
    "in JSON as it is": lambda word: json.dumps(word, ensure_ascii=False).encode(),
    "in a repr": lambda word: repr({"said": word}).encode(),
    "in a repr of bytes": lambda word: repr(word.encode()).encode(),
    "in an ascii()": lambda word: ascii(word).encode(),
    "in HTML": lambda word: html.escape(word).encode("ascii", "xmlcharrefreplace"),
    "backwards": lambda word: word[::-1].encode(),
    "in gzip": lambda word: gzip.compress(f"before {word} after".encode()),
    "in zlib": lambda word: zlib.compress(json.dumps(word).encode()),
    "in zlib, barely packed": lambda word: zlib.compress(word.encode(), 1),
    "in gzip of UTF-16": lambda word: gzip.compress(word.encode("utf-16")),
    "in gzip in zlib": lambda word: zlib.compress(gzip.compress(word.encode())),
    "in gzip, cut off": lambda word: gzip.compress(word.encode() + bytes(range(256)) * 9)[:-80],
}


@pytest.mark.parametrize("hide", HIDDEN.values(), ids=list(HIDDEN))
@pytest.mark.parametrize("word", [LATIN, ARABIC])
def test_the_scanner_finds_a_word(word: str, hide: Callable[[str], bytes]) -> None:
    canary = Canary({"the word": word})
    for before in range(4):
        content = bytes(before) + b"\x00\xff ordinary " + hide(word) + b" bytes \x00"
        assert {hit.word for hit in canary.search(content)} == {"the word"}


@pytest.mark.parametrize("hide", ["as it is", "in hexadecimal", "in base64", "in gzip"])
def test_the_scanner_finds_a_key(hide: str) -> None:
    hidden = {
        "as it is": KEY,
        "in hexadecimal": KEY.hex().encode(),
        "in base64": base64.b64encode(b"k" + KEY),
        "in gzip": gzip.compress(KEY * 2),
    }[hide]
    assert Canary({"the key": KEY}).search(b"x" * 100 + hidden + b"y" * 100)


def test_the_scanner_finds_nothing_where_nothing_is() -> None:
    canary = Canary({"the word": LATIN, "other": ARABIC, "key": KEY})
    innocent = "Nachtigal Zwölfe عندليب".encode() + zlib.compress(b"nothing at all" * 99)
    assert canary.search(innocent * 50) == []
    with pytest.raises(ValueError, match="too short"):
        Canary({"short": "name"})


@pytest.mark.parametrize("place", ["app.db-wal", "keystore/epochs/x.key", "logs/err", "a/b/core"])
def test_the_scanner_finds_what_was_planted_in_a_file(place: str, tmp_path: Path) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(9000) + ARABIC.encode("utf-16-le") + bytes(10))
    (hit,) = Canary({"place": ARABIC}).search_files(tmp_path)
    assert (hit.word, hit.offset, hit.place) == ("place", 9000, str(file))
    assert ARABIC not in str(hit)
    assert Canary({"place": ARABIC}).search_files(tmp_path, but=[file]) == []


def test_the_scanner_finds_a_word_in_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / f"{quote(LATIN)}.part").write_bytes(b"")
    assert Canary({"name": LATIN}).search_files(tmp_path)


# -- the journey

CHATS = {"ar": 7_384_912_465_001, "en": 7_384_912_465_002}
MARKS = {"ar": "طائرالوقواق", "en": "Wiedehopfruf"}
SECRET_MARK = "Webhook-Secret_Rohrdommel-77"
WORDS = {
    "what was told in Arabic": MARKS["ar"],
    "what was told in English": MARKS["en"],
    "a telephone number": "+963944815162",
    "the name of a file": "Bachstelze-Haftbefehl",
    "a caption": "Gimpelweibchen",
    "what is in a file": real_files.MARK,
    "a button that never was": "Feldlerchenei",
    "an update that is none": "Rotschwanz-Hahn",
    "what an error says": "Turmfalkenhorst",
    "the phrase behind which a chat closes": "Zaunkoenigsnest Buchfinkenschlag",
    "the secret of the webhook": SECRET_MARK,
    "an address in Arabic": str(CHATS["ar"]),
    "an address in English": str(CHATS["en"]),
}
SHARED = Path("/dev/shm")
TROUBLE: Plants = (("tests.running.test_canary:make_trouble", {}),)


def make_trouble() -> None:
    """Plant what must not be planted: errors with marked words everywhere errors can come from.

    Whenever a family writes the word for trouble, one is raised within the turn, in a task nobody
    awaits, in a thread, in a destructor; a warning is given, and libraries log at every level.
    """
    import asyncio
    import faulthandler
    import logging
    import threading
    import warnings

    from bot.services.intake import Intake
    from flows import conversation

    assert not faulthandler.is_enabled()
    words, heard = WORDS["what an error says"], conversation.respond

    class Dying:
        def __del__(self) -> None:
            raise ValueError(words)

    async def fail() -> None:
        raise ValueError(words)

    def respond(session: Any, said: Any, *others: Any) -> Any:
        if words not in said.text:
            return heard(session, said, *others)
        fail_later = asyncio.get_running_loop().create_task(fail())
        fail_later.set_name(words)
        threading.Thread(target=lambda: int(words), name=words).start()
        Dying()
        warnings.warn(words, stacklevel=1)
        for name in ("aiogram", "sqlalchemy.engine", "httpx", "asyncio", "telegram", "new"):
            logging.getLogger(name).error("said %s", words, exc_info=ValueError(words))
            logging.getLogger(name).debug("said %s", words)
        raise RuntimeError(words, said)

    Intake.__init__.__kwdefaults__["conversation"] = respond  # type: ignore[index]


@pytest.mark.slow
async def test_no_marked_word_is_left_anywhere(tmp_path: Path) -> None:
    # In an interpreter of its own, as an installation; the others are forked, to save time.
    await _full_journey(tmp_path, "polling", "", [], None)


@pytest.mark.slow
async def test_no_marked_word_is_left_anywhere_over_a_webhook(
    tmp_path: Path, starter: Starter
) -> None:
    await _full_journey(tmp_path, "webhook", "", [], starter)


@pytest.mark.slow
@pytest.mark.postgres
async def test_no_marked_word_is_left_anywhere_on_postgresql(
    tmp_path: Path, postgres_url: str, postgres_server: Server, starter: Starter
) -> None:
    data = postgres_server.data
    places = [data, data.parent / "log"] if data else []
    await _full_journey(tmp_path, "polling", postgres_url, places, starter)


async def _full_journey(
    folder: Path, mode: Mode, url: str, places: list[Path], starter: Starter | None
) -> None:
    for each in ("temporary", "home"):
        (folder / each).mkdir()
    usual = {"LOG_LEVEL": "DEBUG", **NO_FLOOD}
    if mode == "webhook":
        usual["TELEGRAM_WEBHOOK_SECRET"] = SECRET_MARK

    async def start() -> None:
        with environment(TMPDIR=str(folder / "temporary"), HOME=str(folder / "home")):
            await stay.start()

    async with BotApiServer() as server:
        stay = Stay(
            folder, server, usual,
            mode=mode, database_url=url, plants=TROUBLE, starter=starter,
        )  # fmt: skip
        async with stay:
            await start()
            alone, together = asyncio.Lock(), asyncio.Barrier(len(LANGUAGES))
            people = await asyncio.gather(
                *(_talk(server, stay, one, alone, together) for one in LANGUAGES)
            )
            await kept(server)
            assert await stay.stop() == 0
            await start()
            for person in people:
                person.write(MARKS["en"])
            await asyncio.sleep(1)
            os.kill(stay.pid, signal.SIGABRT)
            assert await stay.gone() == -signal.SIGABRT
        codes = [codes_of(person)[-1] for person in people]
        assert len(_kept_files(stay)) == FILES * len(people)
        assert server.breaches == []
        where = [stay.home, folder / "temporary", folder / "home", SHARED, *places]
        canary = Canary(WORDS | _codes(codes) | {"the bot's token": server.token})
        assert canary.search_files(*_parts(where), but=[stay.staff]) == []
        # Keys lie in the keystore and nowhere else.
        keys = Canary(_keys(stay.keystore))
        assert keys.search_files(*_parts(where), but=[stay.keystore, stay.staff]) == []
        assert keys.search_files(stay.keystore)
        _check_that_the_search_finds(canary, stay, where)
        assert stay.log_text.count("error=") > 10


async def _talk(
    server: BotApiServer,
    stay: Stay,
    language: Language,
    alone: asyncio.Lock,
    together: asyncio.Barrier,
) -> Person:
    """Tell a whole report, with everything that can go wrong in between."""
    family = invent(500, language, mark=MARKS[language], presses=True)
    family = replace(family, told={**family.told, "e1_photo": Said(codes=("yes",))})
    person = await begin(server, CHATS[language], family)
    await walk(person, family, steps=5)
    server.raw_update({"message": {"text": WORDS["an update that is none"], "chat": 5}})
    server.raw_update(b'{"update_id":UPDATE_ID,"message":{"text":"\\ud800%s"}}'
                      % WORDS["an update that is none"].encode())  # fmt: skip
    person.tap(f"{WORDS['a button that never was']}:x", stale=True)
    await answered(person, lambda: person.write(WORDS["what an error says"]))
    await _send_files(stay, person)
    for fault in _faults(person.chat.id):
        server.fail(fault)
    for _number in range(6):
        await walk(person, family, steps=3)
    server.faults.clear()
    await together.wait()  # what another family says while the database is broken is not kept
    async with alone:
        await _break_the_database(stay, person, family)
    await together.wait()
    for _number in range(40):
        # Over webhooks taps overtake words, and after faults both come late: look again.
        await walk(person, family)
        if codes_of(person):
            break
        await asyncio.sleep(0.5)
    await answered(person, lambda: person.write(WORDS["a telephone number"]))
    for words in ("cover", *[WORDS["the phrase behind which a chat closes"]] * 2):
        seen = person.last.text
        person.write(words)
        await person.wait_for(lambda it, seen=seen: it.last.text != seen, 30)  # type: ignore[misc]
    return person


async def _send_files(stay: Stay, person: Person) -> None:
    """Send a photograph, a paper and a voice note, and look for them before anything is sent."""
    caption, name = WORDS["a caption"], f"{WORDS['the name of a file']}.pdf"
    photo, paper = real_files.jpeg_with_gps(), real_files.pdf() + real_files.MARK.encode() * 9000
    voice = real_files.voice() + real_files.MARK.encode() * 9
    await answered(person, lambda: person.send_photo(photo, caption=caption))
    await answered(person, lambda: person.send_document(paper, name=name, caption=caption))
    await answered(person, lambda: person.send_voice(voice, caption=caption))
    await until(lambda: len(_kept_files(stay)) >= FILES)
    places = _parts([stay.data, stay.home.parent / "temporary", SHARED])
    about = ("what is in a file", "a caption", "the name of a file")
    canary = Canary({each: WORDS[each] for each in about})
    assert await asyncio.to_thread(canary.search_files, *places) == []


FILES = 3
"""So many are sent by each family."""


def _kept_files(stay: Stay) -> list[Path]:
    return [path for path in (stay.data / "attachments").glob("*") if path.suffix != ".part"]


def _faults(chat_id: int) -> list[Fault]:
    """What the provider may answer, without losing a question for good."""
    return [
        Fault("status", "sendMessage", chat_id, status=500, times=1),
        Fault("status", "sendMessage", chat_id, status=429, retry_after=1, times=1, skip=2,
              description=f"Too Many Requests {MARKS['en']}"),
        Fault("cut", "sendMessage", chat_id, times=1, skip=4),
        Fault("status", "editMessageReplyMarkup", chat_id, status=400, times=2,
              description=f"Bad Request: {MARKS['en']} {MARKS['ar']}"),
        Fault("status", "sendMessage", chat_id, status=502, body=MARKS["ar"].encode(), times=1,
              skip=6),
        Fault("status", "getUpdates", status=500, times=1, description=MARKS["en"]),
        Fault("status", "answerCallbackQuery", status=403, times=1, description=MARKS["en"]),
    ]  # fmt: skip


async def _break_the_database(stay: Stay, person: Person, family: Family) -> None:
    """Take a table away while the family speaks, and give it back."""
    await meddle(stay.database, "ALTER TABLE outbox RENAME TO taken_away")
    before = screen(person)
    act = Talker(family).reply(before[1], before[2])

    def speak() -> None:
        if isinstance(act, Press):
            person.tap(act.data, stale=True)
        else:
            person.write(act.text if act else MARKS["en"])

    said = newest_of(person)
    speak()
    try:
        await until(lambda: "batch_not_kept" in stay.log_text)
    finally:
        await meddle(stay.database, "ALTER TABLE taken_away RENAME TO outbox")
    await person.wait_for(lambda it: newest_of(it) > said or screen(it) != before, 30)
    if not person.last.buttons:  # "could not be kept, please send it once more"
        speak()
        await person.wait_for(lambda it: screen(it) != before and screen(it)[0] >= before[0], 30)


def _parts(places: Iterable[Path]) -> list[Path]:
    """Leave out, of what all share, the files of the tests themselves (`scripts/suite.py`)."""
    own = Path(tempfile.gettempdir())
    return [
        part
        for place in places
        for part in (place.iterdir() if place == SHARED else (place,))
        if part != own and not part.match("athar-t*")
    ]


async def answered(person: Person, act: Callable[[], object]) -> None:
    """Do something and wait for the bot's next word."""
    newest = newest_of(person)
    act()
    await person.wait_for(lambda it: newest_of(it) > newest, 30)


def newest_of(person: Person) -> int:
    """The number of the bot's newest message. How many there are shrinks as chats are cleared."""
    return max((shown.id for shown in person.received), default=0)


def _codes(codes: list[str]) -> dict[str, str]:
    plain = {f"receipt code {n}": code for n, code in enumerate(codes)}
    return plain | {f"{name}, plain": code.replace("-", "") for name, code in plain.items()}


def _keys(keystore: Path) -> dict[str, bytes]:
    files = [*keystore.glob("*.key"), *keystore.glob("epochs/*.key")]
    return {file.name: file.read_bytes()[4:36] for file in files}


def _check_that_the_search_finds(canary: Canary, stay: Stay, where: list[Path]) -> None:
    """Plant a word in each place that was searched, and see it found."""
    one = Canary({"planted": MARKS["ar"]})
    for number, place in enumerate(where):
        folder = place if place.is_dir() else place.parent
        planted = folder / f"planted-{os.getpid()}-{number}"
        planted.write_bytes(bytes(5000) + MARKS["ar"].encode("utf-16-le") + bytes(5000))
        try:
            assert [hit.place for hit in one.search_files(*_parts([folder]))] == [str(planted)]
        finally:
            planted.unlink()
    with stay.log.open("ab") as log:
        log.write(MARKS["en"].encode().hex().encode())
    assert canary.search_files(stay.log)
