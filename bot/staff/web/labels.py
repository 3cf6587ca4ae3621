"""What codes are called on the pages, where they have no label elsewhere (work states, fates)."""

from __future__ import annotations

from collections.abc import Mapping

from bot.services.case_file import Act, EntryKind
from flows.consents import PURPOSES as PURPOSES
from flows.consents import recipients
from flows.text import Sentence, Words, _

ENTRY_KINDS: Mapping[EntryKind, Words] = {
    "report": _("Report"),
    "addition": _("Added by the family"),
    "correction": _("Correction by the family"),
    "choices": _("Choices changed by the family"),
    "follow_up": _("Answers to a follow-up"),
    "note": _("Note"),
    "move": _("Move"),
    "file": _("File"),
    "transcript": _("Transcript"),
    "damaged": _("This entry does not open"),
}

FILE_KINDS: Mapping[str, Words] = {
    "photo": _("Picture"),
    "voice": _("Voice note"),
    "audio": _("Sound"),
    "video": _("Film"),
    "document": _("Paper"),
}
FILE_LOST: Mapping[str, Words] = {
    "too-large": _("It was larger than 20 MB. The family has been told."),
    "empty": _("There was nothing in it. The family has been told."),
    "file-gone": _("It could not be fetched any more. The family has been told."),
}
NOT_WHOLE = _("It did not arrive whole. The family has been told.")

FIELDS: Mapping[str, Words] = {
    "work": _("Work"),
    "fate": _("Fate"),
    "confidence": _("Confidence"),
}

DECISIONS: Mapping[Act, Words] = {
    "moved": _("moved"),
    "proposed": _("proposed"),
    "approved": _("approved"),
    "refused": _("refused"),
}

KNOWN: Mapping[str, Words] = {
    # Translators: three different facts about an answer that holds nothing.
    "unknown": _("Does not know"),
    "prefer_not": _("Prefers not to say"),
    "skipped": _("Skipped"),
}

STANDINGS: Mapping[str, Words] = {
    "active": _("can be written to"),
    "blocked": _("has blocked the bot"),
    "stopped": _("wants no messages"),
}

CHANNELS: Mapping[str, Words] = {
    "telegram": _("Telegram"),
    "signal": _("Signal"),
    "webchat": _("Web chat"),
    "terminal": _("Terminal"),
}

HOURS: Mapping[str, Words] = {
    "any": _("Any time of day"),
    "morning": _("In the morning"),
    "afternoon": _("In the afternoon"),
    "evening": _("In the evening"),
}

TASKS: Mapping[str, Words] = {
    "asked": _("The family asks to talk to a person"),
    "self": _("Somebody writes about themselves"),
    "minor": _("The reporter is under 18"),
    "trouble": _("The family says that something went wrong"),
    "urgent": _("Urgent: disappeared less than three months ago"),
    "listen": _("Told by voice: please listen and write it down"),
    "withdraw": _("The family withdraws its report"),
    "follow_up_expired": _("A follow-up was not answered"),
    "follow_up_undelivered": _("A follow-up did not arrive"),
    "follow_up_answered": _("A follow-up was answered"),
    "unreachable": _("The family cannot be reached"),
    "second_person": _("A proposal waits for a coordinator"),
    "phone_gone": _("A phone was lost or taken: speak with the family"),
    "news": _("The family has news of the person, perhaps the last: speak with it yourself"),
    "not_safe": _("Writing here is not safe for the family"),
    "new_contact": _("Another account came with the receipt code: make sure whose it is"),
    "locked_writes": _("An account that was cut off writes to us: perhaps it is the family"),
    "scam": _("The family reports a deceit"),
    "telephone_changed": _("On Signal, the family’s phone is another one: make sure who writes"),
    "copy_asked": _("The family asks for a copy of its report"),
    "withdrawal_undone": _("The family keeps its report after all: plan its questions anew"),
}

CAUSES: Mapping[str, Words] = {
    # Translators: from where an account was cut off.
    "itself": _("asked for there"),
    "code": _("asked for from another account, with the receipt code"),
}

NUMBER_STATES: Mapping[str, Words] = {
    # Translators: what became of a number that a family may type to make sure it is us.
    "waits": _("not typed yet"),
    "confirmed": _("typed by a family"),
    "expired": _("too late"),
}

VERBS: Mapping[str, Words] = {
    # Translators: rows of the audit log: what somebody did.
    "staff.sign_in": _("signed in"),
    "staff.sign_out": _("signed out"),
    "staff.sign_out_everywhere": _("signed out everywhere"),
    "staff.refused": _("was refused at the door"),
    "staff.locked": _("was locked out after failed attempts"),
    "staff.stopped": _("opened too many cases and was stopped"),
    "staff.lift": _("lifted a stop"),
    "staff.add": _("added somebody to the staff"),
    "staff.grant": _("granted the keys"),
    "staff.revoke": _("revoked access"),
    "staff.new_browser": _("signed in from another browser than before"),
    "staff.reset": _("gave a new passphrase"),
    "staff.change": _("changed an account"),
    "staff.end_sessions": _("ended all sessions of somebody"),
    "staff.profile": _("changed the own profile"),
    "staff.link_code": _("made a code for the staff's bot"),
    "staff.linked": _("linked the staff's bot"),
    "staff.unlinked": _("unlinked the staff's bot"),
    "audit.read": _("read the audit log"),
    "audit.verify": _("verified the audit log"),
    "case.find": _("looked up a case by its code"),
    "case.associate": _("set the association of a case"),
    "case.promise_word": _("set the day of the next word"),
    "case.names": _("looked up what people are called"),
    "task.list": _("looked at the tasks"),
    "case.read": _("opened a case"),
    "case.list": _("looked at the worklist"),
    "case.search": _("searched"),
    "case.match": _("looked for matching cases"),
    "case.take": _("took a case"),
    "case.assign": _("assigned a case"),
    "case.note": _("added a note"),
    "attachment.open": _("opened a file"),
    "attachment.transcribe": _("wrote down what a file says"),
    "case.move_work": _("moved the work state"),
    "case.move_confidence": _("moved the confidence"),
    "case.propose_fate": _("proposed a fate"),
    "case.move_fate": _("moved the fate"),
    "case.approve_fate": _("approved a fate"),
    "case.refuse_fate": _("refused a fate"),
    "case.copy_prepare": _("prepared the copy for a family"),
    "case.copy_approve": _("approved the copy for a family"),
    "case.copy_refuse": _("did not give a copy"),
    "case.copy_download": _("downloaded the copy for a family"),
    "case.erase": _("brought an erasure forward"),
    "case.erased": _("erased a case"),
    "task.done": _("finished a task"),
    "follow_up.plan": _("planned a follow-up"),
    "follow_up.withdraw": _("took a follow-up back"),
    "follow_up.read": _("looked at follow-ups"),
    "question_set.write": _("wrote a question set"),
    "question_set.save": _("wrote a question set"),
    "question_set.retire": _("retired a question set"),
    "update.tell": _("told a family something"),
    "number.show": _("was shown a number for a call"),
    "number.confirmed": _("typed a number that was shown to"),
    "contact.list": _("looked at the accounts that are cut off"),
    "contact.confirm": _("confirmed another account of a family"),
    "contact.refuse": _("refused an account that came with a receipt code"),
    "contact.restore": _("gave an account back that was cut off"),
    "contact.let_stand": _("left an account cut off for good"),
    "broadcast.read": _("looked at broadcasts"),
    "broadcast.draft": _("drafted a broadcast"),
    "broadcast.edit": _("changed a broadcast"),
    "broadcast.submit": _("submitted a broadcast"),
    "broadcast.take_back": _("took a broadcast back"),
    "broadcast.approve": _("approved a broadcast"),
    "broadcast.pause": _("paused a broadcast"),
    "broadcast.resume": _("resumed a broadcast"),
    "broadcast.cancel": _("cancelled a broadcast"),
    "broadcast.report": _("exported the report of a broadcast"),
    "statistics.read": _("looked at the figures"),
}

RECIPIENTS: Mapping[str, Sentence] = recipients()

COPY_STATES: Mapping[str, Words] = {
    # Translators: how far a copy has come that a family asked for.
    "asked": _("asked for by the family"),
    "prepared": _("prepared; waits for a second person"),
    "offered": _("approved; waits for the family to open it"),
    "opened": _("read by the family"),
    "handed": _("approved, to be handed over by a person"),
    "refused": _("not given"),
    "expired": _("not opened in time"),
}

COPY_REFUSALS: Mapping[str, Words] = {
    "changed": _("Something came or went in this case since. Please prepare the copy anew."),
    "same_person": _("This takes a second person."),
    "not_asked": _("There is no copy at this step."),
    "too_long": _("These are more words than one entry takes."),
    "withdrawn": _("The family has withdrawn this report."),
}

CASE_REFUSALS: Mapping[str, Words] = {
    "changed": _("Somebody else was quicker. This is how it stands now; please look once more."),
    "no_such_move": _("From where it stands, that is no way it can go."),
    "not_yours": _("This takes a coordinator."),
    "not_told": _(
        "First a person has to speak with the family. Please note that with “I have spoken with "
        "the family”."
    ),
    "same_person": _("This takes a second person."),
    "answered": _("That proposal has been answered already."),
    "confidence": _("That is not enough for this fate: choose what it really rests on."),
    "no_words": _("A few words are needed: the note, the source or the reason."),
    "too_long": _("These are more words than one entry takes."),
    "no_such_person": _("That person does not look after cases, or has left."),
    "stopped": _(
        "You have opened very many cases today, so opening is stopped for you until a coordinator "
        "or administrator lifts it."
    ),
}


def label(words: Mapping[str, Words], code: str) -> Words:
    """Return what a code is called; a code nobody has named yet is its own name."""
    return words.get(code, Words(code))
