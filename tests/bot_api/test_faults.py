"""Things go wrong as told: errors, cut and hanging connections, lost answers, limits."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.bot_api import BotApiServer, Fault, Pace
from tests.bot_api.conftest import Caller, until


@pytest.fixture(autouse=True)
def people(server: BotApiServer) -> None:
    for number in range(1, 41):
        server.person(number).start()


async def send(call: Caller, chat_id: int = 1) -> int:
    return int((await call("sendMessage", chat_id=chat_id, text="x")).get("error_code", 200))


async def test_a_fault_strikes_the_named_method_and_chat_as_often_as_told(
    server: BotApiServer, call: Caller
) -> None:
    server.fail(Fault("status", "sendMessage", chat_id=2, status=502, skip=2, times=2))
    assert [await send(call, 1) for _ in range(2)] == [200, 200]
    assert [await send(call, 2) for _ in range(5)] == [200, 200, 502, 502, 200]


async def test_too_many_requests_names_the_wait_and_early_calls_are_kept(
    server: BotApiServer, call: Caller
) -> None:
    server.fail(Fault("status", status=429, description="Too Many Requests", retry_after=7))
    answer = await call("sendMessage", chat_id=1, text="x")
    assert answer["parameters"] == {"retry_after": 7}
    server.clock.move(3)
    await send(call)
    assert [(early.chat_id, round(early.seconds_early)) for early in server.early] == [("1", 4)]
    server.clock.move(5)
    await send(call)
    assert len(server.early) == 1


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_connection_is_cut_before_or_after_the_call_is_carried_out(
    server: BotApiServer, call: Caller, carried_out: bool
) -> None:
    server.fail(Fault("cut", "sendMessage", carried_out=carried_out))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(call)
    assert len(server.person(1).received) == int(carried_out)
    assert await send(call) == 200


async def test_an_effect_can_happen_while_its_answer_is_an_error(
    server: BotApiServer, call: Caller
) -> None:
    server.fail(Fault("status", "sendMessage", status=500, carried_out=True))
    assert await send(call) == 500
    assert len(server.person(1).received) == 1


async def test_a_call_can_hang_and_be_slow(server: BotApiServer, call: Caller) -> None:
    server.fail(Fault("slow", "getMe", seconds=20))
    slow = asyncio.create_task(call("getMe"))
    await until(lambda: server.clock.timers)
    assert not slow.done()
    server.clock.move(21)
    assert (await slow)["ok"]
    server.fail(Fault("hang", "sendMessage", seconds=3600))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send(call), 0.1)
    assert server.person(1).received == []


async def test_an_answer_can_be_a_page_of_a_proxy(server: BotApiServer) -> None:
    server.fail(Fault("status", "getMe", status=502, body=b"<html>bad gateway</html>"))
    url = f"{server.url}/bot{server.token}/getMe"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert (answer.status, await answer.text()) == (502, "<html>bad gateway</html>")


async def test_chance_is_seeded(server: BotApiServer, call: Caller) -> None:
    fault = server.fail(Fault("status", "sendMessage", times=None, chance=0.5))
    codes = [await send(call) for _ in range(40)]
    assert codes.count(500) == fault.struck
    assert 8 <= fault.struck <= 32


async def test_one_chat_gets_one_a_second_after_a_burst(server: BotApiServer, call: Caller) -> None:
    server.pace = Pace(burst=3)
    assert [await send(call) for _ in range(4)] == [200, 200, 200, 429]
    server.clock.move(1.01)
    assert [await send(call) for _ in range(2)] == [200, 429]
    server.clock.move(60)  # a long silence saves up no more than a burst
    assert [await send(call) for _ in range(4)] == [200, 200, 200, 429]


async def test_a_bot_sends_thirty_a_second(server: BotApiServer, call: Caller) -> None:
    server.pace = Pace()
    codes = [await send(call, number) for number in range(1, 41)]
    assert codes == [200] * 30 + [429] * 10
    server.clock.move(1.0)
    assert await send(call, 40) == 200
