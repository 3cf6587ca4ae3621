"""What the staff's bot says: fixed sentences, with codes and numbers to be filled in."""

from __future__ import annotations

from collections.abc import Mapping

from flows.text import Words, _, counted

# -------------------------------------------------------------------------------- who is not linked

# Translators: the one answer to whoever is not linked, whatever they write. It must not say whose
# bot this is or what it is for.
NEUTRAL = _("This bot answers only those who have been given a code for it.")
LINKED = _("This chat is linked to your account. What concerns you is told here from now on.")
UNLINKED = _("The link has ended. Nothing more is told here.")
UNLINK = _("End the link between this chat and your account?")

# --------------------------------------------------------------------------------------- what to do

HELP = _(
    "Here you are told what happens, and you can do short things with case codes. What families "
    "wrote is read in the console alone."
)
# Translators: command menu and help of the staff's bot; one line for each command.
COMMANDS: Mapping[str, Words] = {
    "cases": _("your open cases"),
    "case": _("how a case stands: /case CODE"),
    "followup": _("ask a family: /followup CODE, with a date if it is to be later"),
    "status": _("tell a family how its case stands: /status CODE"),
    "broadcasts": _("broadcasts: progress, pause, resume, cancel, approve"),
    "help": _("this list"),
    "unlink": _("end the link with this chat"),
}
# Translators: one line of the help: {command} is a command such as /cases.
HELP_LINE = _("{command}: {what}")
UNKNOWN = _("That is no command here. /help lists them.")
WHICH = _("Please add the code of the case, for example: {example}")
NO_CASE = _("There is no case with this code that you may see.")
NOT_ALLOWED = _("That is not possible for you here.")
STALE = _("This button has been used already, or is out of date.")
TROUBLE = _("That did not work just now, through a fault on our side. Please try again.")
NOTHING_DONE = _("Nothing was done.")

CONFIRM = _("Confirm")
BACK_OUT = _("Leave it")
MORE = _("More")
BEFORE = _("Back")

# -------------------------------------------------------------------------------------------- cases

NO_CASES = _("You have no open cases.")
CASES = _("Your open cases, urgent ones first:")
# Translators: one line of a list: a case code, how it stands, and since when it is with us.
CASE_LINE = _("{code}: {state}, {days}")
URGENT_LINE = _("{code}: urgent, {state}, {days}")
DAYS = counted("{n} day", "{n} days")

CASE = _("Case {code}")
IS_URGENT = _("Urgent")
STATE = _("Work: {state}")
RECEIVED = _("With us for {days}")
LOOKED_AFTER = _("Looked after by {name}")
NOBODYS = _("Nobody looks after it yet.")
TASKS = counted("{n} open task", "{n} open tasks")
WAITING = counted("{n} follow-up waits", "{n} follow-ups wait")
TO_FOLLOW_UP = _("Ask the family")
TO_STATUS = _("Tell the family")

# --------------------------------------------------------------------------------------- follow-ups

WHICH_SET = _("Case {code}: which questions?")
NO_SETS = _("There are no questions to choose from.")
WHEN = _("Case {code}: when is the family to be asked?")
NO_DATE = _("Please write the date as year-month-day, today or later, for example {example}.")
NOW, TOMORROW = _("Now"), _("Tomorrow")
IN_DAYS = counted("In {n} day", "In {n} days")
ASK_NOW = _("Ask the family of case {code} now? Questions: {title}")
ASK_ON = _("Ask the family of case {code} on {date}? Questions: {title}")
PLANNED = _(
    "Planned. The family of case {code} gets a notice, by day where it lives, and opens the "
    "questions itself; one without a tied account finds them with its receipt code."
)
CANNOT_PLAN: Mapping[str, Words] = {
    "no_case": NO_CASE,
    "no_set": _("These questions are not offered any more."),
    "unreachable": _("Nobody may be written to about this case."),
    "past": _("This date is over."),
    "waiting": _("The same questions wait for this family already."),
}

# ------------------------------------------------------------------------------------------- status

WHICH_WORD = _("Case {code}: what is the family to be told?")
# Translators: short names of what a family can be told; the family reads a full sentence instead.
KINDS: Mapping[str, Words] = {
    "in_review": _("It is being read"),
    "active": _("It is being worked on"),
    "waiting_family": _("We need something from you"),
    "paused": _("It rests for the moment"),
    "resumed": _("It is worked on again"),
    "nothing_new": _("No new information since …"),
    "talk": _("We would like to talk"),
}
SINCE = _("Case {code}: since when is there no new information?")
SINCE_MOVED = _("Since the last move, {date}")
SINCE_DAY = _("Since {date}")
TELL = _("Tell the family of case {code}? It reads:")
TOLD = _("Told. The family gets a notice, and reads the words when it opens it.")
TOLD_LATER = _("Kept. Nobody may be written to, so the family reads it when it asks with its code.")
CANNOT_TELL: Mapping[str, Words] = {
    "no_case": NO_CASE,
    "unreachable": CANNOT_PLAN["unreachable"],
    "not_announceable": _("A bot does not tell this to a family."),
    "since": _("This date does not fit."),
    "told": _("This family was told the same today."),
}

# --------------------------------------------------------------------------------------- broadcasts

NO_BROADCASTS = _("There is no broadcast that waits or goes out.")
BROADCASTS = _("Broadcasts:")
BROADCAST = _("Broadcast {number}: {state}")
BROADCAST_STATES: Mapping[str, Words] = {
    # Translators: how a broadcast stands.
    "draft": _("draft"),
    "submitted": _("waits for approval"),
    "approved": _("is being prepared"),
    "running": _("goes out"),
    "paused": _("paused"),
    "done": _("done"),
    "cancelled": _("cancelled"),
}
STOPPED_ITSELF = _("It paused by itself: too many could not be reached.")
PROGRESS = _("{done} of {people} written to, {opened} opened, {failed} not reached")
LEFT = _("{left} still to go, of these {held} held for their night")
PAUSE, RESUME, CANCEL = _("Pause"), _("Resume"), _("Cancel for good")
SAMPLE = _("Send me a sample")
READ_IT, APPROVE, REFRESH = _("Read it and approve"), _("Approve"), _("Look again")
IN_ARABIC, IN_ENGLISH = _("In Arabic:"), _("In English:")
APPROVE_IT = counted(
    "Broadcast {number} would go to {n} person. Once you approve, it goes out.",
    "Broadcast {number} would go to {n} people. Once you approve, it goes out.",
)
CANCEL_IT = _("Cancel broadcast {number} for good? Nobody further is written to.")
OWN_DRAFT = _("You drafted this one: somebody else has to approve it.")
REFUSED: Mapping[str, Words] = {
    "own": OWN_DRAFT,
    "state": _("That is not possible any more, or not yet."),
    "changed": _("It has changed since you read it. Please read it again."),
    "nobody": _("There is nobody in its audience."),
    "still_failing": _("It would stop again at once. Choose a higher limit in the console."),
}
REFUSED_OTHERWISE = _("That is refused. The console says why.")

# ------------------------------------------------------------------------------------------- alerts

# Translators: alerts. Those in the first group are followed by a case code where there is one.
ALERTS: Mapping[str, Words] = {
    "new_report": _("New report"),
    "urgent": _("Urgent: somebody may be in danger"),
    "follow_up_answered": _("A family has answered its follow-up"),
    "follow_up_expired": _("A follow-up ended without an answer"),
    "asked_person": _("A family asks for a person"),
    "withdrawal": _("A family withdraws its report"),
    "withdrawal_undone": _("A family keeps its report after all"),
    "copy_asked": _("A family asks for a copy of its report"),
    "case_assigned": _("A case was given to you"),
    "second_person": _("A decision waits for a second person"),
    # Translators: on Signal, the key of a family's telephone is another one than before.
    "telephone_changed": _("A family’s phone is another one than before; make sure who writes"),
    "new_contact": _("Another account came with a receipt code and waits to be confirmed"),
    "phone_taken": _("A phone was lost or taken; its account is cut off"),
    "locked_writes": _("An account that was cut off writes to us"),
    "scam": _("A family reports a deceit"),
    "code_guessing": _("Very many wrong codes or numbers within an hour"),
    "dead_letter": _("Replies that never reached their family"),
    "set_aside": _("Messages that could not be read and lie aside"),
    "broadcast_waits_for_approval": _("A broadcast waits for approval (/broadcasts)"),
    "broadcast_stopped": _("A broadcast has paused by itself (/broadcasts)"),
    "staff_locked": _("A login is locked after failed attempts"),
    "new_browser": _("Your login was used from another browser than before; see your profile"),
    "many_openings": _("Somebody has opened unusually many cases and is stopped"),
    "outbox_lag": _("Replies that have waited for more than ten minutes"),
    "foreign_webhook": _("Somebody had set another webhook for the families’ bot"),
    "webhook_removed": _("Somebody had removed the webhook of the families’ bot"),
    "telegram_conflict": _("Another program uses the families’ bot at the same time"),
    "signal_gone": _("The program that speaks on Signal is away"),
    "signal_account": _("The program that speaks on Signal does not know our account"),
    # Translators: Signal asks for proof that a person, not a program, is writing.
    "signal_captcha": _("Signal wants a captcha solved before anything more goes out"),
    "signal_flood": _("Signal slows us down; replies wait"),
    # Translators: the key of somebody's phone has changed and is not trusted by the program.
    "signal_identity": _("Signal keeps messages back because of a changed phone key"),
    "keys_missing": _("Keys for today or tomorrow are missing"),
    "disk_low": _("The disk is nearly full; megabytes that are free"),
    "disk_full": _("The disk is full: nothing is taken in any more; megabytes that are free"),
    "flood": _("Somebody floods the service; messages that were not kept"),
    "rush": _("Very many new people write at once and are answered in turn; messages that wait"),
    "rush_lost": _("More new people write than can wait; messages that were not kept"),
    "chain_broken": _("The audit log does not hold; places that do not fit"),
}
ALERT_OTHER = _("Something happened that this version does not know")
ALERT_OF_CASE = _("{what}: {code}")
ALERT_NUMBER = _("{what}: {n}")
