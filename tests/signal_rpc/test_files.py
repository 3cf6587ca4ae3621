"""A voice note over Signal: from the daemon's folder onto the shelf, sealed, and gone there."""

from __future__ import annotations

from pathlib import Path

from bot.app import make_tools
from bot.services.attachments import Attachments
from flows.session import Attached, Draft, Session
from storage.attachments import NewAttachment
from storage.database import Database
from storage.keyring import Keystore
from storage.shelf import Shelf
from storage.values import Reach
from tests import real_files
from tests.bot.rooms import settings
from tests.channels.hallway import Hallway
from tests.conftest import Clock
from tests.running.canary import Canary
from tests.signal_rpc import SignalDaemon
from tests.signal_rpc.conftest import listening

HANDLE = "5" * 32


async def test_a_voice_note_is_kept_sealed_and_the_daemon_s_copy_removed(
    daemon: SignalDaemon, hallway: Hallway, tmp_path: Path,
    sqlite_url: str, keystore: Keystore, clock: Clock,
) -> None:  # fmt: skip
    note = real_files.voice() + real_files.MARK.encode() * 500
    folder = tmp_path / "attachments"
    shelf, canary = Shelf(tmp_path / "shelf"), Canary({"the note": real_files.MARK})
    database = await Database.connect(sqlite_url, keystore)
    async with listening(daemon, hallway) as channel:
        daemon.person(1).send_voice(note)
        await hallway.until(lambda heard: hallway.people)
        (heard,) = hallway.people
        assert heard.media is not None
        assert len(canary.search_files(folder)) == 1, "the daemon keeps it in clear"
        reach = Reach("signal", channel.account, heard.address.person)
        async with database.begin() as work:
            now = clock()
            contact = (await work.contacts.lock_many([reach], now.date()))[reach]
            files = {HANDLE: Attached("voice", "report", "", False, now)}
            session = Session(drafts={"report": Draft("report", 1, now)}, files=files)
            await work.contacts.save([(contact, session)], now.date())
            new = NewAttachment(
                HANDLE, contact.id, "signal", channel.account, heard.media.provider_id
            )
            await work.attachments.put([new], now)
        room = Attachments(database, shelf, [channel], make_tools(settings()), clock=clock)
        assert await room.fetch_due() == 1
    async with database.begin() as work:
        after = (await work.contacts.lock_many([reach], clock().date()))[reach].session
    await database.close()
    assert after is not None
    kept = after.files[HANDLE]
    assert (kept.state, kept.found) == ("kept", "audio/ogg")
    assert b"".join(shelf.read(kept.place, kept.key)) == note
    assert list(folder.iterdir()) == []
    assert canary.search_files(tmp_path) == []
