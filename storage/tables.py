"""The tables. What stands here in clear is what a stolen database tells; everything else is sealed.

Days are whole numbers since 1970-01-01, moments whole milliseconds since then, both UTC. Moments
stand only where work needs them (outbox, ledger, audit, what is due, what staff did); what a family
did stands in rows that last by the day alone.

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

# First words of people nobody has answered yet, because very many are writing: taken in by turns.
# Boxed like `set_aside`; `tag` is the mark their contact will have.
held = _table(
    "held",
    _id(),
    Column("handle", LargeBinary, nullable=False),
    Column("tag", LargeBinary, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("put_on", Integer, nullable=False),
)

# By which key a contact's telephone is known, as a keyed mark (`telephones.py`).
telephones = Table(
    "telephones",
    metadata,
    Column(
        "contact_id",
        Id,
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("mark", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Since when an answer is overdue that may have been lost on its way (`open_questions.py`).
open_questions = Table(
    "open_questions",
    metadata,
    Column(
        "contact_id",
        Id,
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("due_at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
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
    # Where the reporter's day and night are, from the country it told; and its safe hours.
    Column("zone", String(40)),
    Column("hours", String(16)),
    # The day until which its family wants no words from us unasked; it passes by itself.
    Column("pause_until_on", Integer),
    # Whether a report is begun and not sent: nobody is asked anything else meanwhile.
    Column("unfinished", Boolean, nullable=False, server_default=text("false")),
    # How what it says leaves the chat, for when its session has ended; and whether it was told what
    # could not be cleared from there.
    Column("clearing", SmallInteger, nullable=False, server_default=text("0")),
    Column("left_on", Integer, nullable=False, server_default=text("0")),
    # The cover a family has chosen, boxed (`covers.py`): it outlives the session. When the chat
    # closes by itself, unless somebody writes.
    Column("cover_box", LargeBinary),
    Column("cover_at", BigInteger),
    UniqueConstraint("tag"),
    _due("ix_contacts_cover", "contacts", "cover_at", "id", where="cover_at IS NOT NULL"),
    _due("ix_contacts_paused", "contacts", "pause_until_on", where="pause_until_on IS NOT NULL"),
    _due("ix_contacts_remind", "contacts", "remind_on", "id", where="remind_on IS NOT NULL"),
    _due("ix_contacts_expire", "contacts", "expire_on", "id", where="expire_on IS NOT NULL"),
    # Contacts without a draft: the candidates for deletion.
    _due("ix_contacts_idle", "contacts", "last_on", "id", where="expire_on IS NULL"),
)

WAITING, SENT, DEAD = 0, 1, 2
"""``outbox.state``. A claimed letter is a waiting one with a lease."""

ABOUT_BROADCAST, ABOUT_FOLLOW_UP, ABOUT_UPDATE = 1, 2, 3
"""``outbox.about``: ``about_id`` is then a row of broadcast_people, follow_ups or updates."""

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
    # How many of these attempts may have carried it out; the present one is counted.
    Column("unsure", SmallInteger, nullable=False, server_default=text("0")),
    Column("due_at", BigInteger, nullable=False),
    # When it may next be claimed: at first due_at, then the end of the lease or of the wait.
    Column("next_at", BigInteger, nullable=False),
    # The end of the lease, while somebody has it.
    Column("lease_at", BigInteger),
    Column("body", LargeBinary),
    Column("reason", String(64)),
    Column("settled_at", BigInteger),
    # What a letter is about, where somebody wants to know what became of it: a kind of
    # `ABOUT`, and the row of that kind.
    Column("about", SmallInteger),
    Column("about_id", BigInteger),
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

SORTS = ("talk", "draft", "lasting", "file")
"""``ledger.sort`` is a place in this list: what goes when a conversation ends, a message of ours
that shows what was told and goes when the family goes on, one that stays until the chat is
wiped, one of the family's that holds a file and goes like talk, but not before that was fetched."""

CLEARING = ("at_once", "at_end", "never")
"""``contacts.clearing`` is a place in this list (`flows.session.Clearing`)."""

NOTHING_LEFT, LEFT_UNTOLD = 0, 1
"""``contacts.left_on`` beside the day on which a family was told that something could not be
cleared from its chat: nothing, and that it is still to be told."""

# Providers' message ids, boxed, so that a conversation can be wiped at the provider. Seven days.
ledger = _table(
    "ledger",
    _id(),
    Column("contact_id", BigInteger, nullable=False),
    Column("direction", String(3), nullable=False),
    Column("message_box", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sort", SmallInteger, nullable=False, server_default=text("0")),
    # When it is to be cleared from the chat; None: not before the family says so.
    Column("due_at", BigInteger),
    _due("ix_ledger_due", "ledger", "due_at", "id", where="due_at IS NOT NULL"),
    Index("ix_ledger_contact", "contact_id", "at"),
    Index("ix_ledger_at", "at"),
)

UNFINISHED = "work_state NOT IN ('closed', 'withdrawn')"
"""Cases in which something may still be to be done. An index says so in these very words."""

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
    # Who of the staff looks after it: their handle.
    Column("assigned_to", LargeBinary),
    Column("association", String(32), nullable=False, server_default=text("''")),
    # The day of the last entry or move, for the order of work; 0 before this was kept.
    Column("moved_on", Integer, nullable=False, server_default=text("0")),
    # Its key in the keystore, sealed to the recovery key: for when the keystore is lost.
    Column("key_seal", LargeBinary),
    Index("ix_cases_assigned_to", "assigned_to", "urgent", "moved_on", "id"),
    # The worklist of those who see all of them.
    _due("ix_cases_unfinished", "cases", "urgent", "moved_on", "id", where=UNFINISHED),
)

# Which contact may be written to about which case; only for those who chose to be reachable.
ties = Table(
    "ties",
    metadata,
    Column("contact_id", ForeignKey("contacts.id"), primary_key=True),
    Column("case_id", ForeignKey("cases.id"), primary_key=True, index=True),
    Column("tied_on", Integer, nullable=False),
    # The day a person gave the account back after it had been cut off: for a while it is not cut
    # off again by a receipt code alone.
    Column("restored_on", Integer),
)

# Accounts that came with the receipt code of a case that is tied to another account. They wait for
# a person to make sure of them; until then they can only add.
claims = _table(
    "claims",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("contact_id", ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    # Whether a person has refused it: then it is not put a second time.
    Column("refused", Boolean, nullable=False, server_default=text("false")),
    Column("put_on", Integer, nullable=False, index=True),
    UniqueConstraint("contact_id", "case_id"),
)

# Accounts that were cut off because somebody else may hold the telephone, and the tie each of them
# had, to be given back or given up by a person. Of an account without a report: no case.
locks = _table(
    "locks",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("contact_id", ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), index=True),
    # From where: the account itself, or another one with the receipt code.
    Column("cause", String(8), nullable=False),
    Column("tied_on", Integer),
    Column("put_on", Integer, nullable=False),
)

# Numbers that staff have shown, for a family to try whether it speaks with us. Found by keyed mark;
# nothing says who tried one.
shown_numbers = _table(
    "shown_numbers",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("tag", LargeBinary, nullable=False, unique=True),
    Column("staff_id", ForeignKey("staff.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), index=True),
    # Whether the family may be told the first name of who showed it.
    Column("named", Boolean, nullable=False),
    Column("shown_at", BigInteger, nullable=False, index=True),
    Column("confirmed_at", BigInteger),
    # Whether the account that confirmed it belongs to the case; None where that says nothing.
    Column("known", Boolean),
)

# How often something was tried that people guess at: counted under a mark that is keyed with a key
# that lives for two days. Nobody is found in it.
tries = Table(
    "tries",
    metadata,
    Column("mark", LargeBinary, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("put_on", Integer, nullable=False, index=True),
    sqlite_with_rowid=False,
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

ATTACHMENT_STATES = (
    "coming",  # to be fetched from its provider at `next_at`
    "kept",  # boxed in a file called `place`
    "doomed",  # nobody's any more: the file is removed, then the row
)
"""``attachments.state`` is a place in this list."""

# Files families send: of a contact's draft, later of a case. What they are, and the keys that open
# them, stand in the boxed session and in sealed entries alone.
attachments = _table(
    "attachments",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    # Whose draft it belongs to; after that, whom to tell that it has come. None: nobody.
    Column("contact_id", BigInteger, index=True),
    Column("case_id", ForeignKey("cases.id", ondelete="SET NULL"), index=True),
    Column("channel", String(16), nullable=False),
    Column("account", String(64), nullable=False),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # When it may next be claimed: at once, at the end of a lease, or of a wait. 0 once it is kept.
    Column("next_at", BigInteger, nullable=False),
    # The provider's key of the file, until it is kept.
    Column("source_box", LargeBinary),
    Column("place", LargeBinary, unique=True),
    Column("put_on", Integer, nullable=False),
    _due(
        "ix_attachments_due",
        "attachments",
        "channel",
        "account",
        "next_at",
        "id",
        where="state = 0",
    ),
    _due("ix_attachments_doomed", "attachments", "id", where="state = 2"),
    # Those nobody owns any more when their contact has no draft.
    _due("ix_attachments_drafted", "attachments", "id", where="case_id IS NULL AND state < 2"),
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
    Index("ix_audit_object", "object", "seq"),
)

# Single facts about this database, for example whose keystore it belongs to.
facts = Table(
    "facts",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# ── staff ──

# Who works here. `handle` is the person's id in the keyring; login, name, language and the secret
# of the one-time codes stand in `profile_box`.
staff = _table(
    "staff",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("login_tag", LargeBinary, nullable=False, unique=True),
    Column("profile_box", LargeBinary, nullable=False),
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False),
    # The newest 30-second step whose code was taken: no code works twice (RFC 6238, 5.2).
    Column("last_step", BigInteger, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", BigInteger),
    # How many sealed cases it opened on this day; stopped until somebody else lifts that.
    Column("openings_on", Integer),
    Column("openings", Integer, nullable=False, server_default=text("0")),
    Column("stopped", Boolean, nullable=False, server_default=text("false")),
    Column("added_on", Integer, nullable=False),
)

# Where a staff member's telegram is, and one-time codes that link one. Found by keyed mark.
staff_links = _table(
    "staff_links",
    _id(),
    Column("staff_id", ForeignKey("staff.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("tag", LargeBinary, nullable=False, unique=True),
    # None while `tag` is that of a code not used yet.
    Column("address_box", LargeBinary),
    Column("account", String(64), nullable=False),
    Column("expires_at", BigInteger),
    Column("put_at", BigInteger, nullable=False),
)

# What the staff's bot is to tell, each once for each person: fixed words and a case, no content.
alerts = _table(
    "alerts",
    _id(),
    Column("kind", String(32), nullable=False),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), index=True),
    # None: everybody whom the kind concerns.
    Column("staff_id", ForeignKey("staff.id", ondelete="CASCADE"), index=True),
    Column("number", Integer),
    Column("state", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", BigInteger, nullable=False),
    Column("put_at", BigInteger, nullable=False),
    _due("ix_alerts_due", "alerts", "next_at", "id", where="state = 0"),
    Index("ix_alerts_kind", "kind", "case_id", "put_at"),
)

# ── what is asked and told ──

# Questions a caseworker wrote: a flow as data, boxed, one row for each version.
question_sets = _table(
    "question_sets",
    _id(),
    Column("handle", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body_box", LargeBinary, nullable=False),
    Column("staff_id", BigInteger, nullable=False),
    Column("put_on", Integer, nullable=False),
    Column("retired_on", Integer),
    UniqueConstraint("handle", "version"),
)

FOLLOW_UP_STATES = (
    "planned",  # due at `next_at`
    "asked",  # the family was told that a question waits; reminded or expires at `next_at`
    "begun",  # the family has opened it; reminded or expires at `next_at`
    "answered",
    "declined",
    "expired",
    "withdrawn",
    "undelivered",
)
"""``follow_ups.state`` is a place in this list; `next_at` is set while an act of ours is due."""

follow_ups = _table(
    "follow_ups",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("contact_id", ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    # The name of a set that ships, or the handle of a stored one in hexadecimal digits.
    Column("question_set", String(40), nullable=False),
    Column("set_version", Integer, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("next_at", BigInteger),
    Column("every_days", Integer),
    # Whether days of mourning and feasts were chosen on purpose.
    Column("any_day", Boolean, nullable=False, server_default=text("false")),
    # The one reminder has been sent, or is not to be any more.
    Column("reminded", Boolean, nullable=False, server_default=text("false")),
    # How to speak (language, form, who asks) and the day of the year never to ask on, boxed under
    # the contact key: a day of disappearance in clear would help to find out whose case
    # this is.
    Column("manner_box", LargeBinary, nullable=False),
    Column("staff_id", BigInteger, nullable=False),
    Column("put_at", BigInteger, nullable=False),
    Column("asked_at", BigInteger),
    Column("ended_at", BigInteger),
    _due("ix_follow_ups_due", "follow_ups", "next_at", "id", where="next_at IS NOT NULL"),
)

# Dated words to one family that wait to be opened: a move of its case, or "nothing new since".
updates = _table(
    "updates",
    _id(),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("contact_id", ForeignKey("contacts.id", ondelete="CASCADE"), index=True),
    # A fixed word of flows/case.py.
    Column("kind", String(32), nullable=False),
    Column("since_on", Integer),
    Column("staff_id", BigInteger, nullable=False),
    Column("put_at", BigInteger, nullable=False),
    Column("told_at", BigInteger),
    Column("opened_at", BigInteger),
)

# Coarse facts about the cases of reachable families, for the audience of broadcasts alone.
segments = Table(
    "segments",
    metadata,
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("area", String(16), nullable=False),
    Column("year", SmallInteger),
    Column("language", String(2), nullable=False),
    Index("ix_segments_area", "area", "year"),
)

broadcasts = _table(
    "broadcasts",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    # Title and both texts; frozen with the approval.
    Column("body_box", LargeBinary, nullable=False),
    # The audience as data.
    Column("audience_box", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("drafted_by", BigInteger, nullable=False),
    Column("approved_by", BigInteger),
    Column("drafted_at", BigInteger, nullable=False),
    Column("approved_at", BigInteger),
    # When everybody it is for had been written down.
    Column("listed_at", BigInteger),
    Column("ended_at", BigInteger),
    # Stops by itself when this share of what was tried has failed, in percent.
    Column("stop_at_percent", SmallInteger, nullable=False),
    _due("ix_broadcasts_open", "broadcasts", "state", "id", where="ended_at IS NULL"),
)

LEDGER_STATES = (
    "queued",
    "put",  # in the outbox
    "sent",
    "opened",
    "failed",
    "blocked",
    "opted_out",
    "cancelled",
    "unclear",  # went out twice or not at all: the second try was unclear too
    "paused",  # wants no words before a day far off: told by the notice that ends its pause
)
"""``broadcast_people.state`` is a place in this list."""

# One row for each person of a broadcast: who was written to, and what became of it.
broadcast_people = _table(
    "broadcast_people",
    _id(),
    Column("broadcast_id", ForeignKey("broadcasts.id", ondelete="CASCADE"), nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("repeated", Boolean, nullable=False, server_default=text("false")),
    Column("reason", String(64)),
    Column("changed_at", BigInteger, nullable=False),
    # Until then a queued one is held: it is night where this person is.
    Column("next_at", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("broadcast_id", "contact_id"),
    Index("ix_broadcast_people_turn", "broadcast_id", "state", "next_at", "id"),
    Index("ix_broadcast_people_contact", "contact_id", "state"),
)

# ── leaving ──

# Cases whose family has withdrawn its report: until the day of erasure it may change its mind.
withdrawals = Table(
    "withdrawals",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True, autoincrement=False),
    Column("asked_on", Integer, nullable=False),
    # The first day on which it may be erased.
    Column("erase_on", Integer, nullable=False, index=True),
    Column("former_state", String(32), nullable=False),
    # The coarse facts of its segment, for should the family change its mind; boxed.
    Column("segment_box", LargeBinary),
)

# What an erased case leaves behind: that there was one. The month it came in, the day it ended.
ended_cases = _table(
    "ended_cases",
    _id(),
    Column("opened_on", Integer, nullable=False),
    Column("ended_on", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
)

# Cases whose rows are gone and whose key and files are to be destroyed now.
shreds = Table(
    "shreds",
    metadata,
    Column("case_id", BigInteger, primary_key=True, autoincrement=False),
    Column("put_on", Integer, nullable=False),
)

# One row for each purpose and recipient a family agreed to or took back, boxed under the key of
# its case where that has one. Appended, never changed.
consents = _table(
    "consents",
    _id(),
    Column("handle", LargeBinary, nullable=False),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("body_box", LargeBinary, nullable=False),
    Column("put_on", Integer, nullable=False),
)

# Copies of its own report that a family asked for. The text is there, boxed, only between the
# approval by a second person and its being read.
copies = _table(
    "copies",
    _id(),
    Column("handle", LargeBinary, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("contact_id", ForeignKey("contacts.id", ondelete="SET NULL"), index=True),
    # A fixed word of `storage/copies.py`.
    Column("state", String(16), nullable=False),
    Column("language", String(2), nullable=False),
    # SHA-256 of the handles of the entries that whoever prepared it has looked at.
    Column("entries", LargeBinary),
    Column("prepared_by", BigInteger),
    Column("approved_by", BigInteger),
    Column("body_box", LargeBinary),
    Column("asked_on", Integer, nullable=False),
    Column("offered_on", Integer),
    Column("ended_on", Integer),
    Index("ix_copies_state", "state", "offered_on"),
)
