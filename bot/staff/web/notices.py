"""What a page says after something was done: fixed words in the address, sentences on the page."""

from __future__ import annotations

from collections.abc import Mapping

from flows.text import Words, _

NOTICES: Mapping[str, Words] = {
    "noted": _("The note is kept."),
    "transcribed": _("What was heard is kept beside the original."),
    "taken": _("The case is yours now."),
    "assigned": _("The case has been handed on."),
    "moved": _("That is how the case stands now."),
    "proposed": _("The proposal waits for a coordinator."),
    "approved": _("Approved."),
    "refused": _("The proposal is off the table, and the reason is kept with it."),
    "planned": _("The follow-up is planned."),
    "withdrawn": _("The follow-up has been taken back."),
    "told": _("The family gets a notice, and reads the words when it opens it."),
    "done": _("Done."),
    "confirmed": _("The account belongs to the case now, and gets a notice."),
    "contact_refused": _("The account does not belong to the case. It is not told so."),
    "restored": _("The account has back what it was cut off from."),
    "stands": _("The account stays cut off. Nothing leads from it to a case any more."),
    "saved": _("Saved."),
    "retired": _("This set is not offered any more. What is planned with it is still asked."),
    "submitted": _("The words are frozen now. Another coordinator can approve them."),
    "taken_back": _("This is a draft again."),
    "running": _("It goes out now."),
    "paused": _("Nobody further is written to until somebody resumes it."),
    "resumed": _("It goes on."),
    "cancelled": _("Nobody further is written to."),
    "ended": _("All sessions of this person have ended."),
    "unlinked": _("The bot does not know you any more."),
    "language": _("This is the language you are spoken to in from now on."),
    "signed_out": _("You have signed out, and the keys are locked."),
    "idle": _("Nothing was done for a while, so the keys are locked. Please sign in again."),
}
