"""Whole reports over Signal: the running program, a daemon that dies, and a program that is killed.

The answer that was under way when the daemon died is lost, as it is with the real one; that is
noticed, and the question asked again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.bot_api import BotApiServer
from tests.families import answers_of, invent, rehearse
from tests.running.program import FAST, Starter, noon
from tests.running.stay import Stay
from tests.signal_rpc import ACCOUNT, SignalDaemon
from tests.signal_rpc.talking import Talk

pytestmark = pytest.mark.slow

MARK = "Zyrqavon"
PLANT = ("tests.signal_rpc.plants:ask_again_soon", {"seconds": 4.0})


async def test_whole_reports_over_signal_through_deaths_on_both_sides(
    tmp_path: Path, starter: Starter
) -> None:
    folder = tmp_path / "attachments"
    folder.mkdir(mode=0o700)
    async with SignalDaemon(folder) as daemon:
        settings = {
            "SIGNAL_RPC": daemon.rpc, "SIGNAL_ACCOUNT": ACCOUNT, "PACE_SIGNAL": "100",
            "SIGNAL_ATTACHMENTS": str(folder), "TIMEZONE": noon(), **FAST,
        }  # fmt: skip
        nobody = cast(BotApiServer, SimpleNamespace(url="", token=""))
        stay = Stay(tmp_path, nobody, settings, starter=starter, plants=[PLANT])
        mother = Talk(daemon.person(1), invent(102, "ar", presses=False, mark=MARK))
        brother = Talk(daemon.person(2), invent(104, "en", presses=False, mark=MARK))
        async with stay:
            await stay.start()
            await asyncio.gather(mother.until_receipt(8), brother.until_receipt(10))
            # The daemon acknowledges the mother's answer to Signal, and dies with it in its hands.
            daemon.dies_before_writing = True
            await mother.until_receipt(9)
            await daemon.until_dead()
            assert len(daemon.lost) == 1
            mother.lost = True
            daemon.dies_before_writing = False
            await daemon.start()
            # The program is killed right after the brother has written; the daemon goes on.
            await brother.until_receipt(11)
            brother.lost = True
            stay.kill()
            await stay.gone()
            await stay.start()
            await asyncio.gather(mother.until_receipt(), brother.until_receipt())
            assert await stay.stop() == 0
            sealed = await stay.reports()
        for talk in (mother, brother):
            content: dict[str, Any] = sealed[talk.code]
            assert content["report"]["language"] == talk.family.language
            assert answers_of(content["report"]) == answers_of(rehearse(talk.family))
            assert talk.person.timer == 86_400
            assert talk.person.receipts
        assert daemon.breaches == []
        assert MARK not in stay.log_text
        assert ACCOUNT not in stay.log_text
        for file in stay.data.rglob("*"):
            assert not file.is_file() or MARK.encode() not in file.read_bytes(), file
