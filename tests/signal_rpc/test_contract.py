"""The strict daemon of our tests against the real signal-cli: the same questions, the same answers.

The limit of this is plain: the real one runs offline and without an account, so no envelope and no
send ever came from it. Those shapes are from its documentation and its public source.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.channels.base import Undelivered
from bot.channels.signal import SignalChannel
from tests.channels.hallway import Hallway
from tests.signal_rpc import ACCOUNT, SignalDaemon
from tests.signal_rpc.conftest import BRISK
from tests.signal_rpc.real import BEFORE, FLAGS, ROOT, Line, command, running

UUID = "00000001-0000-4000-8000-000000000001"


def ask(method: str, name: Any = "", **params: Any) -> bytes:
    """A request; its id is its method unless told otherwise."""
    body = {"jsonrpc": "2.0", "method": method, "id": name or method}
    return json.dumps({**body, "params": params} if params else body).encode()


ASKED: list[bytes] = [
    ask("version"),
    ask("version", 5),
    ask("listAccounts"),
    ask("send", account=ACCOUNT, recipient=[UUID], message="x"),
    ask("send", "nobody", recipient=[UUID], message="x"),
    ask("remoteDelete", account=ACCOUNT, recipient=[UUID], targetTimestamp=1),
    ask("sendReceipt", account=ACCOUNT, recipient=UUID, targetTimestamp=[1], type="read"),
    ask("sendTyping", account=ACCOUNT, recipient=[UUID]),
    ask("updateContact", account=ACCOUNT, recipient=UUID, expiration=5),
    ask("listIdentities", account=ACCOUNT, number=UUID),
    ask("quitGroup", account=ACCOUNT, groupId="R3JvdXA=", delete=True),
    ask("trust", account=ACCOUNT, recipient=UUID, trustAllKnownKeys=True),
    ask("subscribeReceive", "unknown", account=ACCOUNT),
    ask("nonsense"),
    ask("unsubscribeReceive", subscription=77),
    b"not json",
    b'{"jsonrpc":"2.0","id":"none"}',
    b'{"jsonrpc":"1.0","method":"version","id":"old"}',
    b'{"method":"version","id":"bare"}',
    b'"x"',
    b"[]",
    b"[" + ask("version", "b1") + b"," + ask("nonsense", "b2") + b"]",
    b'{"jsonrpc":"2.0","result":3,"id":"not asked"}',
    b"",
]
ANSWERED = len(ASKED) - 1
"""All but the answer that nobody asked for."""


def shape(answer: Any) -> str:
    """What of an answer has to be the same: its parts, its id, its code, the fixed words."""
    if isinstance(answer, list):
        return json.dumps(sorted(shape(each) for each in answer))  # the real one has no order
    kept = {"id": answer.get("id"), "jsonrpc": answer["jsonrpc"]}
    if "error" in answer:
        error = answer["error"]
        assert set(error) == {"code", "message", "data"}
        fixed = error["message"] if re.fullmatch(r"[\w .]{1,60}", error["message"]) else "..."
        words = fixed if error["code"] in (-32601, -32602, -1) else "..."
        return json.dumps({**kept, "code": error["code"], "words": words})
    return json.dumps({**kept, "result": answer["result"]})


async def shapes(line: Line) -> list[str]:
    got = await line.answers(ASKED, ANSWERED)
    return sorted(shape(answer) for answer in got)


@pytest.mark.slow
async def test_the_strict_daemon_answers_as_the_real_one_does(tmp_path: Path) -> None:
    hallway = Hallway()
    async with SignalDaemon() as ours:
        ours.knows_account = False
        await ours.start(tmp_path / "ours")
        with running(tmp_path) as (process, path):
            real, twin = await Line.open(path), await Line.open(tmp_path / "ours")
            theirs, own = Counter(await shapes(real)), Counter(await shapes(twin))
            assert (theirs - own, own - theirs) == (Counter(), Counter())
            # Subscriptions are counted from nothing, over all connections.
            for line in (real, twin):
                other = await line.answers([ask("subscribeReceive")], 1)
                assert other == [{"jsonrpc": "2.0", "result": 0, "id": "subscribeReceive"}]
                (ended,) = await line.answers([ask("unsubscribeReceive", subscription=0)], 1)
                assert ended["result"] == {}
            # A line of five megabytes, and half a line, disturb nobody else.
            for line in (real, twin):
                huge = ask("version", "huge", x="a" * 5_000_000)
                (answer,) = await line.answers([huge], 1)
                assert answer["result"] == {"version": "0.13.19"}
                line.writer.write(b'{"jsonrpc":"2.0","meth')
                await line.close()
            channel = SignalChannel(f"unix:{path}", ACCOUNT, pace=BRISK)
            assert await channel.examine() == ("0.13.19", False)
            with pytest.raises(Undelivered, match="no-account"):
                await channel.listen(hallway.receive)
            await channel.close()
            process.terminate()
            assert process.wait(30) == 0
            assert process.stdout is not None
            said = process.stdout.read().decode()
    assert UUID not in said
    assert not [breach for breach in ours.breaches if breach.method not in ("version",)]


@pytest.mark.slow
def test_the_flags_of_the_unit_file_are_flags_of_the_real_one() -> None:
    unit = (ROOT / "docs" / "deploy" / "signal-cli.service").read_text("utf-8")
    given = set(re.findall(r"--[a-z-]+", "".join(re.findall(r"(?ms)^ExecStart=.*?[^\\]$", unit))))
    helped = subprocess.run(
        command("daemon", "--help"), capture_output=True, text=True, check=True
    ).stdout
    general = subprocess.run(command("--help"), capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"--[a-z-]+", helped + general))
    later = {"--ignore-avatars", "--ignore-stickers"}
    assert given - later <= known
    assert {flag.partition("=")[0] for flag in (*FLAGS, *BEFORE)} <= given
    assert later <= given
