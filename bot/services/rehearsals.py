"""Rehearsals: a question set played through by who wrote it, as a family will be led through it.

A rehearsal is the real conversation (`flows.conversation.respond`) with nothing behind it: its
session lies in the memory of this process, bound to one session of the console and gone with it.
Nothing is stored, nobody is told, nothing leaves the page. What the service would do beside
speaking (seal the answers, call a person, put the questions off) is said in one sentence instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from bot.channels.base import Limits
from bot.messages import Address, Inbound, Outbound, Unreadable
from bot.render import Reader, render
from bot.services import permissions
from bot.services.accounts import Session as StaffSession
from bot.services.permissions import Actor
from flows import flow_data, follow_up
from flows.conversation import FLOWS, MENU, ask_follow_up, respond
from flows.effects import (
    AnswerFollowUp,
    Ask,
    CallHuman,
    Effect,
    Keep,
    LeaveFollowUp,
    Say,
    Settle,
    Tap,
)
from flows.engine import Heard, Tools
from flows.follow_up import FOLLOW_UP
from flows.readers import Intent, read_intent
from flows.session import File, Session
from flows.shape import Flow
from flows.text import Language, Later, Sentence, Words, _

HANDLE: Final = "rehearsal"
START: Final = "/start"
"""What the page itself says when somebody presses its first button."""
REPEATS_KEPT: Final = 50

# Translators: the following are read by staff who try a question set; in a rehearsal nothing is
# kept and nobody is told.
WOULD_KEEP = _("(In the running service the file is kept now, sealed. Here it is forgotten.)")
OVER = _(
    "The rehearsal is over. Nothing was kept, and nobody was told. To play it again, write “open”."
)
WOULD_SEAL = _("(In the running service the answers are sealed now and the caseworker is told.)")
WOULD_CALL = _("(In the running service a person is called now.)")
NOT_HERE = _("(A rehearsal goes no further than the questions.)")


class Screen(Protocol):
    """Where a rehearsal is seen and answered: the web chat, opened to one browser by a key."""

    @property
    def limits(self) -> Limits: ...

    def begin(self, key: str, language: str) -> Address: ...

    def forget(self, key: str) -> None: ...

    async def send(self, address: Address, outbound: Outbound) -> str: ...


@dataclass(slots=True)
class Rehearsal:
    """One set being tried. ``data`` is the draft as it stood in the editor, None for a kept set.

    ``handle`` is the set's own, empty for one that was never kept. ``key`` opens its conversation.
    """

    key: str
    flow: Flow
    asker: str
    language: Language
    data: Mapping[str, Any] | None = None
    handle: str = ""
    session: Session | None = None
    heard: deque[str] = field(default_factory=lambda: deque(maxlen=REPEATS_KEPT))


class Rehearsals:
    """The rehearsals of this process, one for each session of the console at most."""

    def __init__(
        self,
        tools: Tools,
        *,
        organisation: str | Words,
        clock: Callable[[], datetime],
        chance: Callable[[], str],
    ) -> None:
        """``chance`` makes a key nobody can guess."""
        self._tools = tools
        self._organisation = organisation
        self._clock = clock
        self._chance = chance
        self._by_session: dict[str, Rehearsal] = {}
        self._by_address: dict[Address, Rehearsal] = {}
        self._screen: Screen | None = None

    def show_on(self, screen: Screen) -> None:
        """Say where rehearsals are seen; without it none can begin."""
        self._screen = screen

    def begin(
        self,
        actor: Actor,
        here: StaffSession,
        data: Mapping[str, Any],
        *,
        draft: bool,
        handle: str = "",
    ) -> None:
        """Begin a rehearsal of the set ``data`` describes; it takes the place of the one before.

        Raises `NotAllowed`, and `flows.flow_data.NotAFlow` for a set that cannot be asked.
        """
        permissions.require(actor, "question_set.write")
        flow = flow_data.build(data, "preview", 1)
        if self._screen is None:
            raise RuntimeError("rehearsals have no screen")
        self.end(here)
        asker = actor.name.split()[0] if actor.name.strip() else ""
        kept = data if draft else None
        rehearsal = Rehearsal(self._chance(), flow, asker, actor.language, kept, handle)
        self._by_session[here.id] = rehearsal
        self._by_address[self._screen.begin(rehearsal.key, actor.language)] = rehearsal

    def of(self, here: StaffSession) -> Rehearsal | None:
        """Return the rehearsal of a session, if one is under way."""
        return self._by_session.get(here.id)

    def end(self, here: StaffSession) -> None:
        """Forget the rehearsal of a session; its page is told that it has ended."""
        rehearsal = self._by_session.pop(here.id, None)
        if rehearsal is None or self._screen is None:
            return
        self._by_address = {
            address: each for address, each in self._by_address.items() if each is not rehearsal
        }
        self._screen.forget(rehearsal.key)

    def close(self) -> None:
        """Forget every rehearsal, so that no page is waited for when the service stops."""
        for rehearsal in self._by_session.values():
            if self._screen is not None:
                self._screen.forget(rehearsal.key)
        self._by_session.clear()
        self._by_address.clear()

    async def receive(self, batch: Sequence[Inbound | Unreadable]) -> None:
        """Answer what was said on a rehearsal's page, as the service answers a family."""
        for message in batch:
            if isinstance(message, Inbound):
                await self._hear(message)

    async def _hear(self, message: Inbound) -> None:
        rehearsal, screen = self._by_address.get(message.address), self._screen
        if rehearsal is None or screen is None or message.update_id in rehearsal.heard:
            return
        rehearsal.heard.append(message.update_id)
        await self._answer(rehearsal, message, screen)

    async def _answer(self, rehearsal: Rehearsal, message: Inbound, screen: Screen) -> None:
        effects = self._turn(rehearsal, message)
        pressed = message.kind == "button"
        session = rehearsal.session or Session(language=rehearsal.language)
        reader = Reader(
            self._tools.speak,
            session.language,
            session.form,
            screen.limits,
            message_id=message.message_id if pressed else "",
            callback_id=message.callback_id if pressed else "",
            known={"organisation": self._organisation},
        )
        for outbound in render(effects, reader):
            await screen.send(message.address, outbound)

    def _turn(self, rehearsal: Rehearsal, message: Inbound) -> list[Effect]:
        if rehearsal.session is None or message.text == START:
            return self._start(rehearsal, message)
        if FOLLOW_UP not in rehearsal.session.drafts:
            again = read_intent(message.text) is Intent.OPEN
            return self._start(rehearsal, message) if again else [Tap(), Say((OVER,))]
        flows = {**FLOWS, FOLLOW_UP: follow_up.as_asked(rehearsal.flow)}
        file = self._file(message)
        heard = Heard(
            "button" if message.kind == "button" else "media" if file else "text",
            message.text,
            message.button,
            file=file,
            hint=message.language_hint,
            channel=message.address.channel,
        )
        turn = respond(rehearsal.session, heard, self._clock(), self._tools, flows)
        rehearsal.session = turn.session
        said = [each for effect in turn.effects for each in _told(effect)]
        if FOLLOW_UP not in turn.session.drafts:
            said.append(Say((OVER,)))
        return said

    def _file(self, message: Inbound) -> File | None:
        """Return what is said of a file; there is nothing of it behind that."""
        sent = message.media
        if sent is None:
            return None
        handle = self._chance()
        return File(sent.kind, sent.provider_id, sent.size, sent.type, sent.name, handle)

    def _start(self, rehearsal: Rehearsal, message: Inbound) -> list[Effect]:
        language: Language = "en" if message.language_hint == "en" else "ar"
        words: Words = (
            follow_up.FROM.fill(asker=rehearsal.asker) if rehearsal.asker else follow_up.FROM_US
        )
        opening: list[Sentence] = [words.fill(organisation=Later("organisation"))]
        fresh = Session(language=language, flow=MENU)
        turn = ask_follow_up(fresh, rehearsal.flow, HANDLE, "", opening, self._clock(), self._tools)
        rehearsal.session = turn.session
        return [Tap(), *turn.effects]


def _told(effect: Effect) -> list[Effect]:
    """Return what is said of an effect: words as they are, one sentence for every deed."""
    match effect:
        case Ask() | Say() | Settle() | Tap():
            return [effect]
        case AnswerFollowUp():
            return [Say((WOULD_SEAL,))]
        case Keep():
            return [Say((WOULD_KEEP,))]
        case CallHuman():
            return [Say((WOULD_CALL,))]
        case LeaveFollowUp(_handle, _how, again, last):
            words = again or last
            return [Say((words,))] if words else []
        case _:
            return [Say((NOT_HERE,))]
