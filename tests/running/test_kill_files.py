"""The program is killed with SIGKILL while a file comes; it is fetched anew, and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import real_files
from tests.bot_api import BotApiServer, Fault
from tests.families import invent
from tests.running.canary import Canary
from tests.running.program import Starter
from tests.running.stay import Stay
from tests.running.test_journeys import begin, until, walk
from tests.storage.talks import meddle

pytestmark = pytest.mark.slow


async def test_a_file_is_fetched_once_when_the_program_was_killed_in_the_middle(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    family, stay = invent(901, "en", presses=True), Stay(tmp_path, server, starter=starter)
    content = real_files.jpeg_with_gps() + real_files.MARK.encode() * 30_000
    canary, shelf = Canary({"the file": real_files.MARK}), stay.data / "attachments"

    def lie_there(end: str) -> list[Path]:
        return [path for path in shelf.glob("*") if (path.suffix == ".part") == (end == ".part")]

    async with stay:
        await stay.start()
        person = await begin(server, 7_001_000_901, family)
        await walk(person, family, steps=5)
        server.fail(Fault("hang", method="file", after=600_000, times=1))
        person.send_photo(content)
        await until(lambda: not server.faults.waiting)
        await until(lambda: any(part.stat().st_size > 100_000 for part in lie_there(".part")))
        stay.kill()
        await stay.gone()
        (part,) = lie_there(".part")
        assert canary.search_files(tmp_path) == []

        await stay.start()
        await until(lambda: not part.exists())
        assert lie_there("") == [], "it is claimed by the dead one, until its lease ends"
        await meddle(stay.database, "UPDATE attachments SET next_at = 0")
        person.send_voice(real_files.voice())  # lets it look at once what there is to fetch
        await until(lambda: "What you sent is kept" in " ".join(it.text for it in person.received))
        assert await stay.stop() == 0
    voice, photo = sorted(file.stat().st_size for file in lie_there(""))
    assert voice < len(content) < photo
    assert len(server.calls_of("getFile")) == 3, "the photo twice, the voice note once"
    assert canary.search_files(tmp_path) == []
    assert server.breaches == []
