"""Where the console is served, and where never."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from bot.app import build
from bot.console import is_private, why_not_served
from bot.demonstration import prepare
from bot.front import Front
from tests.bot.rooms import settings

HTTPS = "https://console.example"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, ""),
        ({"roles": {"console"}}, ""),
        ({"roles": {"intake", "delivery"}}, "no-role"),
        ({"public_url": HTTPS}, "public-address"),
        ({"public_url": HTTPS, "roles": {"intake", "console"}}, "public-address"),
        ({"public_url": HTTPS, "roles": {"console"}}, ""),
        ({"public_url": HTTPS, "roles": {"console"}, "http_host": "0.0.0.0"}, ""),
        ({"roles": {"console"}, "http_host": "0.0.0.0"}, "not-on-loopback"),
        ({"public_url": "http://console.example", "roles": {"console"}, "http_host": "10.0.0.1"},
         "not-on-loopback"),
    ],
)  # fmt: skip
def test_the_console_is_never_served_where_families_or_strangers_may_come(
    tmp_path: Path, given: dict[str, Any], why: str
) -> None:
    (tmp_path / "keyring").mkdir()
    assert why_not_served(settings(data_dir=tmp_path, **given)) == why


def test_without_a_keyring_there_is_no_console(tmp_path: Path) -> None:
    assert why_not_served(settings(data_dir=tmp_path)) == "no-keyring"


def test_a_demonstration_stands_open_on_this_machine_alone(tmp_path: Path) -> None:
    assert is_private(settings(data_dir=tmp_path))
    assert not is_private(settings(data_dir=tmp_path, public_url=HTTPS))
    assert not is_private(settings(data_dir=tmp_path, http_host="0.0.0.0"))


async def ask(front: Front, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=front)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get(path)


def a_room(name: str) -> Any:
    async def room(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(f"{name} {scope.get('root_path', '')}")(scope, receive, send)

    return room


async def test_each_path_leads_into_its_own_room() -> None:
    both = Front(is_well=lambda: True, webchat=a_room("chat"), console=a_room("console"))
    assert (await ask(both, "/console/cases")).text == "console /console"
    assert (await ask(both, "/console")).text == "console /console"
    assert (await ask(both, "/")).text == "chat "
    assert (await ask(both, "/consoles")).text == "chat "
    alone = Front(is_well=lambda: True, console=a_room("console"))
    assert (await ask(alone, "/")).headers["location"] == "/console/"
    assert (await ask(alone, "/elsewhere")).status_code == 404
    none = Front(is_well=lambda: True, webchat=None)
    assert (await ask(none, "/console/")).status_code == 404


async def answers_of(given: dict[str, Any], data: Path, path: str) -> int:
    """The status with which the running program answers this path."""
    chosen = settings(data_dir=data, http_port=0, **given)
    await prepare(chosen)
    service, ports = build(chosen), asyncio.Queue[int]()
    running = asyncio.create_task(service.run(ports.put_nowait))
    try:
        port = await asyncio.wait_for(ports.get(), 30)
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code
    finally:
        service.stop()
        await asyncio.wait_for(running, 30)


@pytest.mark.parametrize(
    ("given", "status"),
    [({}, 200), ({"roles": {"console"}}, 200), ({"public_url": HTTPS}, 404)],
)
async def test_the_running_program_serves_it_or_not(
    tmp_path: Path, given: dict[str, Any], status: int
) -> None:
    assert await answers_of(given, tmp_path / "var", "/console/sign-in") == status
