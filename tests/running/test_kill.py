"""The program is killed with SIGKILL again and again; no family notices more than a repeat."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.bot_api import BotApiServer
from tests.running.crash import SEED, Street, Verdict, judge, kill_at_points, kill_at_random
from tests.running.plants import POINTS
from tests.running.program import FAST, Plant, Plants, Program, Starter

pytestmark = pytest.mark.slow

AT_ONCE = 40
KILLS = int(os.environ.get("ATHAR_KILLS", "30"))


async def killed(
    home: Path,
    server: BotApiServer,
    starter: Starter,
    kills: int,
    plants: Plants = (),
    url: str = "",
) -> Verdict:
    """Let forty families talk while the program is killed; return what became of them."""
    street = Street(server, at_once=AT_ONCE)
    program = Program(
        home, server.url, server.token, url, settings=FAST, starter=starter, plants=plants
    )
    async with program:
        street.open()
        await kill_at_random(program, street, kills, random.Random(f"kills {SEED}"))
        await street.fall_silent()
        await street.until_cleared()
        await program.stop()
    verdict = await judge(program, street)
    verdict.uncleared = street.uncleared
    print(verdict)
    assert not server.breaches
    return verdict


async def test_no_answer_is_lost_doubled_or_misplaced_when_the_program_is_killed_at_random(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    verdict = await killed(tmp_path / "athar", server, starter, KILLS)
    assert not verdict.faults, verdict
    # What was on its way to each family may come once more, and nothing else.
    assert verdict.repeated_prompts <= AT_ONCE * verdict.kills


@pytest.mark.postgres
async def test_no_answer_is_lost_doubled_or_misplaced_on_postgresql_either(
    tmp_path: Path, server: BotApiServer, starter: Starter, postgres_url: str
) -> None:
    verdict = await killed(tmp_path / "athar", server, starter, KILLS, url=postgres_url)
    assert not verdict.faults, verdict
    assert verdict.repeated_prompts <= AT_ONCE * verdict.kills


def deaths() -> list[tuple[str, int]]:
    """Every named point at several passages; keys come and go with families, so less often."""
    rare, often = (1, 2, 3), (1, 2, 4, 9)
    return [(point, n) for point in POINTS for n in (rare if "slots" in point else often)]


async def test_no_answer_is_lost_doubled_or_misplaced_at_any_named_point(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    street = Street(server, at_once=AT_ONCE // 3)
    program = Program(tmp_path / "athar", server.url, server.token, settings=FAST, starter=starter)
    async with program:
        street.open()
        missed = await kill_at_points(program, deaths(), within=15.0)
        await street.fall_silent()
        await program.stop()
    verdict = await judge(program, street)
    print(verdict, missed)
    assert not missed
    assert not verdict.faults, verdict


ACKNOWLEDGE_BEFORE_COMMIT: Plant = ("tests.running.plants:acknowledge_before_commit", {})
FORGET_REPEATS: Plant = ("tests.running.plants:forget_repeats", {})


async def test_a_program_that_acknowledges_before_the_commit_is_found_out(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    verdict = await dying(
        tmp_path / "athar", server, starter, "before commit", ACKNOWLEDGE_BEFORE_COMMIT
    )
    assert verdict.silent, verdict
    assert verdict.lost, verdict


async def test_a_program_that_forgets_what_it_has_taken_in_is_found_out(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    verdict = await dying(tmp_path / "athar", server, starter, "before acknowledge", FORGET_REPEATS)
    assert verdict.twice or verdict.misplaced, verdict


async def dying(
    home: Path, server: BotApiServer, starter: Starter, point: str, plant: Plant
) -> Verdict:
    """Let a program with a planted bug die where that bug does harm; return what became of it."""
    street = Street(server, at_once=AT_ONCE)
    program = Program(
        home, server.url, server.token, settings=FAST, starter=starter, plants=[plant]
    )
    async with program:
        street.open()
        await kill_at_points(program, [(point, n) for n in (9, 5, 13, 20, 7, 17)])
        await street.fall_silent()
        await program.stop()
    verdict = await judge(program, street)
    print(verdict)
    return verdict
