"""Driving the server from another process: ``POST /control`` with a JSON list of acts.

Each act is an object with ``do`` and its arguments; the answer is a list of the same length, each
``{"ok": true, "result": ...}`` or ``{"ok": false, "error": ...}``. ``GET /control`` is ``stats``.

    person {chat_id, language_code?}      write {chat_id, text}       start {chat_id, payload?}
    tap {chat_id, button, message_id?, stale?}    voice | photo | document {chat_id, size?}
    edit {chat_id, message_id, text}      delete {chat_id, message_id}
    block | unblock {chat_id}             raw {update}
    chat {chat_id}      what stands there: id, from_bot, text, buttons
    ledger {after?, timeout?}     lines after a number; with a timeout (last act only) it waits
    stats {}    breaches {}    fault {...fields of Fault}    faults_clear {}    move {seconds}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tests.bot_api.chats import Shown
from tests.bot_api.faults import Fault
from tests.bot_api.web import Request, Response

if TYPE_CHECKING:
    from tests.bot_api.people import Person
    from tests.bot_api.server import BotApiServer

Act = dict[str, Any]
decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def handle(server: BotApiServer, request: Request) -> Response | Awaitable[Response]:
    """Answer a control request."""
    acts: list[Act] = decode(request.body) if request.body else [{"do": "stats"}]
    answers = [_carry_out(server, act) for act in acts]
    last = acts[-1] if acts else {}
    if last.get("do") == "ledger" and last.get("timeout") and answers[-1]["result"] == []:
        return _wait(server, last, answers)
    return Response(200, _encode(answers))


async def _wait(server: BotApiServer, act: Act, answers: list[Any]) -> Response:
    await server.ledger.next(float(act["timeout"]))
    answers[-1] = _carry_out(server, act)
    return Response(200, _encode(answers))


def _carry_out(server: BotApiServer, act: Act) -> dict[str, Any]:
    try:
        return {"ok": True, "result": _ACTS[act["do"]](server, act)}
    except (LookupError, ValueError, TypeError) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def _who(server: BotApiServer, act: Act) -> Person:
    return server.person(act["chat_id"], language_code=act.get("language_code", "ar"))


def _message(server: BotApiServer, act: Act) -> Shown | None:
    if "message_id" not in act:
        return None
    return _who(server, act).chat.messages[act["message_id"]]


def _tap(server: BotApiServer, act: Act) -> Any:
    on = _message(server, act)
    tap = _who(server, act).tap(act["button"], on=on, stale=act.get("stale", False))
    return {"id": tap.id, "message_id": tap.message_id, "update_id": tap.update_id}


def _edit(server: BotApiServer, act: Act) -> Any:
    shown = _message(server, act)
    if shown is None:
        raise ValueError("edit needs message_id")
    return _who(server, act).edit(shown, act["text"]).id


def _delete(server: BotApiServer, act: Act) -> Any:
    shown = _message(server, act)
    if shown is None:
        raise ValueError("delete needs message_id")
    return _who(server, act).delete(shown)


def _chat(server: BotApiServer, act: Act) -> Any:
    return [
        {
            "id": shown.id,
            "from_bot": shown.from_bot,
            "text": shown.text,
            "buttons": [[button["text"], button.get("callback_data", "")] for row in shown.rows
                        for button in row],
            "edited": shown.edited_at is not None,
        }
        for shown in _who(server, act).messages
    ]  # fmt: skip


def _ledger(server: BotApiServer, act: Act) -> Any:
    first = act.get("after", -1) + 1
    return [row._asdict() for row in server.ledger.rows[first:]]


def _stats(server: BotApiServer, act: Act) -> Any:
    return {
        "pending": server.bot.queue.pending(),
        "calls": server.counts,
        "ledger": server.ledger.counts,
        "breaches": len(server.breaches),
        "early": len(server.early),
        "longest_queue": server.bot.queue.longest,
        "now": server.clock.now(),
    }


def _breaches(server: BotApiServer, act: Act) -> Any:
    return [[breach.method, breach.what] for breach in server.breaches]


def _fault(server: BotApiServer, act: Act) -> Any:
    server.fail(Fault(**{key: value for key, value in act.items() if key != "do"}))
    return True


def _size(act: Act) -> int:
    return int(act.get("size", 0))


_ACTS: dict[str, Callable[[Any, Act], Any]] = {
    "person": lambda server, act: _who(server, act).chat.id,
    "start": lambda server, act: _who(server, act).start(act.get("payload", "")).id,
    "write": lambda server, act: _who(server, act).write(act["text"]).id,
    "voice": lambda server, act: _who(server, act).send_voice(size=_size(act)).id,
    "photo": lambda server, act: _who(server, act).send_photo(size=_size(act)).id,
    "document": lambda server, act: _who(server, act).send_document(size=_size(act)).id,
    "edit": _edit,
    "tap": _tap,
    "delete": _delete,
    "block": lambda server, act: _who(server, act).block(),
    "unblock": lambda server, act: _who(server, act).unblock(),
    "raw": lambda server, act: server.raw_update(act["update"]).id,
    "chat": _chat,
    "ledger": _ledger,
    "stats": _stats,
    "breaches": _breaches,
    "fault": _fault,
    "faults_clear": lambda server, act: server.faults.clear(),
    "move": lambda server, act: server.clock.move(float(act["seconds"])),
}
