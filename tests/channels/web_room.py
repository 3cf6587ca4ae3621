"""A room to try the web chat in: the real page behind a real web server, and somebody to talk to.

`Keeper` stands where intake stands: it keeps what it is handed, drops repeats, and can be told to
keep nothing. `DemoBot` answers like the service does, with a few questions of its own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from bot.channels.base import NotNow
from bot.channels.webchat import WebChat
from bot.messages import Address, Button, Inbound, Outbound, Unreadable

Answer = Callable[[Inbound], Awaitable[None]]


class NotKept(Exception):
    """The store is away."""


@dataclass
class Keeper:
    """Keeps what comes in, once each, and lets ``answer`` speak only afterwards."""

    answer: Answer | None = None
    failing: bool = False
    full: bool = False
    kept: list[Inbound] = field(default_factory=list)
    handed: int = 0
    speaking: set[asyncio.Task[None]] = field(default_factory=set)

    async def receive(self, batch: Sequence[Inbound | Unreadable]) -> None:
        self.handed += len(batch)
        if self.failing:
            raise NotKept
        if self.full:
            raise NotNow
        for inbound in batch:
            assert isinstance(inbound, Inbound)
            if any(each.update_id == inbound.update_id for each in self.kept):
                continue
            self.kept.append(inbound)
            if self.answer:
                task = asyncio.create_task(_speak(self.answer, inbound))
                self.speaking.add(task)
                task.add_done_callback(self.speaking.discard)


async def _speak(answer: Answer, inbound: Inbound) -> None:
    await answer(inbound)


def buttons(*rows: Sequence[tuple[str, str]]) -> tuple[tuple[Button, ...], ...]:
    return tuple(tuple(Button(label, data) for label, data in row) for row in rows)


ENGLISH = {
    "welcome": (
        "We are an association of families. We look for people who disappeared.\n\n"
        "It is free of charge. We never ask for money.\n"
        "You can skip any question, pause and come back.\n\n"
        "In danger? Stop now and wipe this chat."
    ),
    "relation": "What are you to this person?",
    "relations": ("Parent", "Brother or sister", "Son or daughter", "Wife or husband", "Friend"),
    "around": ("Skip", "Talk to a person"),
    "name": "What is the first name of \u2068{name}\u2069?",
    "where": "Where did you ask already? Choose all that fit.",
    "wheres": ("Police", "Court", "Red Crescent"),
    "done": "Done",
    "receipt": "Thank you. Your report is kept.\n\nYour code:\n\u2068{code}\u2069",
    "saved": "Saved",
}
ARABIC = {
    "welcome": (
        "نحن رابطة عائلات. نبحث عن أشخاص اختفوا.\n\n"
        "هذه الخدمة مجانية. لا نطلب المال أبدًا.\n"
        "يمكنكم تجاوز أي سؤال، والتوقف، والعودة لاحقًا.\n\n"
        "في حال الخطر: يُرجى التوقف الآن ومسح هذه المحادثة."
    ),
    "relation": "ما صلتكم بهذا الشخص؟",
    "relations": ("أب أو أم", "أخ أو أخت", "ابن أو ابنة", "زوج أو زوجة", "صديق أو صديقة"),
    "around": ("تجاوز", "التحدث إلى شخص"),
    "name": "ما الاسم الأول لـ \u2068{name}\u2069؟",
    "where": "أين سألتم حتى الآن؟ يمكن اختيار أكثر من جواب.",
    "wheres": ("الشرطة", "المحكمة", "الهلال الأحمر"),
    "done": "تم",
    "receipt": "شكرًا لكم. بلاغكم محفوظ.\n\nالرمز:\n\u2068{code}\u2069",
    "saved": "تم الحفظ",
}
LANGUAGES = {"English": "en", "العربية": "ar"}
CODE = "7K2M-9QXR-4TWB"


class DemoBot:
    """Relation by button, a name by words, several places by buttons, then a receipt."""

    def __init__(self, chat: WebChat) -> None:
        self.chat = chat
        self.step: dict[str, str] = {}
        self.picked: dict[str, list[str]] = {}
        self.language: dict[str, str] = {}
        self.said: dict[str, list[str]] = {}

    async def answer(self, inbound: Inbound) -> None:
        person = inbound.address.person
        self.language.setdefault(person, inbound.language_hint)
        if inbound.text in LANGUAGES:
            self.language[person] = LANGUAGES[inbound.text]
        if inbound.text == "/wipe":
            await self._send(
                inbound.address,
                Outbound("delete", message_ids=(*self.said.pop(person, []), inbound.message_id)),
            )
            return
        if inbound.kind == "button":
            await self._pressed(inbound)
            return
        self.said.setdefault(person, []).append(inbound.message_id)
        await self._typed(inbound)

    async def _typed(self, inbound: Inbound) -> None:
        step = self.step.get(inbound.address.person)
        if step is None or inbound.text == "/start" or inbound.text in LANGUAGES:
            await self._say(inbound.address, self._text(inbound, "welcome"))
            await self._ask_relation(inbound)
        elif step == "name":
            await self._ask_where(inbound)
        else:
            await self._say(inbound.address, inbound.text)

    async def _pressed(self, inbound: Inbound) -> None:
        await self._send(inbound.address, Outbound("tap", callback_id=inbound.callback_id))
        kind, _, code = inbound.button.partition(":")
        if kind == "relation":
            await self._send(inbound.address, Outbound("edit", message_id=inbound.message_id))
            self.step[inbound.address.person] = "name"
            await self._say(
                inbound.address, self._text(inbound, "name").replace("{name}", "Khaled")
            )
        elif code == "done":
            await self._send(inbound.address, Outbound("edit", message_id=inbound.message_id))
            await self._say(inbound.address, self._text(inbound, "receipt").replace("{code}", CODE))
        else:
            picked = self.picked.setdefault(inbound.address.person, [])
            picked.remove(code) if code in picked else picked.append(code)
            await self._send(
                inbound.address,
                Outbound(
                    "edit",
                    message_id=inbound.message_id,
                    text=self._text(inbound, "where"),
                    buttons=self._wheres(inbound),
                ),
            )

    async def _ask_relation(self, inbound: Inbound) -> None:
        self.step[inbound.address.person] = "relation"
        labels = self._words(inbound, "relations")
        around = self._words(inbound, "around")
        rows = [[(label, f"relation:{n}")] for n, label in enumerate(labels)]
        rows.append([(label, f"relation:around{n}") for n, label in enumerate(around)])
        await self._say(inbound.address, self._text(inbound, "relation"), buttons(*rows))

    async def _ask_where(self, inbound: Inbound) -> None:
        self.step[inbound.address.person] = "where"
        await self._say(inbound.address, self._text(inbound, "where"), self._wheres(inbound))

    def _wheres(self, inbound: Inbound) -> tuple[tuple[Button, ...], ...]:
        picked = self.picked.get(inbound.address.person, [])
        rows = [
            [(f"✓ {label}" if str(n) in picked else label, f"where:{n}")]
            for n, label in enumerate(self._words(inbound, "wheres"))
        ]
        return buttons(*rows, [(self._text(inbound, "done"), "where:done")])

    def _text(self, inbound: Inbound, key: str) -> str:
        return str(self._table(inbound)[key])

    def _words(self, inbound: Inbound, key: str) -> Sequence[str]:
        words = self._table(inbound)[key]
        assert not isinstance(words, str)
        return words

    def _table(self, inbound: Inbound) -> dict[str, str | tuple[str, ...]]:
        return {"ar": ARABIC, "en": ENGLISH}[self.language[inbound.address.person]]  # type: ignore[return-value]

    async def _say(
        self, address: Address, text: str, rows: tuple[tuple[Button, ...], ...] = ()
    ) -> None:
        message = Outbound(
            "message", text=text, buttons=rows, language=self.language[address.person]
        )
        self.said.setdefault(address.person, []).append(await self._send(address, message))

    async def _send(self, address: Address, outbound: Outbound) -> str:
        return await self.chat.send(address, outbound)


@dataclass
class Room:
    """A page that is being served at ``url`` (without a slash at the end)."""

    chat: WebChat
    keeper: Keeper
    url: str
    host: str


@asynccontextmanager
async def served(app: ASGIApp, port: int = 0) -> AsyncIterator[int]:
    """Serve ``app`` on loopback and yield the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=5)
    )
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await running
        listener.close()


@asynccontextmanager
async def opened(chat: WebChat, keeper: Keeper, port: int = 0) -> AsyncIterator[Room]:
    """Serve ``chat``, with ``keeper`` listening."""
    async with served(chat.app, port) as number:
        listening = asyncio.create_task(chat.listen(keeper.receive))
        try:
            yield Room(chat, keeper, f"http://127.0.0.1:{number}", f"127.0.0.1:{number}")
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await asyncio.gather(*keeper.speaking)
            await chat.close()
