"""What may go wrong between Signal, the daemon and us: each has a defined end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from bot.channels.base import Undelivered
from bot.channels.signal import SignalChannel
from bot.channels.signal.envelopes import read
from bot.channels.signal.wire import HEAD, MOST_FRAME, Frame, Place, Splitter
from bot.messages import Address, Inbound, Outbound, Unreadable
from tests.channels.hallway import Event, Hallway, open_door
from tests.signal_rpc import ACCOUNT, SignalDaemon
from tests.signal_rpc.conftest import BRISK, listening
from tests.signal_rpc.daemon import Refusal

UUID = "00000001-0000-4000-8000-000000000001"


def aside(hallway: Hallway) -> list[str]:
    return [it.reason for it in hallway.heard if isinstance(it, Unreadable)]


# --- lines


def test_lines_come_whole_however_the_bytes_come() -> None:
    lines = [b'{"a":1}', b"x" * 300, b"{}"]
    sent = b"\n\n".join(lines) + b"\n"
    for size in (1, 2, 7, 4096):
        splitter, got = Splitter(), []
        for start in range(0, len(sent), size):
            got += splitter.feed(sent[start : start + size])
        assert [frame.raw for frame in got] == lines
        assert splitter.end() is None


def test_of_a_line_that_is_too_long_only_the_head_is_held() -> None:
    splitter = Splitter()
    for _ in range(80):
        assert splitter.feed(b"a" * (64 << 10)) == []
        assert len(splitter._held) <= MOST_FRAME
    (huge, good) = splitter.feed(b"a\n{}\n")
    assert (len(huge.raw), huge.fault, good.raw, good.fault) == (HEAD, "huge-frame", b"{}", "")


def test_a_line_without_an_end_is_cut() -> None:
    splitter = Splitter()
    splitter.feed(b'{"method":')
    assert splitter.end() == Frame(b'{"method":', "cut")


async def test_many_messages_in_one_packet_are_many_messages(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway):
        await daemon.until(lambda: daemon.subscribed)
        daemon.joins = 3
        for text in ("1", "2", "3", "4"):
            mother.write(text)
        await hallway.until(lambda _: len(hallway.texts()) == 4)
    assert hallway.texts() == ["1", "2", "3", "4"]


async def test_a_message_cut_off_in_the_middle_is_asked_for_again(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway):
        await daemon.until(lambda: daemon.subscribed)
        daemon.cut_after = 420
        mother.write("a long story " * 50)
        await hallway.until(lambda _: hallway.people)
        mother.write("again")
        await hallway.until(lambda _: hallway.texts())
    assert aside(hallway) == ["cut"]
    assert [(it.kind, it.what, it.text) for it in hallway.people] == [
        ("other", "unreadable", ""),
        ("text", "", "again"),
    ]
    assert hallway.people[0].address.person == mother.uuid


async def test_one_cut_off_before_it_says_who_wrote_is_set_aside(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway):
        await daemon.until(lambda: daemon.subscribed)
        daemon.cut_after = 100
        mother.write("lost")
        await hallway.until(lambda heard: heard)
        mother.write("again")
        await hallway.until(lambda _: hallway.texts())
    assert (aside(hallway), hallway.texts()) == (["cut"], ["again"])


async def test_five_megabytes_hold_up_nobody(daemon: SignalDaemon, hallway: Hallway) -> None:
    mother, father = daemon.person(1), daemon.person(2)
    async with listening(daemon, hallway):
        mother.write("x" * 5_000_000)
        father.write("good")
        await hallway.until(lambda _: hallway.texts())
    (huge,) = [it for it in hallway.heard if isinstance(it, Unreadable)]
    assert (huge.reason, len(huge.raw)) == ("huge-frame", HEAD)
    assert [(it.address.person, it.what or it.text) for it in hallway.people] == [
        (mother.uuid, "unreadable"),
        (father.uuid, "good"),
    ]


def event(**envelope: object) -> bytes:
    return json.dumps({
        "jsonrpc": "2.0", "method": "receive",
        "params": {"subscription": 0, "result": {"account": ACCOUNT, "envelope": envelope}},
    }).encode()  # fmt: skip


def said(**data: object) -> bytes:
    return event(sourceUuid=UUID, timestamp=5, dataMessage={"timestamp": 5, **data})


HOSTILE: list[tuple[bytes, str]] = [
    (b"not json", "not-json"),
    (b"\xff\xfe", "not-json"),
    (b"[]", "wrong-type"),
    (b"5", "wrong-type"),
    (b"{}", "missing-field"),
    (b"[" * 100_000, "wrong-type"),
    (b'{"method":"receive","params":{"result":{"envelope":' + b'{"a":' * 100_000, "too-deep"),
    (b'{"method":"receive","params":[]}', "wrong-type"),
    (b'{"method":"receive","params":{}}', "missing-envelope"),
    (event(sourceUuid=5, timestamp=5), "wrong-type"),
    (event(sourceUuid=UUID, timestamp="5"), "wrong-type"),
    (event(sourceUuid=UUID, timestamp=-5), "wrong-type"),
    (event(sourceUuid=UUID, timestamp=2**60), "wrong-type"),
    (event(timestamp=5, dataMessage={"timestamp": 5, "message": "x"}), "missing-sender"),
    (event(sourceUuid="../x", timestamp=5, dataMessage={"timestamp": 5}), "missing-sender"),
    (said(message=5), "wrong-type"),
    (said(attachments={}), "wrong-type"),
    (said(attachments=[5]), "wrong-type"),
    (said(reaction={"emoji": 5}), "wrong-type"),
    (said(quote={}), "missing-field"),
    (said(message="x").replace(b'"x"', b'"\\ud800"'), "not-json"),
    (said(message="x").replace(b'"x"', b'"\xff"'), "bad-text"),
]


@pytest.mark.parametrize(("raw", "reason"), HOSTILE, ids=range(len(HOSTILE)))
def test_what_cannot_be_read_is_set_aside_with_a_fixed_word(raw: bytes, reason: str) -> None:
    reading = read(Frame(raw), ACCOUNT)
    first, *asked = reading.events
    assert isinstance(first, Unreadable)
    assert (first.reason, first.raw) == (reason, raw)
    for it in asked:
        assert isinstance(it, Inbound)
        assert (it.kind, it.what, it.address.person) == ("other", "unreadable", UUID)


@pytest.mark.parametrize("raw", [
    b'{"method":"callEvent","params":{}}',
    b'{"method":"receive"}',
    event(),
    event(sourceUuid=UUID, timestamp=5),
    said(),
    said(message=None),
    said(message="", expiresInSeconds=60),
    event(sourceUuid=UUID, timestamp=5, callMessage={"hangupMessage": {}}),
    event(sourceUuid=UUID, timestamp=5, dataMessage=None, editMessage=None, typingMessage={}),
    said(message="x").replace(ACCOUNT.encode(), b"+15550199"),
])  # fmt: skip
def test_what_is_nothing_to_us_is_nothing(raw: bytes) -> None:
    reading = read(Frame(raw), ACCOUNT)
    assert (reading.events, reading.groups) == ([], [])


def test_what_names_us_without_a_subscription_is_read_as_well() -> None:
    body = {"account": ACCOUNT, "envelope": {
        "sourceUuid": UUID.upper(), "timestamp": 5,
        "dataMessage": {"timestamp": 5, "message": "x\0y"},
    }}  # fmt: skip
    raw = json.dumps({"method": "receive", "params": body}).encode()
    (heard,) = read(Frame(raw), ACCOUNT).events
    assert isinstance(heard, Inbound)
    assert (heard.text, heard.address.person, heard.sent_at) == ("x\0y", UUID, None)


async def test_one_hostile_line_among_a_hundred_good_ones_stops_nothing(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    people = [daemon.person(n) for n in range(1, 101)]
    async with listening(daemon, hallway):
        await daemon.until(lambda: daemon.subscribed)
        for at, person in enumerate(people):
            if at == 50:
                daemon.post_raw(b'{"envelope":{"dataMessage":{"timestamp":"' + b"9" * 200)
            person.write(str(at))
        await hallway.until(lambda _: len(hallway.texts()) == 100)
    assert hallway.texts() == [str(at) for at in range(100)]
    assert aside(hallway) == ["not-json"]


# --- what cannot be decrypted, and keys that are not trusted


async def test_who_could_not_be_decrypted_is_asked_again_and_untrusted_keys_are_noticed(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother, father = daemon.person(1), daemon.person(2)
    async with listening(daemon, hallway) as channel:
        father.send_undecryptable("UntrustedIdentityException")
        mother.send_undecryptable()
        await hallway.until(lambda _: hallway.people)
        assert channel.noticed == {"signal_identity"}
    assert [(it.address.person, it.what) for it in hallway.people] == [(mother.uuid, "unreadable")]


# --- dying and coming again


async def test_a_daemon_that_dies_between_receiving_and_writing_takes_one_message_along(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    async with listening(daemon, hallway):
        mother.write("1")
        await hallway.until(lambda _: hallway.texts())
        daemon.dies_before_writing = True
        mother.write("2")
        await daemon.until_dead()
        mother.write("3")
        assert (len(daemon.lost), len(daemon.at_server)) == (1, 1)
        daemon.dies_before_writing = False
        await daemon.start()
        await hallway.until(lambda _: len(hallway.texts()) == 2)
    assert hallway.texts() == ["1", "3"]


async def test_the_channel_may_start_before_the_daemon_and_outlive_it(
    daemon: SignalDaemon, hallway: Hallway
) -> None:
    mother = daemon.person(1)
    await daemon.start()
    await daemon.stop()
    async with listening(daemon, hallway) as channel:
        mother.write("1")
        with pytest.raises(Undelivered) as gone:
            await channel.send(_address(mother.uuid), Outbound("message", "x"))
        assert (gone.value.reason, gone.value.account, gone.value.unclear) == (
            "daemon-gone", True, False,
        )  # fmt: skip
        for text in ("2", "3"):
            await daemon.start()
            await hallway.until(lambda _, n=int(text): len(hallway.texts()) == n - 1)
            await daemon.stop()
            mother.write(text)
        await daemon.start()
        await hallway.until(lambda _: len(hallway.texts()) == 3)
        await channel.send(_address(mother.uuid), Outbound("message", "well"))
    assert (hallway.texts(), mother.last.text) == (["1", "2", "3"], "well")


async def test_a_daemon_that_stays_away_is_told_to_the_staff(hallway: Hallway) -> None:
    lost = SignalChannel("unix:/nowhere/at/all", ACCOUNT, pace=BRISK)
    async with open_door(lost, hallway) as channel, asyncio.timeout(20):
        while "signal_gone" not in channel.noticed:  # noqa: ASYNC110 - it is a set, not an event
            await asyncio.sleep(0.01)
    with pytest.raises(Undelivered, match="daemon-gone"):
        await SignalChannel("unix:/nowhere/at/all", ACCOUNT).examine()


async def test_what_has_come_is_kept_before_the_end_and_nothing_more_is_taken(
    daemon: SignalDaemon,
) -> None:
    mother, kept = daemon.person(1), []
    entered, go = asyncio.Event(), asyncio.Event()

    async def receive(batch: Sequence[Event]) -> None:
        entered.set()
        await go.wait()
        kept.extend(it.text for it in batch if isinstance(it, Inbound) and it.kind == "text")

    channel = SignalChannel(daemon.rpc, ACCOUNT, pace=BRISK)
    task = asyncio.create_task(channel.listen(receive))
    await daemon.until(lambda: daemon.subscribed)
    mother.write("1")
    await entered.wait()
    mother.write("2")
    await daemon.until(lambda: True)
    task.cancel()
    await daemon.until(lambda: not daemon.subscribed)
    mother.write("3")
    go.set()
    await asyncio.gather(task, return_exceptions=True)
    await channel.close()
    assert (kept, len(daemon.at_server)) == (["1", "2"], 1)


def _address(uuid: str) -> Address:
    return Address("signal", ACCOUNT, uuid)


# --- refusals: what was refused, the word, and what becomes of the letter

CASES = [
    (Refusal(type="NETWORK_FAILURE"), "network", "later unclear"),
    (Refusal(type="IDENTITY_FAILURE"), "identity", "later 300"),
    (Refusal(type="RATE_LIMIT_FAILURE"), "flood", "later 300"),
    (Refusal(type="RATE_LIMIT_FAILURE", retry_after=42), "flood", "later 42"),
    (Refusal(type="RATE_LIMIT_FAILURE", token="t", retry_after=86_399), "captcha", "account 86399"),
    (Refusal(type="INVALID_PRE_KEY_FAILURE"), "prekey", "later 60"),
    (Refusal(type="SOMETHING_NEW"), "refused", "later 60"),
    (Refusal(code=-1), "refused", "dead"),
    (Refusal(code=-1, message="Unregistered user"), "unregistered", "dead"),
    (Refusal(code=-2), "daemon-fault", "later unclear"),
    (Refusal(code=-3), "network", "later unclear"),
    (Refusal(code=-3, message="[429] Rate limit"), "flood", "account 300"),
    (Refusal(code=-3, message="Authorization failed!"), "no-account", "account 60"),
    (Refusal(code=-4), "identity", "later 300"),
    (Refusal(code=-5), "flood", "account 300"),
    (Refusal(code=-6), "captcha", "account 900"),
    (Refusal(code=-32600), "refused", "dead"),
    (Refusal(code=-32601), "unknown-method", "account 60"),
    (Refusal(code=-32602, message="No recipients given"), "refused", "dead"),
    (Refusal(code=-32603), "daemon-fault", "later unclear"),
    (Refusal(code=-99), "daemon-fault", "later unclear"),
]


def became(error: Undelivered) -> str:
    """What becomes of a letter, in one line."""
    if error.permanent:
        return "dead"
    words = ["account" if error.account else "later"]
    words += [f"{error.retry_after:.0f}"] if error.retry_after is not None else []
    return " ".join([*words, *(["unclear"] if error.unclear else [])])


@pytest.mark.parametrize(("refusal", "reason", "end"), CASES, ids=lambda it: str(it)[:60])
async def test_each_refusal_has_a_rule(
    daemon: SignalDaemon, hallway: Hallway, refusal: Refusal, reason: str, end: str
) -> None:
    mother = daemon.person(1)
    channel = SignalChannel(daemon.rpc, ACCOUNT, pace=BRISK)
    refusal = Refusal(**{**refusal.__dict__, "times": 1})
    daemon.refusals.append(refusal)
    with pytest.raises(Undelivered) as refused:
        await channel.send(_address(mother.uuid), Outbound("message", "x"))
    assert (refused.value.reason, became(refused.value)) == (reason, end)
    sent = await channel.send(_address(mother.uuid), Outbound("message", "y"))
    assert (sent, mother.count()) == (str(mother.last.stamp), 1)
    await channel.close()


async def test_three_people_told_to_wait_mean_all_of_us(daemon: SignalDaemon) -> None:
    people = [daemon.person(n) for n in range(1, 4)]
    channel = SignalChannel(daemon.rpc, ACCOUNT, pace=BRISK)
    daemon.refusals.append(Refusal(type="RATE_LIMIT_FAILURE", retry_after=60, times=-1))
    ends = []
    for person in people:
        with pytest.raises(Undelivered) as refused:
            await channel.send(_address(person.uuid), Outbound("message", "x"))
        ends.append(refused.value.account)
    assert (ends, channel.noticed) == ([False, False, True], {"signal_flood"})
    await channel.close()


async def test_who_has_left_signal_and_who_never_was_there(daemon: SignalDaemon) -> None:
    gone = daemon.person(1)
    gone.registered = False
    channel = SignalChannel(daemon.rpc, ACCOUNT, pace=BRISK)
    for uuid in (gone.uuid, "0000000f-0000-4000-8000-00000000000f"):
        with pytest.raises(Undelivered) as refused:
            await channel.send(_address(uuid), Outbound("message", "x"))
        assert (refused.value.reason, refused.value.permanent) == ("unregistered", True)
    await channel.close()


async def test_a_send_without_an_answer_may_have_been_carried_out(
    daemon: SignalDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.signal.wire.Wire.call.__defaults__", (None, 0.05))
    mother = daemon.person(1)
    daemon.silent.add("send")
    channel = SignalChannel(daemon.rpc, ACCOUNT, pace=BRISK)
    with pytest.raises(Undelivered) as refused:
        await channel.send(_address(mother.uuid), Outbound("message", "x"))
    assert (refused.value.reason, refused.value.unclear) == ("timeout", True)
    await channel.close()


@pytest.mark.parametrize("text", ["", "tcp://", "tcp://x", "tcp://x:y", "unix:", "unix:x", "x:5"])
def test_a_place_that_is_none_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="must be tcp") as refused:
        Place.parse(text)
    assert not text or f"'{text}'" not in str(refused.value)
