"""What somebody gets who has everything the service can read: its keystore and its databases.

The burglar takes the keystore as it is *now* and every copy of the database there ever was. A copy
of an SQLite database holds more than its newest state: each commit that still stands in its log is
a state of its own, so every one of them is put together and read. Then every box is tried with
every key, every slot and every piece of the keystore that could be a key.

    loot = burgle(take_keys(keystore), rows_of([copy / "athar.sqlite3" for copy in copies]))
    loot.sessions, loot.letters, loot.aside, loot.reports      # what could be opened, in clear
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from storage import vault
from storage.keyring import day_number
from storage.vault import CannotOpen, Form, PrivateKey

Rows = dict[str, set[tuple[Any, ...]]]

_SLOT = 36
_FRAME = 24
_QUERIES = {
    "contacts": "SELECT tag, revision, key_box, session_box FROM contacts",
    "outbox": "SELECT handle, body FROM outbox WHERE body IS NOT NULL",
    "set_aside": "SELECT handle, body FROM set_aside",
    "reports": "SELECT handle, envelope FROM reports",
}


@dataclass
class Keys:
    """Everything in a keystore that could open something."""

    epochs: dict[int, bytes]
    slots: set[bytes]
    contact: bytes
    tag: bytes
    pieces: set[bytes] = field(default_factory=set)
    cases: set[bytes] = field(default_factory=set)


@dataclass
class Loot:
    """What was opened, each thing once."""

    sessions: set[bytes] = field(default_factory=set)
    letters: set[bytes] = field(default_factory=set)
    aside: set[bytes] = field(default_factory=set)
    reports: set[bytes] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=dict)

    @property
    def all(self) -> bytes:
        return b"\0".join([*self.sessions, *self.letters, *self.aside, *self.reports])


def take_keys(*keystores: Path) -> Keys:
    """Read keystores as files, as a thief would; several add up."""
    taken = Keys({}, set(), b"", b"")
    for path in keystores:
        for file in (path / "epochs").glob("*.key"):
            day = day_number(date.fromisoformat(file.stem))
            taken.epochs[day] = file.read_bytes()[4:36]
        for name in ("slots.a", "slots.b"):
            taken.slots |= set(_slots((path / name).read_bytes()))
        for name in ("cases.a", "cases.b"):
            taken.cases |= set(_slots((path / name).read_bytes()))
        taken.contact = (path / "contact.key").read_bytes()[4:36]
        taken.tag = (path / "tag.key").read_bytes()[4:36]
        for file in (each for each in path.rglob("*") if each.is_file()):
            content = file.read_bytes()
            taken.pieces |= {content[at : at + 32] for at in range(len(content) - 31)}
    return taken


def _slots(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), _SLOT):
        secret = content[at : at + 32]
        if len(secret) == 32 and secret.strip(b"\0"):
            yield secret


# ── databases ──


def states(file: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield (mark, image of a database) for each commit in the log beside ``file``, and for none.

    Frames of earlier rounds that still stand behind the newest end of the log are put in as well.
    """
    log = file.with_name(f"{file.name}-wal")
    content = log.read_bytes() if log.exists() else b""
    image = bytearray(file.read_bytes())
    image[18:20] = b"\x01\x01"  # "no log": what stands in it is put in here
    yield bytes(image), bytes(image)
    page = struct.unpack(">I", content[8:12])[0] if len(content) > 32 else 1
    for start in range(32, len(content) - page - _FRAME + 1, page + _FRAME):
        number, size = struct.unpack(">II", content[start : start + 8])
        at = (number - 1) * page
        if not 0 < number < 1 << 20:
            return
        image.extend(bytes(max(0, at + page - len(image))))
        image[at : at + page] = content[start + _FRAME : start + _FRAME + page]
        if size:
            image[18:20] = b"\x01\x01"
            yield content[start + 8 : start + _FRAME], bytes(image[: size * page])


def rows_of(files: Iterable[Path]) -> Rows:
    """Return every row there ever was in these databases and their logs, by table."""
    found: Rows = {name: set() for name in _QUERIES}
    seen: set[bytes] = set()
    for file in files:
        for mark, image in states(file):
            if mark in seen:
                continue
            seen.add(mark)
            for name, query in _QUERIES.items():
                found[name] |= set(_read(image, query))
    return found


def _read(image: bytes, query: str) -> list[tuple[Any, ...]]:
    opened = sqlite3.connect(":memory:")
    try:
        opened.deserialize(image)
        return opened.execute(query).fetchall()
    except sqlite3.DatabaseError:  # a copy made in the middle of a write: other copies have it
        return []
    finally:
        opened.close()


# ── opening ──


def burgle(keys: Keys, rows: Rows) -> Loot:
    """Open whatever opens."""
    loot = Loot(seen={name: len(found) for name, found in rows.items()})
    loot.sessions = set(_sessions(keys, rows["contacts"]))
    loot.letters = set(_waiting(keys, Form.OUTBOX, rows["outbox"]))
    loot.aside = set(_waiting(keys, Form.INBOX, rows["set_aside"]))
    loot.reports = set(_reports(keys, rows["reports"]))
    return loot


def _sessions(keys: Keys, rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    data_keys: dict[bytes, set[bytes]] = {}
    for tag, _revision, key_box, _session_box in rows:
        if key_box is not None and key_box not in data_keys:
            data_keys[key_box] = set(_data_keys(keys, tag, key_box))
    every = set().union(*data_keys.values())
    for tag, revision, _key_box, session_box in rows:
        for key in every if session_box is not None else ():
            try:
                yield vault.unbox_session(key, session_box, tag, revision)
            except CannotOpen:
                continue


def _data_keys(keys: Keys, tag: bytes, key_box: bytes) -> Iterator[bytes]:
    for epoch in keys.epochs.values():
        for slot in keys.slots:
            try:
                yield vault.unbox_data_key(epoch, slot, key_box, tag)
            except CannotOpen:
                continue


def _waiting(keys: Keys, form: Form, rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    lasting = vault.derive(keys.contact, label=b"letters/v1")
    slots: list[bytes | None] = [None, *keys.slots]
    candidates = [(key, slot) for key in keys.epochs.values() for slot in slots] + [(lasting, None)]
    for handle, body in rows:
        for key, slot in candidates:
            try:
                yield vault.unbox_waiting(form, key, body, handle, slot)
                break
            except CannotOpen:
                continue


def _disclosed(keys: Keys, envelope: bytes) -> bytes:
    """Take off what closes an envelope under the key of its case, which a burglar has as well."""
    if not vault.is_enclosed(envelope):
        return envelope
    for key in keys.cases:
        try:
            return vault.disclose(key, envelope)
        except CannotOpen:
            continue
    return b""


def _reports(keys: Keys, rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    envelopes = [found for _handle, kept in rows if (found := _disclosed(keys, kept))]
    wanted = {kid for envelope in envelopes for kid in vault.recipients_of(envelope)}
    for piece in {*keys.pieces, *keys.slots, *keys.epochs.values()}:
        key = PrivateKey(piece)
        if key.public.kid not in wanted:
            continue
        for envelope in envelopes:
            yield vault.open_sealed(key, envelope).payload


def contacts_found(
    rows: Iterable[tuple[Any, ...]], keys: Sequence[bytes], people: Iterable[str], account: str
) -> int:
    """Count the contacts whose mark can be made from one of ``people`` with one of ``keys``."""
    marks = {tag for tag, *_rest in rows}
    found = {
        mark
        for key in keys
        for person in people
        if (mark := vault.tag(key, "contact", "telegram", account, person)) in marks
    }
    return len(found)
