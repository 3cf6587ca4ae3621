"""The web chat behind a real web server: what is kept, what is shown, and who may ask."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bot.channels.base import Channel, Undelivered
from bot.channels.webchat import PAGE_TEXTS, WebChat
from bot.channels.webchat.texts import ARABIC, complete
from bot.messages import Address, Inbound, Outbound
from tests.channels.web_room import Keeper, Room, buttons, opened, served


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with opened(WebChat(heartbeat=0.2), Keeper()) as room:
        yield room


@dataclass
class Tab:
    """One tab of the page, reduced to what it posts and what it is told."""

    http: httpx.AsyncClient
    mark: str
    opened: dict[str, Any]

    async def say(self, text: str, **more: object) -> httpx.Response:
        return await self.http.post("/say", json=self.said(kind="text", text=text, **more))

    async def press(self, message: str, data: str) -> httpx.Response:
        return await self.http.post(
            "/say", json=self.said(kind="button", message=message, button=data)
        )

    def said(self, **more: object) -> dict[str, object]:
        return {"id": secrets.token_hex(16), "mark": self.mark, "language": "ar", **more}

    @asynccontextmanager
    async def follow(self, place: str = "") -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        headers = {"Last-Event-ID": place} if place else {}
        async with self.http.stream("GET", "/events", headers=headers) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            yield _events(response)

    async def now(self, place: str = "") -> dict[str, Any]:
        async with self.follow(place) as events:
            return await anext(events)


async def _events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    place = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            place = line[4:]
        elif line.startswith("data: "):
            yield {"place": place, **json.loads(line[6:])}


@asynccontextmanager
async def tab(room: Room, cookies: httpx.Cookies | None = None) -> AsyncIterator[Tab]:
    async with httpx.AsyncClient(
        base_url=room.url, headers={"Origin": room.url}, cookies=cookies, trust_env=False
    ) as http:
        answered = await http.post("/open", json={"language": "ar"})
        assert answered.status_code == 200
        yield Tab(http, answered.json()["mark"], answered.json())


def address_of(room: Room) -> Address:
    return room.keeper.kept[-1].address


def texts(event: dict[str, Any]) -> list[str]:
    return [message["text"] for message in event["messages"]]


# What is kept


async def test_words_are_handed_over_in_the_words_of_every_channel(room: Room) -> None:
    async with tab(room) as page:
        answered = await page.say("مرحبا\nسطر ثان")
    assert answered.status_code == 204
    (inbound,) = room.keeper.kept
    assert (inbound.kind, inbound.text) == ("text", "مرحبا\nسطر ثان")
    assert inbound.address.channel == "webchat"
    assert inbound.message_id == inbound.update_id
    assert inbound.language_hint == "ar"
    assert inbound.sent_at is not None
    assert inbound.sent_at.tzinfo is not None


async def test_nothing_is_acknowledged_that_could_not_be_kept(room: Room) -> None:
    room.keeper.failing = True
    async with tab(room) as page:
        answered = await page.say("words that must not be lost")
        shown = await page.now()
    assert answered.status_code == 503
    assert texts(shown) == []


async def test_what_there_is_no_room_for_is_handed_back_and_can_be_sent_again(room: Room) -> None:
    room.keeper.full = True
    async with tab(room) as page:
        answered = await page.say("words that must not be lost")
        assert answered.status_code == 429
        assert texts(await page.now()) == []
        room.keeper.full = False
        assert (await page.say("words that must not be lost")).status_code == 204
        assert texts(await page.now()) == ["words that must not be lost"]


async def test_nothing_is_acknowledged_while_nobody_listens() -> None:
    chat = WebChat()
    async with served(chat.app) as port:
        room = Room(chat, Keeper(), f"http://127.0.0.1:{port}", "")
        async with tab(room) as page:
            assert (await page.say("too early")).status_code == 503


async def test_the_answer_204_waits_until_the_words_are_kept() -> None:
    kept = asyncio.Event()

    async def receive(batch: object) -> None:
        await kept.wait()

    chat = WebChat()
    async with served(chat.app) as port:
        listening = asyncio.create_task(chat.listen(receive))
        async with tab(Room(chat, Keeper(), f"http://127.0.0.1:{port}", "")) as page:
            posting = asyncio.create_task(page.say("slowly"))
            await asyncio.sleep(0.2)
            assert not posting.done()
            kept.set()
            assert (await posting).status_code == 204
        listening.cancel()


async def test_a_message_posted_again_after_a_cut_keeps_its_id_and_is_shown_once(
    room: Room,
) -> None:
    async with tab(room) as page:
        body = page.said(kind="text", text="once")
        first, second = await asyncio.gather(
            page.http.post("/say", json=body), page.http.post("/say", json=body)
        )
        shown = await page.now()
    assert (first.status_code, second.status_code) == (204, 204)
    assert [inbound.text for inbound in room.keeper.kept] == ["once"]
    assert texts(shown) == ["once"]


async def test_a_button_names_its_message_and_leaves_its_label_when_it_is_taken_away(
    room: Room,
) -> None:
    async with tab(room) as page:
        await page.say("hello")
        asked = await room.chat.send(
            address_of(room),
            Outbound("message", text="Which?", buttons=buttons([("One", "q:1"), ("Two", "q:2")])),
        )
        assert (await page.press(asked, "q:2")).status_code == 204
        await room.chat.send(address_of(room), Outbound("edit", message_id=asked))
        shown = await page.now()
    pressed = room.keeper.kept[-1]
    assert (pressed.kind, pressed.button, pressed.message_id) == ("button", "q:2", asked)
    assert pressed.callback_id == pressed.update_id
    question = shown["messages"][-1]
    assert (question["text"], question["buttons"]) == ("Which?", [])
    assert question["chosen"] == "Two"


async def test_what_the_page_says_by_itself_is_kept_but_not_shown(room: Room) -> None:
    async with tab(room) as page:
        await page.say("/start", quiet=True)
        shown = await page.now()
    assert room.keeper.kept[0].text == "/start"
    assert texts(shown) == []


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("\ud83d\ude00", "\U0001f600"),
        ("left \ud800 right", "left \ufffd right"),
        ("a\x00b", "a\x00b"),
        ("\u202eabc\u202c", "\u202eabc\u202c"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("ن" * 8_192, "ن" * 8_192),
    ],
)
async def test_strange_words_arrive_whole(room: Room, typed: str, heard: str) -> None:
    async with tab(room) as page:
        body = json.dumps(page.said(kind="text", text=typed))
        answered = await page.http.post(
            "/say", content=body, headers={"Content-Type": "application/json"}
        )
        shown = await page.now()
    assert answered.status_code == 204
    assert room.keeper.kept[0].text == heard
    assert texts(shown) == [heard]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"text": "ن" * 8_193}, 413),
        ({"text": "x" * 200_000}, 413),
        ({"text": "  \n "}, 400),
        ({"text": 5}, 400),
        ({"id": "short"}, 400),
        ({"id": None}, 400),
        ({"kind": "button"}, 400),
        ({"kind": "button", "button": "q:1", "message": "../../x"}, 400),
        ({"kind": "button", "button": "q" * 65, "message": "a-1"}, 400),
        ({"kind": "file"}, 400),
        ({"language": "xx"}, 400),
        ({"quiet": "yes"}, 400),
        ({"mark": "000000000000"}, 409),
    ],
)
async def test_a_body_the_page_cannot_have_sent_is_refused(
    room: Room, change: dict[str, object], status: int
) -> None:
    async with tab(room) as page:
        answered = await page.http.post(
            "/say", json=page.said(**{"kind": "text", "text": "words", **change})
        )
    assert answered.status_code == status
    assert room.keeper.handed == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'"x"', b"NaN"])
async def test_a_body_that_is_no_object_is_refused(room: Room, body: bytes) -> None:
    async with tab(room) as page:
        answered = await page.http.post(
            "/say", content=body, headers={"Content-Type": "application/json"}
        )
    assert answered.status_code == 400


# What is shown


async def test_messages_appear_on_every_tab_while_it_looks(room: Room) -> None:
    async with tab(room) as one, tab(room, one.http.cookies) as two:
        assert one.mark == two.mark
        async with one.follow() as first, two.follow() as second:
            await anext(first)
            await anext(second)
            await one.say("from the first tab")
            assert texts(await anext(first)) == ["from the first tab"]
            assert texts(await anext(second)) == ["from the first tab"]
            await room.chat.send(address_of(room), Outbound("message", text="to both"))
            assert texts(await anext(first)) == ["to both"]
            assert texts(await anext(second)) == ["to both"]


async def test_a_tab_that_was_cut_off_gets_what_it_missed_and_only_that(room: Room) -> None:
    async with tab(room) as page:
        await page.say("one")
        seen = await page.now()
        await page.say("two")
        asked = await room.chat.send(address_of(room), Outbound("message", text="three"))
        await room.chat.send(
            address_of(room), Outbound("edit", message_id=asked, text="three, mended")
        )
        missed = await page.now(seen["place"])
        nothing = await page.now(missed["place"])
    assert (seen["whole"], missed["whole"], nothing["whole"]) == (True, False, False)
    assert texts(missed) == ["two", "three, mended"]
    assert texts(nothing) == []


async def test_the_place_also_counts_in_the_address_for_tabs_that_come_back(room: Room) -> None:
    async with tab(room) as page:
        await page.say("one")
        seen = await page.now()
        await page.say("two")
        async with page.http.stream("GET", f"/events?after={seen['place']}") as response:
            assert texts(await anext(_events(response))) == ["two"]


@pytest.mark.parametrize("place", ["", "nonsense", "0-0-0", "a-b-999999999999999999999", "----"])
async def test_an_unknown_place_gets_the_whole_talk(room: Room, place: str) -> None:
    async with tab(room) as page:
        await page.say("one")
        shown = await page.now(place)
    assert shown["whole"] is True
    assert texts(shown) == ["one"]


async def test_a_place_of_an_earlier_run_gets_the_whole_talk(room: Room) -> None:
    async with tab(room) as page:
        await page.say("before")
        seen = await page.now()
        async with (
            opened(WebChat(), Keeper()) as later,
            tab(later, page.http.cookies) as again,
        ):
            assert again.mark == page.mark
            assert again.opened["lost"] is True
            shown = await again.now(seen["place"])
    assert shown["whole"] is True
    assert shown["run"] != seen["run"]


async def test_deleted_messages_leave_every_tab_and_the_memory(room: Room) -> None:
    async with tab(room) as page:
        await page.say("a secret")
        spoken = await room.chat.send(address_of(room), Outbound("message", text="an answer"))
        seen = await page.now()
        ids = (room.keeper.kept[0].message_id, spoken, "never-known")
        await room.chat.send(address_of(room), Outbound("delete", message_ids=ids))
        missed = await page.now(seen["place"])
        whole = await page.now()
    assert set(missed["gone"]) == set(ids)
    assert texts(missed) == texts(whole) == []


async def test_words_deleted_before_they_could_be_shown_stay_deleted() -> None:
    chat = WebChat()

    async def receive(batch: list[Inbound]) -> None:
        (inbound,) = batch
        await chat.send(inbound.address, Outbound("delete", message_ids=(inbound.message_id,)))

    async with served(chat.app) as port:
        listening = asyncio.create_task(chat.listen(receive))  # type: ignore[arg-type]
        async with tab(Room(chat, Keeper(), f"http://127.0.0.1:{port}", "")) as page:
            assert (await page.say("wipe this chat")).status_code == 204
            assert texts(await page.now()) == []
        listening.cancel()


async def test_an_answer_that_is_faster_than_the_acknowledgement_stands_after_the_words() -> None:
    chat = WebChat()

    async def receive(batch: list[Inbound]) -> None:
        await chat.send(batch[0].address, Outbound("message", text="answer"))

    async with served(chat.app) as port:
        listening = asyncio.create_task(chat.listen(receive))  # type: ignore[arg-type]
        async with tab(Room(chat, Keeper(), f"http://127.0.0.1:{port}", "")) as page:
            await page.say("question")
            assert texts(await page.now()) == ["question", "answer"]
        listening.cancel()


async def test_a_tap_is_acknowledged_on_the_page_and_not_kept(room: Room) -> None:
    async with tab(room) as page:
        await page.say("hello")
        seen = await page.now()
        await room.chat.send(
            address_of(room), Outbound("tap", callback_id="c1", text="This was asked before.")
        )
        missed = await page.now(seen["place"])
        whole = await page.now()
    assert missed["notes"] == [{"id": "c1", "text": "This was asked before."}]
    assert whole["notes"] == []


async def test_the_page_follows_the_language_of_the_talk(room: Room) -> None:
    async with tab(room) as page:
        await page.say("hello")
        await room.chat.send(address_of(room), Outbound("message", text="Welcome", language="en"))
        assert (await page.now())["language"] == "en"
        html = (await page.http.get("/")).text
    assert '<html lang="en" dir="ltr">' in html


async def test_a_message_is_kept_for_a_page_that_is_closed(room: Room) -> None:
    async with tab(room) as page:
        await page.say("hello")
    spoken = await room.chat.send(address_of(room), Outbound("message", text="later"))
    assert spoken
    async with tab(room, page.http.cookies) as page:
        assert texts(await page.now()) == ["hello", "later"]


async def test_the_heart_beats_while_nothing_is_said(room: Room) -> None:
    async with tab(room) as page, page.http.stream("GET", "/events") as response:
        lines = response.aiter_lines()
        async with asyncio.timeout(5):
            assert ": still here" in [await anext(lines) for _ in range(6)]


async def test_streams_end_when_the_channel_closes(room: Room) -> None:
    async with tab(room) as page, page.follow() as events:
        await anext(events)
        await room.chat.close()
        await room.chat.close()
        async with asyncio.timeout(5):
            assert [event async for event in events] == []


async def test_all_conversations_together_have_a_bounded_number_of_tabs(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.webchat.channel.STREAMS_MOST", 3)
    async with tab(room) as one, tab(room) as other:
        held = [page.http.send(_request(page), stream=True) for page in (one, other) * 2]
        answers = [await each for each in held]
        for answer in answers:
            await answer.aclose()
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [503]
    assert len(room.chat._talks) <= 2


async def test_one_conversation_has_a_bounded_number_of_tabs(room: Room) -> None:
    async with tab(room) as page:
        held = [page.http.send(_request(page), stream=True) for _ in range(17)]
        answers = [await each for each in held]
        for answer in answers:
            await answer.aclose()
    assert sorted(answer.status_code for answer in answers) == [200] * 16 + [503]


def _request(page: Tab) -> httpx.Request:
    return page.http.build_request("GET", "/events")


async def test_memory_is_bounded_in_messages_and_in_talks() -> None:
    chat = WebChat(talks=3, messages=5)
    people = [Address("webchat", "", f"{n:032x}") for n in range(10)]
    for person in people:
        for n in range(20):
            await chat.send(person, Outbound("message", text=str(n)))
    assert len(chat._talks) == 3
    last = chat._talks.find(people[-1].person)
    assert last is not None
    shown = last.since(None).messages
    assert [message.text for message in shown] == ["15", "16", "17", "18", "19"]


async def test_a_foreign_address_is_refused_for_good() -> None:
    for address in (Address("telegram", "", "1"), Address("webchat", "", "not-a-key")):
        with pytest.raises(Undelivered) as refused:
            await WebChat().send(address, Outbound("message", text="words"))
        assert refused.value.permanent


# Which conversation


async def test_a_new_conversation_is_another_person_and_the_old_one_is_forgotten(
    room: Room,
) -> None:
    async with tab(room) as page:
        await page.say("first talk")
        answered = await page.http.post("/open", json={"language": "en", "fresh": True})
        assert answered.json()["mark"] != page.mark
        # The page that still shows the old talk is told so, instead of mixing two of them.
        assert (await page.say("meant for the first")).status_code == 409
        page.mark = answered.json()["mark"]
        assert texts(await page.now()) == []
        await page.say("second talk")
    assert len({inbound.address.person for inbound in room.keeper.kept}) == 2
    assert len(room.chat._talks) == 1


async def test_the_cookie_is_random_hidden_and_strict(room: Room) -> None:
    async with httpx.AsyncClient(base_url=room.url, headers={"Origin": room.url}) as http:
        html = await http.get("/")
        assert "set-cookie" not in html.headers
        cookie = (await http.post("/open", json={"language": "ar"})).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert len(cookie.split(";")[0].split("=")[1]) == 32


async def test_behind_https_the_cookie_travels_over_https_only() -> None:
    async with opened(WebChat(public_url="https://chat.example.org"), Keeper()) as room:
        headers = {"Host": "chat.example.org", "Origin": "https://chat.example.org"}
        async with httpx.AsyncClient(base_url=room.url, headers=headers) as http:
            answered = await http.post("/open", json={"language": "ar"})
    assert "Secure" in answered.headers["set-cookie"]


async def test_neither_the_cookie_nor_its_mark_opens_from_what_the_service_stores(
    room: Room,
) -> None:
    async with tab(room) as page:
        await page.say("hello")
        cookie = page.http.cookies["athar_chat"]
        person = address_of(room).person
        assert cookie not in (person, page.mark)
        async with tab(room, httpx.Cookies({"athar_chat": person})) as other:
            assert texts(await other.now()) == []


async def test_the_app_works_below_another_path() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    chat = WebChat()
    async with served(Starlette(routes=[Mount("/chat", chat.app)])) as port:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as http:
            assert (await http.get("/chat/")).status_code == 200
            assert (await http.get("/chat/assets/chat.js")).status_code == 200
            opened_ = await http.post("/chat/open", json={"language": "ar"})
    assert "Path=/chat;" in opened_.headers["set-cookie"]


# Who may ask


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8080", 200),
        ("chat.example.org", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
async def test_only_our_own_names_are_answered(host: str, status: int) -> None:
    chat = WebChat(public_url="https://chat.example.org")
    transport = httpx.ASGITransport(chat.app)
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=transport) as http:
        for path in ("/", "/assets/chat.js"):
            answered = await http.get(path, headers={"Host": host})
            assert answered.status_code == status


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        "https://localhost.evil",
        "file://",
    ],
)
@pytest.mark.parametrize("path", ["/open", "/say"])
async def test_nothing_is_taken_from_a_foreign_page(
    room: Room, origin: str | None, path: str
) -> None:
    async with tab(room) as page:
        del page.http.headers["Origin"]
        answered = await page.http.post(
            path,
            json=page.said(kind="text", text="planted"),
            headers={"Origin": origin} if origin else {},
        )
    assert answered.status_code == 403
    assert room.keeper.handed == 0


async def test_a_form_of_another_kind_is_refused(room: Room) -> None:
    async with tab(room) as page:
        answered = await page.http.post(
            "/say",
            content=json.dumps(page.said(kind="text", text="planted")),
            headers={"Content-Type": "text/plain"},
        )
    assert answered.status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/assets/chat.css", 200),
        ("GET", "/assets/chat.html", 404),
        ("GET", "/assets/../channel.py", 404),
        ("GET", "/assets/%2e%2e%2fchannel.py", 404),
        ("GET", "/say", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/events", 409),
        ("POST", "/say", 403),
    ],
)
async def test_every_answer_carries_the_guarding_headers(
    room: Room, method: str, path: str, status: int
) -> None:
    async with httpx.AsyncClient(base_url=room.url) as http:
        answered = await http.request(method, path)
    assert answered.status_code == status
    policy = answered.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["referrer-policy"] == "no-referrer"


async def test_a_sentence_cannot_break_out_of_the_page() -> None:
    strings = {"en": {"welcome": "</script><script>alert(1)</script>"}}
    transport = httpx.ASGITransport(WebChat(strings=strings).app)
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=transport) as http:
        html = (await http.get("/")).text
    assert "<script>alert" not in html


# The page's own words


def test_every_sentence_of_the_page_is_there_in_both_languages() -> None:
    assert set(ARABIC) == set(PAGE_TEXTS)
    half = complete({"ar": {"send": "إرسال الآن"}})
    assert half["ar"]["send"] == "إرسال الآن"
    assert half["ar"]["start"] == ARABIC["start"]
    assert half["en"] == PAGE_TEXTS


def test_the_page_asks_for_no_sentence_that_does_not_exist() -> None:
    import re

    from bot.channels.webchat.page import asset

    html = asset("chat.html").decode()
    script = asset("chat.js").decode()
    named = set(re.findall(r'data-(?:text|label|placeholder)="(\w+)"', html))
    named |= set(re.findall(r'say\("(\w+)"\)', script))
    named |= set(re.findall(r'say\(ours \? "(\w+)" : "\w+"\)', script))
    assert named <= set(PAGE_TEXTS)
    elsewhere = set(re.findall(r'"(\w+)"', script))
    said_by_the_service = {"file_sent"}
    assert set(PAGE_TEXTS) <= named | elsewhere | said_by_the_service


def test_the_web_chat_is_a_channel() -> None:
    channel: Channel = WebChat()
    assert (channel.name, channel.account) == ("webchat", "")
