"""The staff's bot on Telegram: asks for updates, tells alerts, and carries screens to and fro.

It has its own token and its own process role, and holds no key: what it can be made to tell are
codes, fixed words and numbers (`desk.py`). One process at a time serves it, held by a named lock.

Updates are confirmed to the provider after they were answered, so a crash repeats an answer at
most; what acts is remembered first and never acts twice. Who writes is looked up anew each time.
Whoever is not linked gets one neutral sentence, whatever they write, and not often.

python-telegram-bot is imported in this file alone, and this file by the app alone where there is a
token: the import costs time and memory that no other process should pay.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import httpx
import structlog
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Update,
)
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.ext import Application, CallbackContext, TypeHandler
from telegram.request import HTTPXRequest
from telegram.warnings import PTBDeprecationWarning

from bot.languages import speak_to_staff
from bot.services.alerts import AlertRounds, Parcel, Told, Watchdogs
from bot.services.linking import Links, StorageError, looks_like_code
from bot.services.permissions import Actor, NotAllowed
from bot.staff import sentences as say
from bot.staff.desk import Desk, Screen, help_screen
from flows.text import Language, Words

log = structlog.get_logger(__name__)

POLL: Final = 25
"""Seconds a request for updates waits."""
KINDS: Final = ["message", "callback_query", "my_chat_member"]
STANDBY: Final = 10.0
STOP_WITHIN: Final = 3.0
LIVE_FOR: Final = 1800.0
"""Seconds a broadcast that is shown is kept up to date."""
MOST_LIVE: Final = 50
LONGEST_REST: Final = 20.0
"""Seconds an answer waits when the provider asks for it; beyond that it is not given."""

App = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds between two rounds of alerts, and between two looks at a broadcast that is shown.

    ``patience`` multiplies what is waited before the provider is asked again after a fault.
    """

    tell: float = 1.0
    live: float = 4.0
    patience: float = 1.0


class Allowance:
    """So many times for each in so many seconds; only the latest few thousand are remembered."""

    def __init__(self, times: int, seconds: float, most: int = 5000) -> None:
        self._times = times
        self._seconds = seconds
        self._most = most
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, who: str, now: float) -> bool:
        """Return whether ``who`` may once more, and count it."""
        times = self._seen.setdefault(who, deque())
        self._seen.move_to_end(who)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        while times and now - times[0] >= self._seconds:
            times.popleft()
        if len(times) >= self._times:
            return False
        times.append(now)
        return True


@dataclass(frozen=True, slots=True)
class _Live:
    """A message that shows a broadcast, as it stands there now."""

    number: int
    shown: Screen
    until: float


class StaffBot:
    """Serves the staff's bot until stopped.

    ``desk``, ``links`` and ``rounds`` are what it goes through; ``watchdogs`` hear of a second
    program that uses its token. ``ticks`` are seconds that never go back.
    """

    def __init__(
        self,
        token: str,
        *,
        api_url: str,
        desk: Desk,
        links: Links,
        rounds: AlertRounds,
        watchdogs: Watchdogs,
        ticks: Callable[[], float] = time.monotonic,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._rhythm = rhythm or Rhythm()
        self._desk = desk
        self._links = links
        self._rounds = rounds
        self._watchdogs = watchdogs
        self._ticks = ticks
        self._account = account_of(token)
        self._app = _make_app(token, api_url)
        self._app.add_handler(TypeHandler(Update, self._heard))
        self._app.add_error_handler(_note_failure)
        self._stopped = False
        self._ending = asyncio.Event()
        self._neutral = Allowance(1, 60)
        self._attempts = Allowance(5, 600)
        self._all_attempts = Allowance(30, 60)
        self._live: OrderedDict[tuple[int, int], _Live] = OrderedDict()

    def __repr__(self) -> str:
        """Without the token."""
        return f"StaffBot(account={self._account!r})"

    def stop(self) -> None:
        """End; what is being answered is finished."""
        self._stopped = True
        self._ending.set()

    async def run(self) -> None:
        """Serve until stopped. Where another process does, stand by and take over when it ends."""
        warnings.filterwarnings("ignore", "(?s).*retry_after", PTBDeprecationWarning)
        while not self._stopped:
            self._ending.clear()
            try:
                async with self._links.alone(self._ending.set) as ours:
                    if ours:
                        await self._serve()
            except StorageError as error:
                log.error("staffbot_has_no_lock", alarm=True, exc_info=error)
            if not self._stopped:
                self._ending.clear()
                await self._rest(STANDBY)

    async def _serve(self) -> None:
        """Do everything until stopped, or until the lock is lost."""
        if not await self._begin():
            return
        log.info("staffbot_started")
        parts = (self._listen, self._tell_rounds, self._show_rounds)
        tasks = {asyncio.create_task(part(), name=f"staffbot{part.__name__}") for part in parts}
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({ending, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            self._ending.set()
            await _finish(tasks)
            with suppress(TelegramError, RuntimeError):
                await self._app.shutdown()

    async def _begin(self) -> bool:
        """Connect; return whether that worked before the end."""
        failures = 0
        while self._goes_on():
            try:
                await self._app.initialize()
                return True
            except InvalidToken as error:
                log.error("staffbot_token_refused", alarm=True, exc_info=error)
                await self._rest(60.0)
            except TelegramError as error:
                failures += 1
                log.warning("staffbot_not_connected", attempts=failures, exc_info=error)
                await self._rest(_wait(error, failures))
        return False

    def _goes_on(self) -> bool:
        return not self._ending.is_set()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    # ---------------------------------------------------------------------------------- listening

    async def _listen(self) -> None:
        """Ask for updates and answer them; what is not answered is asked for again."""
        offset = failures = 0
        while self._goes_on():
            try:
                updates = await self._poll(offset)
                failures = 0
            except Conflict as error:
                log.error("staffbot_conflict", alarm=True, exc_info=error)
                await self._free_polling()
                await self._rest(5.0 * self._rhythm.patience)
                continue
            except TelegramError as error:
                failures += 1
                log.warning("staffbot_poll_failed", attempts=failures, exc_info=error)
                await self._rest(_wait(error, failures) * self._rhythm.patience)
                continue
            await self._answer_all(updates)
            if updates:
                offset = max(update.update_id for update in updates) + 1

    async def _poll(self, offset: int) -> Sequence[Update]:
        """Wait for updates; none when the end comes first, and those on their way come again."""
        bot = self._app.bot
        asking = asyncio.ensure_future(
            bot.get_updates(offset=offset, timeout=POLL, allowed_updates=KINDS, limit=100)
        )
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({asking, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            if not asking.done():
                asking.cancel()
                await asyncio.wait({asking})
        if asking.cancelled():
            return ()
        found: Sequence[Update] = asking.result()
        return found

    async def _free_polling(self) -> None:
        """Remove a webhook that stands in the way, and let the administrators know of it."""
        with suppress(TelegramError, StorageError):
            if (await self._app.bot.get_webhook_info()).url:
                await self._app.bot.delete_webhook()
        with suppress(StorageError):
            await self._watchdogs.note(["telegram_conflict"])

    async def _answer_all(self, updates: Sequence[Update]) -> None:
        """Answer a batch: in order for each chat, the chats side by side."""
        chats: dict[int, list[Update]] = {}
        for update in updates:
            chat = update.effective_chat
            chats.setdefault(chat.id if chat else 0, []).append(update)
        await asyncio.gather(*(self._answer_some(some) for some in chats.values()))

    async def _answer_some(self, updates: Sequence[Update]) -> None:
        for update in updates:
            await self._app.process_update(update)

    async def _heard(self, update: Update, _context: CallbackContext[Any, Any, Any, Any]) -> None:
        """Answer one update. What it raises goes to the error handler."""
        chat = update.effective_chat
        if chat is None:
            return
        if chat.type != "private":
            await self._leave(chat.id)
            return
        actor = await self._links.find(str(chat.id))
        if update.my_chat_member is not None:
            if actor is not None and update.my_chat_member.new_chat_member.status == "kicked":
                await self._links.unlink(actor)
            return
        if update.callback_query is not None:
            await self._pressed(update, chat.id, actor)
        elif update.message is not None:
            text = (update.message.text or "")[:300]
            hint = (update.effective_user.language_code or "") if update.effective_user else ""
            await self._written(chat.id, actor, text, "en" if hint.startswith("en") else "ar")

    async def _leave(self, chat: int) -> None:
        with suppress(TelegramError):
            await self._app.bot.leave_chat(chat)

    async def _written(self, chat: int, actor: Actor | None, text: str, language: Language) -> None:
        code = _code_in(text, linked=actor is not None)
        if code and (linked := await self._link(chat, code)):
            await self._welcome(chat, linked)
        elif actor is not None:
            await self._show_all(chat, await self._answer(actor, self._desk.hear(actor, text)))
        elif self._neutral.take(str(chat), self._ticks()):
            await self._send(chat, Screen(speak_to_staff(say.NEUTRAL, language)))

    async def _link(self, chat: int, code: str) -> Actor | None:
        """Try a code; who tries too often is not looked at."""
        now = self._ticks()
        if not self._attempts.take(str(chat), now) or not self._all_attempts.take("", now):
            return None
        return await self._links.link(code, str(chat))

    async def _welcome(self, chat: int, actor: Actor) -> None:
        await self._send(chat, Screen(speak_to_staff(say.LINKED, actor.language)))
        await self._send(chat, help_screen(actor.language))
        commands = [
            BotCommand(name, speak_to_staff(what, actor.language))
            for name, what in say.COMMANDS.items()
        ]
        with suppress(TelegramError):
            await self._app.bot.set_my_commands(commands, BotCommandScopeChat(chat))

    async def _pressed(self, update: Update, chat: int, actor: Actor | None) -> None:
        query = update.callback_query
        if query is None or query.message is None:
            return
        with suppress(TelegramError):  # the little clock on the button ends; nothing hangs on it
            await query.answer()
        if actor is None:
            return
        message = query.message.message_id
        self._live.pop((chat, message), None)
        pressing = self._desk.press(actor, query.data or "", f"{chat}:{message}")
        await self._show_all(chat, await self._answer(actor, pressing), message)
        if await self._links.find(str(chat)) is None:
            await self._forget_commands(chat)

    async def _answer(
        self, actor: Actor, answering: Coroutine[Any, Any, Sequence[Screen]]
    ) -> Sequence[Screen]:
        try:
            return await answering
        except StorageError as error:
            log.error("staffbot_not_answered", alarm=True, exc_info=error)
            return (Screen(speak_to_staff(say.TROUBLE, actor.language)),)

    async def _forget_commands(self, chat: int) -> None:
        with suppress(TelegramError):
            await self._app.bot.delete_my_commands(BotCommandScopeChat(chat))

    # ------------------------------------------------------------------------------------ showing

    async def _show_all(
        self, chat: int, screens: Sequence[Screen], pressed: int | None = None
    ) -> None:
        """Show screens; the first one in the place of the message whose button was pressed."""
        for screen in screens:
            place = None if screen.fresh else pressed
            message = await self._send(chat, screen, place)
            if screen.live and message is not None:
                self._keep_up(chat, message, screen)

    def _keep_up(self, chat: int, message: int, screen: Screen) -> None:
        for place, live in list(self._live.items()):
            if place[0] == chat and live.number == screen.live:
                del self._live[place]  # an older message with the same broadcast rests from now on
        self._live[chat, message] = _Live(screen.live, screen, self._ticks() + LIVE_FOR)
        if len(self._live) > MOST_LIVE:
            self._live.popitem(last=False)

    async def _send(self, chat: int, screen: Screen, place: int | None = None) -> int | None:
        """Send a screen, or put it in the place of a message; return the id, None if it failed."""
        try:
            return await self._send_once(chat, screen, place)
        except RetryAfter as error:
            seconds = _seconds(error)
            if seconds > LONGEST_REST:
                log.warning("staffbot_not_sent", reason="flood")
                return None
            await self._rest(seconds)
            return await self._send_once(chat, screen, place)

    async def _send_once(self, chat: int, screen: Screen, place: int | None) -> int | None:
        markup = _keyboard(screen)
        if place is None:
            sent = await self._app.bot.send_message(
                chat,
                screen.text,
                reply_markup=markup,
                protect_content=True,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
            return int(sent.message_id)
        try:
            await self._app.bot.edit_message_text(
                screen.text,
                chat,
                place,
                reply_markup=markup,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        except BadRequest as error:
            if "not modified" not in error.message.lower():
                return await self._send_once(chat, screen, None)  # it is gone, or too old
        return place

    # ------------------------------------------------------------------------------------- alerts

    async def _tell_rounds(self) -> None:
        while self._goes_on():
            try:
                for parcel in await self._rounds.take():
                    await self._tell(parcel)
            except StorageError as error:
                log.error("alerts_not_taken", alarm=True, exc_info=error)
            except Exception as error:  # one alert that cannot be told must not end the round
                log.error("alert_failed", alarm=True, exc_info=error)
            await self._rest(self._rhythm.tell)

    async def _tell(self, parcel: Parcel) -> None:
        """Tell one person what was taken for it, in one message."""
        try:
            await self._send_once(int(parcel.person), Screen(alert_text(parcel)), None)
        except Forbidden:
            await self._rounds.part(parcel)
        except RetryAfter as error:
            await self._rounds.postpone(parcel, _seconds(error))
        except TelegramError as error:
            log.warning("alert_not_told", attempts=parcel.alerts[0].attempts, exc_info=error)
            await self._rounds.postpone(parcel)
        else:
            await self._rounds.settle(parcel)

    # ------------------------------------------------------------------------------ live progress

    async def _show_rounds(self) -> None:
        while self._goes_on():
            await self._rest(self._rhythm.live)
            for (chat, message), live in list(self._live.items()):
                try:
                    await self._show_again(chat, message, live)
                except (TelegramError, StorageError) as error:
                    log.warning("progress_not_shown", exc_info=error)
                except Exception as error:  # one view must not end the others
                    self._live.pop((chat, message), None)
                    log.error("progress_failed", alarm=True, exc_info=error)

    async def _show_again(self, chat: int, message: int, live: _Live) -> None:
        actor = await self._links.find(str(chat))
        if actor is None or self._ticks() > live.until:
            self._live.pop((chat, message), None)
            return
        try:
            screen = await self._desk.show_live(actor, live.number)
        except NotAllowed:
            self._live.pop((chat, message), None)
            return
        if self._live.get((chat, message)) is not live:
            return  # a button was pressed meanwhile
        if screen != live.shown:
            await self._send_once(chat, screen, message)
        if screen.live:
            self._live[chat, message] = replace(live, shown=screen)
        else:
            self._live.pop((chat, message), None)


async def _finish(tasks: set[asyncio.Task[None]]) -> None:
    """Give what is under way a moment to end; log what ended by a fault."""
    _done, late = await asyncio.wait(tasks, timeout=STOP_WITHIN)
    for task in late:
        task.cancel()
    for end in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(end, Exception):
            log.error("staffbot_part_failed", alarm=True, exc_info=end)


# ---------------------------------------------------------------------------------------- texts


def alert_text(parcel: Parcel) -> str:
    """Return what one person is told: a line for each alert."""
    return "\n".join(speak_to_staff(_alert_line(it), parcel.language) for it in parcel.alerts)


def _alert_line(alert: Told) -> Words:
    what = say.ALERTS.get(alert.kind, say.ALERT_OTHER)
    if alert.code:
        return say.ALERT_OF_CASE.fill(what=what, code=alert.code)
    if alert.number is not None:
        return say.ALERT_NUMBER.fill(what=what, n=alert.number)
    return what


def _code_in(text: str, *, linked: bool) -> str:
    """Return what may be a link code: after /start, or alone from somebody not linked yet."""
    start = text.strip().removeprefix("/start")
    if linked and start == text.strip():
        return ""
    return start.strip() if looks_like_code(start) else ""


def account_of(token: str) -> str:
    """Return the provider's number of a bot from its token."""
    return token.partition(":")[0]


# -------------------------------------------------------------------------- python-telegram-bot


class _Tolerant(HTTPXRequest):
    """Reads updates so that one which nobody can read does not keep back the others."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the answer; of an unreadable update only its number is left."""
        answer = HTTPXRequest.parse_json_payload(payload)
        if isinstance(answer.get("result"), list):
            answer["result"] = [one for one in map(_readable, answer["result"]) if one]
        return answer


def _readable(update: Any) -> dict[str, Any] | None:
    number = update.get("update_id") if isinstance(update, dict) else None
    if not isinstance(number, int):
        return None
    try:
        Update.de_json(update, None)
        return dict(update)
    except Exception as error:  # whatever it is that cannot be read
        log.warning("staffbot_update_unreadable", exc_info=error)
        return {"update_id": number}


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom httpx trusts. Read once: the list is long, and both requests read one each."""
    return httpx.create_ssl_context()


def _make_app(token: str, api_url: str) -> App:
    builder = Application.builder().token(token)
    builder = builder.base_url(f"{api_url}/bot").base_file_url(f"{api_url}/file/bot")
    tls = {"verify": _trusted()}
    builder = builder.request(
        HTTPXRequest(8, read_timeout=15.0, pool_timeout=5.0, httpx_kwargs=tls)
    )
    builder = builder.get_updates_request(
        _Tolerant(1, read_timeout=10.0, pool_timeout=5.0, httpx_kwargs=tls)
    )
    return builder.updater(None).job_queue(None).build()


async def _note_failure(_update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
    """Log that an update was not answered: the kind of the error and its place, nothing else."""
    log.error("staffbot_update_failed", alarm=True, exc_info=context.error)


def _keyboard(screen: Screen) -> InlineKeyboardMarkup | None:
    if not screen.rows:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(one.label, callback_data=one.data) for one in row]
            for row in screen.rows
        ]
    )


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    return float(wait if isinstance(wait, int | float) else wait.total_seconds())


def _wait(error: TelegramError, failures: int) -> float:
    if isinstance(error, RetryAfter):
        return _seconds(error)
    if isinstance(error, InvalidToken | Forbidden):
        return 60.0
    return min(30.0, 2.0 ** min(failures, 5)) if isinstance(error, NetworkError) else 5.0
