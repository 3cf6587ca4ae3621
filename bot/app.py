"""The one file that knows every room: settings in, a running service out.

`build` puts the rooms together and opens nothing. `App.run` opens what is needed for its roles,
runs until it is told to stop, and gives everything back within ten seconds:

    stop asking providers  ->  let the running transaction end  ->  finish sends  ->  close

A killed process needs none of this: whatever was acknowledged is committed, whatever was claimed
comes back by its lease.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import structlog
import uvicorn

from bot import introduction
from bot.calendars import UmmAlQura
from bot.channels.base import Channel, Receive, Undelivered
from bot.channels.signal import SignalChannel
from bot.channels.webchat import PAGE_TEXTS, Strings, WebChat
from bot.console import console_app, make_services, why_not_served
from bot.delivery import Delivery, Sender
from bot.disk import Disk
from bot.floods import Floods
from bot.front import Front
from bot.languages import Known, speak
from bot.memory import forbid_core_dumps
from bot.pace import Pace
from bot.phones import read_phone
from bot.redaction import note_loop_failure
from bot.scheduler import Scheduler, Tick
from bot.services.alerts import AlertRounds, Watchdogs
from bot.services.asking_again import AskingAgain
from bot.services.attachments import Attachments
from bot.services.broadcasts import Broadcasts
from bot.services.budgets import Budgets
from bot.services.clearing import Clearing
from bot.services.erasing import Erasing
from bot.services.follow_ups import FollowUps
from bot.services.glances import Glances
from bot.services.intake import NO_NAME, Intake
from bot.services.linking import Links
from bot.services.newcomers import LEAST_LATE, Newcomers
from bot.services.notices import Notices
from bot.services.pauses import Pauses
from bot.services.updates import Updates
from bot.services.upkeep import Upkeep, day_begins, day_of, zone_named
from bot.settings import Settings
from bot.staff.desk import Desk
from bot.staff.desk import Rooms as DeskRooms
from bot.staff.web import Services
from bot.uploads import SealedUploads
from flows.engine import Tools
from flows.text import LANGUAGES, Words
from storage.database import Database
from storage.keyring import Keystore
from storage.shelf import Shelf

if TYPE_CHECKING:
    from bot.channels.telegram import TelegramChannel
    from bot.staff.telegram import StaffBot

log = structlog.get_logger(__name__)

ASK_AGAIN_AFTER = 60.0
"""Seconds until a channel that gave up is tried again: a token may have been exchanged."""
ASK_AGAIN_EVERY = 30.0
NOTICE_EVERY = 10.0
"""Seconds until the staff is told what a channel has noticed. Together with the time between two
looks (`Pace.watch`, `Pace.long_poll`) less than a minute."""
CLEAR_EVERY = 5.0
"""Seconds between two looks at what is to leave families' chats: what one family writes in between
leaves in one call."""
STOP_INTAKE_WITHIN = 4.0
STOP_DELIVERY_WITHIN = 5.5
STOP_SERVER_WITHIN = 2


class CannotServe(Exception):
    """The program cannot do its work; the text is one line for whoever runs it."""


def utc_now() -> datetime:
    """Return the present moment, aware, UTC: the clock of the running program."""
    return datetime.now(UTC)


def build(settings: Settings, clock: Callable[[], datetime] = utc_now) -> App:
    """Put the rooms together as ``settings`` say. Opens nothing."""
    telegram = _telegram(settings)
    chats = settings.webchat_is_open and "intake" in settings.roles
    uploads = _uploads(settings) if chats else None
    webchat = _webchat(uploads) if chats else None
    return App(settings, clock, telegram, webchat, _signal(settings), uploads)


def _uploads(settings: Settings) -> SealedUploads:
    disk = make_disk(settings)
    return SealedUploads(Shelf(settings.uploads_dir), lambda: not disk.is_low)


def make_tools(settings: Settings) -> Tools:
    """Return what the engine needs from outside."""
    zone = settings.zone

    def today(moment: datetime) -> date:
        return day_of(moment, zone)

    return Tools(speak=speak, hijri=UmmAlQura(), phone=read_phone, today=today)


def make_disk(settings: Settings) -> Disk:
    """Return what watches the disk of this process: where its keys are, and where data lies."""
    return Disk(
        [settings.data_dir, settings.keystore_dir],
        postpone_below=settings.disk_low_percent / 100,
        stop_below=settings.disk_full_percent / 100,
    )


def organisation(settings: Settings) -> Known:
    """Return what sentences insert for who runs the service."""
    return {"organisation": settings.organisation_name or NO_NAME}


def _telegram(settings: Settings) -> TelegramChannel | None:
    """Return the families' bot; Telegram's own libraries are imported only where there is one."""
    if settings.telegram_token is None or not settings.roles & {"intake", "delivery"}:
        return None
    from bot.channels.telegram import TelegramChannel

    secret = settings.telegram_webhook_secret
    return TelegramChannel(
        settings.telegram_token.get_secret_value(),
        api_url=settings.telegram_api_url,
        mode=settings.telegram_mode,
        public_url=settings.public_url,
        secret=secret.get_secret_value() if secret else "",
        commands=introduction.commands(),
        descriptions=introduction.descriptions(introduction.DESCRIPTION),
        short_descriptions=introduction.descriptions(introduction.SHORT_DESCRIPTION),
    )


def _signal(settings: Settings) -> SignalChannel | None:
    if not settings.signal_rpc or not settings.roles & {"intake", "delivery"}:
        return None
    return SignalChannel(
        settings.signal_rpc, settings.signal_account, attachments=settings.signal_attachments
    )


def _webchat(uploads: SealedUploads | None = None) -> WebChat:
    strings: Strings = {
        language: {key: speak(Words(text), language) for key, text in PAGE_TEXTS.items()}
        for language in LANGUAGES
    }
    return WebChat(strings=strings, uploads=uploads)


class App:
    """A service put together. Run it once."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        telegram: TelegramChannel | None,
        webchat: WebChat | None,
        signal_channel: SignalChannel | None = None,
        uploads: SealedUploads | None = None,
    ) -> None:
        self.signal = signal_channel
        self.settings = settings
        self.telegram = telegram
        self.webchat = webchat
        self._clock = clock
        self._tools = make_tools(settings)
        self._uploads = uploads
        self._stopping = asyncio.Event()
        self.disk = make_disk(settings)

    def stop(self) -> None:
        """Ask the running service to end, gracefully."""
        self._stopping.set()

    async def run(self, on_ready: Callable[[int], None] = lambda _port: None) -> None:
        """Serve until `stop` or SIGTERM or SIGINT.

        ``on_ready`` is called once with the HTTP port, 0 where none is open. Raises `CannotServe`,
        `KeysUnusable` and `StorageError` when it cannot begin.
        """
        forbid_core_dumps()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(note_loop_failure)
        with _signals(loop, self.stop), self._door() as door:
            async with self._opened() as rooms:
                await self._serve(rooms, door, on_ready)

    # -------------------------------------------------------------------------- opening rooms

    @contextmanager
    def _door(self) -> Iterator[socket.socket | None]:
        """Yield the listening socket; who takes messages in has one, and who serves the console."""
        if "intake" not in self.settings.roles and why_not_served(self.settings):
            yield None
            return
        host, port = self.settings.http_host, self.settings.http_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            door = socket.create_server((host, port), family=family, backlog=512)
        except OSError:
            raise CannotServe(
                f"port {port} on {host} cannot be had: is something else running there?"
            ) from None
        with door:
            yield door

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Rooms]:
        async with AsyncExitStack() as stack:
            keystore = Keystore.open(self.settings.keystore_dir)
            stack.callback(keystore.close)
            database = await Database.connect(self.settings.database, keystore)
            stack.push_async_callback(database.close)
            for channel in self._channels():
                stack.push_async_callback(channel.close)
            rooms = self._rooms(database, keystore)
            if rooms.console:
                stack.callback(rooms.console.accounts.close)
            yield rooms

    def _channels(self) -> list[Channel]:
        each: tuple[Channel | None, ...] = (self.telegram, self.signal, self.webchat)
        return [channel for channel in each if channel is not None]

    def _rooms(self, database: Database, keystore: Keystore) -> Rooms:
        limits = {channel.name: channel.limits for channel in self._channels()}
        delivery = Delivery(self._senders(database), self._clock)
        floods = Floods(self.settings.budgets)
        files = Attachments(
            database, Shelf(self.settings.attachments_dir),
            [channel for channel in self._channels() if self._sends(channel)], self._tools,
            clock=self._clock, wake=delivery.wake, has_room=lambda: not self.disk.is_low,
        )  # fmt: skip
        intake = Intake(
            database, self._tools, limits, clock=self._clock, wake=delivery.wake,
            organisation=self.settings.organisation_name, outlet=delivery,
            floods=floods, newcomers=Newcomers(floods, self._late_most), disk=self.disk,
            fetch=files.look,
        )  # fmt: skip
        clearing = Clearing(
            database, speak, limits, delivery, clock=self._clock, wake=delivery.wake
        )  # fmt: skip
        upkeep = Upkeep(
            database, keystore, self._tools, limits, zone=self.settings.zone, clock=self._clock,
            wake=delivery.wake, known=organisation(self.settings), periods=self.settings.periods,
        )  # fmt: skip
        asking_again = AskingAgain(
            database, self._tools, limits, zone=self.settings.zone, clock=self._clock,
            wake=delivery.wake, known=organisation(self.settings),
        )  # fmt: skip
        erasing = Erasing(database, keystore, zone=self.settings.zone, clock=self._clock)
        notices = Notices(speak, limits, delivery.wake)
        pauses = Pauses(
            database, self._tools, notices, zone=self.settings.zone, clock=self._clock
        )  # fmt: skip
        broadcasts = Broadcasts(
            database, speak, clock=self._clock, zone=self.settings.zone, paces=self.paces(),
            wake=delivery.wake, limits=limits, per_hour=self.settings.broadcast_per_hour,
            budgets=Budgets({"signal": self.settings.broadcast_signal_per_hour}),
        )  # fmt: skip
        follow_ups = FollowUps(
            database, self._tools, notices, zone=self.settings.zone, clock=self._clock,
            most_a_month=self.settings.follow_ups_a_month,
        )  # fmt: skip
        updates = Updates(database, notices, zone=self.settings.zone, clock=self._clock)
        watchdogs = Watchdogs(database, keystore, self.settings.data_dir, clock=self._clock)
        staffbot = self._staffbot(database, follow_ups, updates, broadcasts, watchdogs)
        console = self._console(database, (follow_ups, updates, broadcasts))
        return Rooms(
            database, keystore, intake, delivery, clearing, upkeep, asking_again, erasing,
            pauses, broadcasts, follow_ups, watchdogs, staffbot, console, files,
        )  # fmt: skip

    def _console(
        self, database: Database, to_families: tuple[FollowUps, Updates, Broadcasts]
    ) -> Services | None:
        """Return what the console asks, where it is served; else say in the log why it is not."""
        why = why_not_served(self.settings)
        if why:
            if why != "no-role":
                log.warning("console_not_served", reason=why)
            return None
        return make_services(self.settings, database, to_families, self._clock)

    def _staffbot(
        self,
        database: Database,
        follow_ups: FollowUps,
        updates: Updates,
        broadcasts: Broadcasts,
        watchdogs: Watchdogs,
    ) -> StaffBot | None:
        """Return the staff's bot; its library is imported only where there is one."""
        settings, clock, zone = self.settings, self._clock, self.settings.zone
        if settings.staff_telegram_token is None or "staffbot" not in settings.roles:
            return None
        from bot.staff.telegram import StaffBot, account_of

        token = settings.staff_telegram_token.get_secret_value()
        links = Links(database, account_of(token), clock=clock)
        glances = Glances(database, zone=zone, clock=clock)
        desk_rooms = DeskRooms(links, glances, follow_ups, updates, broadcasts)
        return StaffBot(
            token,
            api_url=settings.telegram_api_url,
            desk=Desk(desk_rooms, zone=zone, clock=clock),
            links=links,
            rounds=AlertRounds(database, account_of(token), clock=clock),
            watchdogs=watchdogs,
        )

    def paces(self) -> dict[tuple[str, str], float]:
        """Return the accounts that words to many go out by, and how many a second each may say.

        Also for a process that carries no channel itself.
        """
        paces: dict[tuple[str, str], float] = {}
        if self.settings.telegram_token is not None:
            bot = self.settings.telegram_token.get_secret_value().partition(":")[0]
            paces["telegram", bot] = self.settings.pace_bot
        if self.settings.signal_rpc:
            paces["signal", self.settings.signal_account] = self.settings.pace_signal
        if self.settings.webchat_is_open:
            paces[WebChat.name, WebChat.account] = WebChat.limits.per_second
        return paces

    def _senders(self, database: Database) -> list[tuple[Channel, Sender]]:
        """Return who sends here: the page lives in this process, so its words are sent here too."""
        senders: list[tuple[Channel, Sender]] = []
        for channel in self._channels():
            if self._sends(channel):
                pace = self._pace(channel)
                sender = Sender(
                    database, channel, pace, clock=self._clock, rests_until=self._rests_until
                )
                senders.append((channel, sender))
        return senders

    def _sends(self, channel: Channel) -> bool:
        """Whether this process speaks on a channel, and fetches the files that were sent there."""
        return channel is self.webchat or "delivery" in self.settings.roles

    def _late_most(self, channel: str) -> float:
        """Return how many people of a channel may wait for a late reply while new ones come in."""
        settings = self.settings
        pace = settings.pace_signal if channel == SignalChannel.name else settings.pace_bot
        return max(LEAST_LATE, pace / 3)

    def _rests_until(self, now: datetime, zone: str | None, hours: str | None) -> datetime | None:
        return day_begins(now, zone_named(zone, self.settings.zone), hours)

    def _pace(self, channel: Channel) -> Pace:
        limits, settings = channel.limits, self.settings
        if channel is self.webchat:
            return Pace(limits.per_second, limits.per_second_and_person, settings.pace_burst)
        if channel is self.signal:
            return Pace(settings.pace_signal, settings.pace_signal, settings.pace_burst)
        return Pace(settings.pace_bot, settings.pace_chat, settings.pace_burst)

    # ------------------------------------------------------------------------------- serving

    async def _serve(
        self, rooms: Rooms, door: socket.socket | None, on_ready: Callable[[int], None]
    ) -> None:
        await rooms.upkeep.keep_keys()
        await rooms.database.sweep()
        if self._uploads:
            await self._uploads.clear_parts()
        server = self._server(rooms)
        scheduler = Scheduler(rooms.database, self._ticks(rooms))
        sending = asyncio.create_task(rooms.delivery.run(), name="delivery")
        serving = [asyncio.create_task(server.serve([door]), name="http")] if door else []
        listening = self._listen(rooms.intake.receive)
        staff = asyncio.create_task(_serve_staff(rooms.staffbot), name="staffbot")
        files = asyncio.create_task(rooms.files.run(), name="files")
        scheduler.start()
        port = door.getsockname()[1] if door else 0
        log.info("started", roles=self.settings.roles, port=port)
        _set_collector_at_ease()
        on_ready(port)
        try:
            await self._until_stopped(sending, *serving)
        finally:
            await self._end(rooms, scheduler, listening, [sending, staff, files, *serving], server)
            log.info("stopped")

    async def _until_stopped(self, *essential: asyncio.Task[None]) -> None:
        """Return when told to stop; raise what ended a part nothing works without."""
        stopping = asyncio.create_task(self._stopping.wait())
        parts = set(essential)
        while parts and not stopping.done():
            done, _ = await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
            parts -= done
            for part in done - {stopping}:
                part.result()  # who has nothing to send for ends at once, and that is well
        await stopping

    def _listen(self, receive: Receive) -> list[asyncio.Task[None]]:
        if "intake" not in self.settings.roles:
            return []
        return [
            asyncio.create_task(self._listen_to(channel, receive), name=channel.name)
            for channel in self._channels()
        ]

    async def _listen_to(self, channel: Channel, receive: Receive) -> None:
        """Listen to one channel for ever; when it gives up, the others go on."""
        while True:
            try:
                await channel.listen(receive)
            except Undelivered as error:
                log.error("channel_gave_up", channel=channel.name, reason=error.reason, alarm=True)
            except Exception as error:  # a fault of one channel must not end the others
                log.error("channel_failed", channel=channel.name, alarm=True, exc_info=error)
            await asyncio.sleep(ASK_AGAIN_AFTER)

    def _ticks(self, rooms: Rooms) -> tuple[Tick, ...]:
        upkeep = rooms.upkeep
        # Where another process takes messages in, nobody wakes us but the clock.
        look_every = 15.0 if "intake" in self.settings.roles else 1.0
        look = Tick("deliver", look_every, rooms.delivery.look, sole=False)
        drop = Tick("drop_keys", 5.0, upkeep.drop_keys, sole=False)
        notice = Tick("notice", NOTICE_EVERY, lambda: self._pass_on(rooms.watchdogs), sole=False)
        floods = Tick("floods", 10.0, lambda: _tell_of_floods(rooms), sole=False)
        clear = Tick("clear_chats", CLEAR_EVERY, rooms.clearing.sweep, sole=False)
        here = (look, drop, notice, clear, *_console_ticks(rooms.console))
        if "intake" in self.settings.roles:
            here = (*here, floods, Tick("newcomers", 0.5, rooms.intake.look_around, sole=False))
        if self._uploads:
            here = (*here, Tick("sweep_uploads", 3600.0, self._uploads.sweep, sole=False))
        if "delivery" not in self.settings.roles:
            return here
        return (
            *here,
            Tick("watch", 60.0, rooms.watchdogs.watch),
            Tick("verify", 21_600.0, rooms.watchdogs.verify),
            Tick("keys", 3600.0, upkeep.keep_keys),
            Tick("remind", 600.0, upkeep.remind),
            Tick("ask_again", ASK_AGAIN_EVERY, rooms.asking_again.ask_due),
            Tick("close_chats", 60.0, upkeep.close_chats),
            Tick("follow_ups", 10.0, rooms.follow_ups.ask_all_due),
            Tick("forget", 900.0, upkeep.forget_all),
            Tick("erase", 300.0, rooms.erasing.run),
            Tick("enclose", 300.0, rooms.erasing.enclose),
            Tick("pauses", 600.0, rooms.pauses.end_due),
            Tick("sweep_files", 900.0, rooms.files.sweep),
            Tick("fold_log", 3600.0, upkeep.fold_log),
            Tick("broadcast", 1.0, rooms.broadcasts.pump),
        )

    async def _pass_on(self, watchdogs: Watchdogs) -> None:
        """Let the staff be told what the channels of this process have noticed."""
        for channel in (self.telegram, self.signal):
            if channel and channel.noticed:
                noticed, channel.noticed = channel.noticed, set()
                try:
                    await watchdogs.note(noticed)
                except BaseException:
                    # It could not be kept: it is told again at the next beat, not lost.
                    channel.noticed |= noticed
                    raise
        if self.disk.is_low:
            kind = "disk_full" if self.disk.is_full else "disk_low"
            await watchdogs.note_numbers({kind: self.disk.megabytes})

    def _server(self, rooms: Rooms) -> uvicorn.Server:
        front = Front(
            webhook_path=self.telegram.webhook_path if self.telegram else "",
            webhook=self.telegram.webhook_app if self.telegram else None,
            webchat=self.webchat.app if self.webchat else None,
            console=console_app(self.settings, rooms.console, self._clock)
            if rooms.console
            else None,
            is_well=lambda: (
                not (rooms.keystore.is_stopped or self._stopping.is_set() or self.disk.is_full)
            ),
        )
        config = uvicorn.Config(
            front,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_SERVER_WITHIN,
        )
        return _Server(config)

    # ------------------------------------------------------------------------------- stopping

    async def _end(
        self,
        rooms: Rooms,
        scheduler: Scheduler,
        listening: Sequence[asyncio.Task[None]],
        others: Sequence[asyncio.Task[None]],
        server: uvicorn.Server,
    ) -> None:
        for task in listening:
            task.cancel()
        server.should_exit = True
        if self.webchat:
            await self.webchat.close()
        if rooms.console:
            rooms.console.rehearsals.close()
        await asyncio.gather(*listening, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(rooms.intake.finish(), STOP_INTAKE_WITHIN)
        rooms.delivery.stop()
        rooms.files.stop()
        if rooms.staffbot:
            rooms.staffbot.stop()
        await asyncio.gather(_finish(others, STOP_DELIVERY_WITHIN), scheduler.stop())


async def _tell_of_floods(rooms: Rooms) -> None:
    """Let the staff be told what was not kept, and how many wait to be answered first."""
    noticed = rooms.intake.noticed()
    rooms.intake.settle_noticed(await rooms.watchdogs.note_numbers(noticed))


async def _serve_staff(bot: StaffBot | None) -> None:
    """Serve the staff's bot until it is stopped; whatever befalls it, families go on."""
    while bot is not None:
        try:
            await bot.run()
            return
        except Exception as error:  # a fault of the staff's bot must not end the others
            log.error("staffbot_failed", alarm=True, exc_info=error)
        await asyncio.sleep(ASK_AGAIN_AFTER)


def _console_ticks(console: Services | None) -> tuple[Tick, ...]:
    if console is None:
        return ()

    async def drop_ended() -> None:
        console.accounts.drop_ended()

    return (Tick("sessions", 60.0, drop_ended, sole=False),)


def _set_collector_at_ease() -> None:
    """Leave what lives as long as the process out of the collector's rounds, and make them rarer.

    A round through all that libraries and catalogues hold takes a fifth of a second in which nobody
    is answered, and rounds were a sixth of the processor time under load (docs/benchmarks.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _finish(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Let ``tasks`` end by themselves for so long, then cancel them."""
    _done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is open while the service runs."""

    database: Database
    keystore: Keystore
    intake: Intake
    delivery: Delivery
    clearing: Clearing
    upkeep: Upkeep
    asking_again: AskingAgain
    erasing: Erasing
    pauses: Pauses
    broadcasts: Broadcasts
    follow_ups: FollowUps
    watchdogs: Watchdogs
    staffbot: StaffBot | None
    console: Services | None
    files: Attachments


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT call ``stop`` while the block runs."""
    both = (signal.SIGTERM, signal.SIGINT)
    for number in both:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in both:
            loop.remove_signal_handler(number)


class _Server(uvicorn.Server):
    """The web server without its own signal handlers: the app ends it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `App.run`."""
        yield
