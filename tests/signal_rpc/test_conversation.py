"""The channel against the strict daemon: what people do, what they see, and in which order."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.channels.base import Undelivered
from bot.channels.signal import SignalChannel
from bot.messages import Inbound, Outbound, Unreadable
from tests.channels.hallway import Hallway
from tests.signal_rpc import ACCOUNT, SignalDaemon
from tests.signal_rpc.conftest import BRISK, listening


def stamp_of(inbound: Inbound) -> str:
    """The id of the message that is quoted or reacted to."""
    moment = inbound.quoted_at
    return str(round(moment.timestamp() * 1000)) if moment else ""


async def test_words_come_in_and_words_go_out(daemon: SignalDaemon, hallway: Hallway) -> None:
    mother = daemon.person(1, name="Canary Profile")
    async with listening(daemon, hallway) as channel:
        mother.write("مرحبا")
        await hallway.until(lambda heard: heard)
        (first,) = hallway.people
        assert (first.kind, first.text) == ("text", "مرحبا")
        assert (first.address.person, first.address.account) == (mother.uuid, ACCOUNT)
        assert first.sent_at is not None
        assert "Canary" not in repr(first)
        sent = await channel.send(first.address, Outbound("message", "أهلاً بكم"))
        assert (mother.last.text, str(mother.last.stamp)) == ("أهلاً بكم", sent)


async def test_people_are_known_by_their_account_whether_or_not_they_share_a_number(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    shy, open_ = daemon.person(1), daemon.person(2, number="+963900000001")
    async with listening(daemon, hallway):
        shy.write("a")
        open_.write("b")
        await hallway.until(lambda heard: len(hallway.texts()) == 2)
    assert [it.address.person for it in hallway.people] == [shy.uuid, open_.uuid]
    assert "963900000001" not in repr(hallway.heard)


async def test_a_quote_names_the_message_it_answers_and_no_word_of_it(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway) as channel:
        own = mother.write("first")
        await hallway.until(lambda heard: heard)
        await channel.send(hallway.people[0].address, Outbound("message", "What is the name?"))
        mother.write("Khaled", quote=mother.last)
        mother.write("as I said", quote=own)
        await hallway.until(lambda _: len(hallway.texts()) == 3)
    assert [stamp_of(it) for it in hallway.people] == ["", str(mother.last.stamp), ""]
    assert "What is the name" not in repr(hallway.heard)


async def test_reactions_edits_deletions_calls_and_stickers_have_words_of_their_own(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway) as channel:
        first = mother.write("Khaled")
        await hallway.until(lambda heard: heard)
        asked = await channel.send(hallway.people[0].address, Outbound("message", "Right?"))
        mother.react(mother.last, "👍🏽")
        mother.react(mother.last, "❤️")
        mother.react(mother.last, "👍", removed=True)
        mother.react(first, "👍")
        mother.edit(first, "Khalid")
        mother.delete(first)
        mother.call()
        mother.send_sticker()
        mother.set_timer(3600, told=False)
        mother.write(" \n ")
        mother.write("end")
        await hallway.until(lambda _: "end" in hallway.texts())
    told = [(it.kind, it.what or it.text, stamp_of(it)) for it in hallway.people[1:]]
    assert told == [
        ("reaction", "yes", asked),
        ("reaction", "", asked),
        ("edited", "Khalid", ""),
        ("other", "call", ""),
        ("other", "sticker", ""),
        ("other", "unknown", ""),
        ("text", "end", ""),
    ]
    assert hallway.people[3].message_id == str(first.stamp)


async def test_receipts_typing_stories_and_our_other_devices_say_nothing(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway) as channel:
        mother.write("a")
        await hallway.until(lambda heard: heard)
        await channel.send(hallway.people[0].address, Outbound("message", "b"))
        mother.type()
        mother.acknowledge(mother.last)
        mother.tell_story()
        sync = {
            "sourceUuid": daemon.account_uuid,
            "timestamp": 5,
            "syncMessage": {"sentMessage": {}},
        }
        daemon.post(sync)
        mother.send_undecryptable("ProtocolDuplicateMessageException")
        mother.write("end")
        await hallway.until(lambda _: "end" in hallway.texts())
    assert hallway.texts() == ["a", "end"]
    assert all(isinstance(it, Inbound) for it in hallway.heard)


async def test_a_message_is_marked_as_read_only_once_it_is_kept(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    hallway.away = True
    async with listening(daemon, hallway):
        shown = mother.write("first")
        await hallway.until(lambda _: hallway.tried >= 2)
        assert mother.receipts == []
        hallway.away = False
        await daemon.until(lambda: mother.receipts)
        assert (mother.receipts, hallway.texts()) == ([shown.stamp], ["first"])


async def test_typing_is_shown_only_to_who_still_waits(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother, father = daemon.person(1), daemon.person(2)

    async with listening(daemon, hallway) as channel:

        async def answer(address_of: str) -> None:
            address = next(it.address for it in hallway.people if it.address.person == address_of)
            await channel.send(address, Outbound("message", "x"))

        father.write("no answer yet")
        await daemon.until(lambda: father.typing_seen)
        mother.write("answered at once")
        await hallway.until(lambda _: len(hallway.people) == 2)
        channel._unanswered.discard(mother.uuid)  # as if the answer had left in this moment
        await answer(mother.uuid)
        await daemon.until(lambda: mother.receipts)
        father.write("more")
        await daemon.until(lambda: father.typing_seen == 2)
    assert mother.typing_seen == 0


async def test_while_nothing_can_be_kept_the_rest_stays_at_signals_server(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway):
        await daemon.until(lambda: daemon.subscribed)
        hallway.away = True
        mother.write("1")
        await hallway.until(lambda _: hallway.tried)
        await daemon.until(lambda: not daemon.subscribed)
        mother.write("2")
        mother.write("3")
        assert len(daemon.at_server) == 2
        hallway.away = False
        await hallway.until(lambda _: len(hallway.texts()) == 3)
    assert hallway.texts() == ["1", "2", "3"]


async def test_groups_are_left_once_and_their_files_removed(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway):
        mother.speak_in_group("hello all")
        mother.speak_in_group("anybody?")
        await daemon.until(lambda: daemon.left_groups)
        mother.write("end")
        await hallway.until(lambda _: "end" in hallway.texts())
    assert [it.kind for it in hallway.people] == ["group", "group", "text"]
    assert daemon.left_groups == ["R3JvdXA="]
    assert "hello all" not in repr(hallway.heard)


# --- files


async def test_files_of_one_message_are_an_album_and_are_fetched_piece_by_piece(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother, picture = daemon.person(1), bytes(range(256)) * 3000
    async with listening(daemon, hallway) as channel:
        mother.send_file(picture, caption="my brother", more=1)
        mother.send_voice(b"\x00\x01voice")
        await hallway.until(lambda _: len(hallway.people) == 3)
        first, second, voice = hallway.people
        assert (first.text, second.text, first.album_id == second.album_id) == (
            "my brother", "", True,
        )  # fmt: skip
        assert first.album_id
        assert [it.media.kind for it in hallway.people if it.media] == ["photo", "photo", "voice"]
        assert len({it.update_id for it in hallway.people}) == 3
        assert first.media is not None
        pieces = [piece async for piece in channel.fetch(first.media.provider_id)]
        assert b"".join(pieces) == picture
        assert len(pieces) > 1
        await channel.drop(first.media.provider_id)
        await channel.drop(first.media.provider_id)
        with pytest.raises(Undelivered) as gone:
            [piece async for piece in channel.fetch(first.media.provider_id)]
        assert (gone.value.reason, gone.value.permanent) == ("file-gone", True)
        assert voice.media is not None
        assert [piece async for piece in channel.fetch(voice.media.provider_id)] == [
            b"\x00\x01voice"
        ]


@pytest.mark.parametrize(
    "name",
    ["../secret", "..", ".", ".hidden", "a/b", "link", "folder", "", "x" * 300, "nul\0", "fifo"],
)
async def test_nothing_but_a_plain_file_in_the_folder_is_ever_opened(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "attachments"
    (folder / "folder").mkdir(parents=True)
    (folder / ".hidden").write_bytes(b"secret")
    (folder / "a").mkdir()
    (folder / "a" / "b").write_bytes(b"secret")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "fifo")
    channel = SignalChannel("unix:/nowhere", ACCOUNT, attachments=folder)
    with pytest.raises(Undelivered) as refused:
        [piece async for piece in channel.fetch(name)]
    assert (refused.value.reason, refused.value.permanent) == ("file-gone", True)
    await channel.drop(name)
    assert (tmp_path / "secret").exists()
    assert (folder / "a" / "b").exists()


async def test_a_file_that_is_too_large_or_a_folder_nobody_shares_is_said_so(
    tmp_path: Path,
) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate((20 << 20) + 1)
    channel = SignalChannel("unix:/nowhere", ACCOUNT, attachments=tmp_path)
    with pytest.raises(Undelivered, match="too-large"):
        [piece async for piece in channel.fetch("big")]
    with pytest.raises(Undelivered, match="no-files"):
        [piece async for piece in SignalChannel("unix:/nowhere", ACCOUNT).fetch("big")]


async def test_what_nobody_fetches_is_swept_after_two_days(
    daemon: SignalDaemon, hallway: Hallway, tmp_path: Path
) -> None:
    folder = tmp_path / "attachments"
    (folder / "old").write_bytes(b"x")
    (folder / "new").write_bytes(b"x")
    past = time.time() - 3 * 86_400
    os.utime(folder / "old", (past, past))
    async with listening(daemon, hallway):
        async with asyncio.timeout(20):
            while (folder / "old").exists():  # noqa: ASYNC110 - a folder has no event
                await asyncio.sleep(0.01)
    assert (folder / "new").exists()


# --- what we send


async def test_deleting_takes_our_own_words_back_and_leaves_theirs(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway) as channel:
        own = mother.write("Khaled")
        await hallway.until(lambda heard: heard)
        address = hallway.people[0].address
        sent = [await channel.send(address, Outbound("message", str(n))) for n in range(3)]
        await channel.send(
            address, Outbound("delete", message_ids=(*sent[:2], str(own.stamp), "x", "999"))
        )
        assert [shown.text for shown in mother.received] == ["2"]
        assert not own.deleted


async def test_a_timer_an_edit_and_what_needs_buttons(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway) as channel:
        mother.write("a")
        await hallway.until(lambda heard: heard)
        address = hallway.people[0].address
        assert await channel.send(address, Outbound("timer", seconds=86_400)) == ""
        sent = await channel.send(address, Outbound("message", "one"))
        assert (mother.timer, mother.last.timer) == (86_400, 86_400)
        await channel.send(address, Outbound("edit", "two", message_id=sent))
        assert (mother.last.text, mother.last.edited) == ("two", ["one"])
        before = len(daemon.calls)
        assert await channel.send(address, Outbound("edit", message_id=sent)) == ""
        assert await channel.send(address, Outbound("tap", "x", callback_id="1")) == ""
        assert [name for name, _ in daemon.calls[before:] if name != "sendReceipt"] == []


async def test_one_request_at_a_time_goes_to_signal(daemon: SignalDaemon, hallway: Hallway) -> None:
    people = [daemon.person(n) for n in range(1, 9)]
    async with listening(daemon, hallway) as channel:
        for person in people:
            person.write("a")
        await hallway.until(lambda _: len(hallway.people) == 8)
        daemon.silent.add("send")
        sends = [
            asyncio.create_task(channel.send(it.address, Outbound("message", "x")))
            for it in hallway.people
        ]
        await daemon.until(lambda: daemon.made("send"))
        await asyncio.sleep(0)
        assert len(daemon.made("send")) == 1
        daemon.silent.clear()
        await daemon.stop()
        done = await asyncio.gather(*sends, return_exceptions=True)
    assert isinstance(done[0], Undelivered)
    assert (done[0].reason, done[0].unclear) == ("cut", True)
    assert {(it.reason, it.account) for it in done[1:] if isinstance(it, Undelivered)} == {
        ("daemon-gone", True)
    }


async def test_nothing_of_what_people_say_is_in_the_log(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1, number="+963900000001", name="CanaryName")
    with capture_logs() as logs:
        async with listening(daemon, hallway) as channel:
            mother.write("CanaryWord")
            daemon.post_raw(b'{"envelope":{"sourceUuid":5,"dataMessage":"CanaryBad"}}')
            mother.send_undecryptable()
            mother.speak_in_group("CanaryGroup")
            await daemon.until(lambda: daemon.left_groups)
            mother.registered = False
            with pytest.raises(Undelivered, match="unregistered"):
                await channel.send(hallway.people[0].address, Outbound("message", "CanaryOut"))
    assert logs
    assert "Canary" not in repr(logs)
    assert "963900000001" not in repr(logs)
    assert mother.uuid not in repr(logs)
    assert ACCOUNT not in repr(logs)
    assert sum(isinstance(it, Unreadable) for it in hallway.heard) == 1


async def test_a_changed_telephone_is_told_once_by_a_mark_of_its_key(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    marks: list[str] = []

    def told() -> list[str]:
        return [
            it.what for it in hallway.heard if isinstance(it, Inbound) and it.kind == "telephone"
        ]

    async with listening(daemon, hallway) as channel:
        mother.write("a")
        await hallway.until(lambda _: told())
        mother.change_telephone()
        channel._watched.clear()  # an hour later
        mother.write("b")
        await hallway.until(lambda _: len(told()) == 2)
        marks = told()
    assert len(set(marks)) == 2
    assert all(len(mark) == 32 for mark in marks)


async def test_a_unix_socket_does_as_well(
    daemon: SignalDaemon, hallway: Hallway, tmp_path: Path
) -> None:
    await daemon.start(tmp_path / "rpc")
    mother = daemon.person(1)
    async with listening(daemon, hallway, f"unix:{tmp_path / 'rpc'}"):
        mother.write("a")
        await hallway.until(lambda _: hallway.texts())
    assert hallway.texts() == ["a"]


async def test_an_account_the_daemon_does_not_know_is_said_so(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    await daemon.start()
    daemon.knows_account = False
    channel = SignalChannel(daemon.rpc, ACCOUNT, pace=BRISK)
    with pytest.raises(Undelivered) as refused:
        await channel.listen(hallway.receive)
    assert (refused.value.reason, refused.value.account) == ("no-account", True)
    assert channel.noticed == {"signal_account"}
    assert await channel.examine() == ("0.13.19", False)
    await channel.close()
