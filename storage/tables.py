"""The tables. What stands here in clear is what a stolen database tells; everything else is sealed.

Days are whole numbers since 1970-01-01, moments whole milliseconds since then, both UTC. Moments
stand only where work needs them (outbox, ledger, audit); their rows but the audit's live for days.

``tag`` columns are keyed marks (HMAC): a row is found by them, nobody is found in them. ``handle``
columns are random; a sealed value is bound to the handle of its row. Boxes are described in
`vault.py`. The migrations build the same tables; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that is called INTEGER."""


def _table(name: str, *parts: SchemaItem) -> Table:
    # AUTOINCREMENT: a row's number is never given twice. Slots of the keystore hang on it.
    return Table(name, metadata, *parts, sqlite_autoincrement=True)


def _id() -> Column[int]:
    return Column("id", Id, Identity(always=False), primary_key=True)


def _due(name: str, table: str, *columns: str, where: str) -> Index:
    condition = text(where)
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


# Events that came in, so that a repeat is recognised. Thirty days.
inbox = Table(
    "inbox",
    metadata,
    Column("tag", LargeBinary, primary_key=True),
    Column("came_on", Integer, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Events that could not be read, boxed under the epoch key of their day.
set_aside = _table(
    "set_aside",
    _id(),
    Column("handle", LargeBinary, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("account", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("put_on", Integer, nullable=False, index=True),
)

contacts = _table(
    "contacts",
    _id(),
    Column("tag", LargeBinary, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("account", String(64), nullable=False),
    Column("address_box", LargeBinary, nullable=False),
    Column("state", String(8), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("key_box", LargeBinary),
    Column("session_box", LargeBinary),
    Column("created_on", Integer, nullable=False),
    Column("last_on", Integer, nullable=False),
    Column("remind_on", Integer),
    Column("expire_on", Integer),
    UniqueConstraint("tag"),
    _due("ix_contacts_remind", "contacts", "remind_on", "id", where="remind_on IS NOT NULL"),
    _due("ix_contacts_expire", "contacts", "expire_on", "id", where="expire_on IS NOT NULL"),
    # Contacts without a draft: the candidates for deletion.
    _due("ix_contacts_idle", "contacts", "last_on", "id", where="expire_on IS NULL"),
)

WAITING, SENT, DEAD = 0, 1, 2
"""``outbox.state``. A claimed letter is a waiting one with a lease."""

outbox = _table(
    "outbox",
    _id(),
    Column("handle", LargeBinary, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("channel", String(16), nullable=False),
    Column("account", String(64), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", BigInteger, nullable=False),
    # When it may next be claimed: at first due_at, then the end of the lease or of the wait.
    Column("next_at", BigInteger, nullable=False),
    # The end of the lease, while somebody has it.
    Column("lease_at", BigInteger),
    Column("body", LargeBinary),
    Column("reason", String(64)),
    Column("settled_at", BigInteger),
    _due(
        "ix_outbox_due",
        "outbox",
        "channel",
        "account",
        "priority",
        "next_at",
        "id",
        where="state = 0",
    ),
    _due("ix_outbox_lane", "outbox", "contact_id", "priority", "id", where="state = 0"),
    _due("ix_outbox_settled", "outbox", "settled_at", where="settled_at IS NOT NULL"),
)

# Providers' message ids, boxed, so that a conversation can be wiped at the provider. Seven days.
ledger = _table(
    "ledger",
    _id(),
    Column("contact_id", BigInteger, nullable=False),
    Column("direction", String(3), nullable=False),
    Column("message_box", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_ledger_contact", "contact_id", "at"),
    Index("ix_ledger_at", "at"),
)

cases = _table(
    "cases",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("code_tag", LargeBinary, nullable=False, unique=True),
    Column("code_box", LargeBinary, nullable=False),
    Column("work_state", String(32), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("opened_on", Integer, nullable=False),
    Column("next_word_on", Integer),
)

# Which contact may be written to about which case; only for those who chose to be reachable.
ties = Table(
    "ties",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), primary_key=True),
    Column("case_id", ForeignKey("cases.id"), primary_key=True, index=True),
    Column("tied_on", Integer, nullable=False),
)

# Sealed entries. The service can add to them and cannot open one.
reports = _table(
    "reports",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("kind", SmallInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("received_on", Integer, nullable=False),
)

# One link for each sealed entry kept or erased; `mac` chains it to the link before.
report_log = Table(
    "report_log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("act", String(8), nullable=False),
    Column("report", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

tasks = _table(
    "tasks",
    _id(),
    Column("reason", String(64), nullable=False),
    Column("contact_id", ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    Column("case_id", ForeignKey("cases.id"), index=True),
    Column("put_on", Integer, nullable=False),
    Column("done_on", Integer),
    _due("ix_tasks_open", "tasks", "put_on", "id", where="done_on IS NULL"),
)

# Who did what to what, chained like the report log. Actors and objects are opaque ids.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("actor", String(64), nullable=False),
    Column("verb", String(64), nullable=False),
    Column("object", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

# Single facts about this database, for example whose keystore it belongs to.
facts = Table(
    "facts",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
