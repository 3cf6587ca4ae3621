"""What both faces of the staff rooms call things: roles and standings, in the staff's catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from bot.services.permissions import Role
from flows.text import Words, _

ROLE_NAMES: Mapping[Role, Words] = {
    # Translators: the three roles of the staff.
    "caseworker": _("Caseworker"),
    "coordinator": _("Coordinator"),
    "administrator": _("Administrator"),
}

FOLLOW_UP_STATES: Mapping[str, Words] = {
    "planned": _("planned"),
    "asked": _("asked"),
    "reminded": _("reminded once"),
    "begun": _("being answered"),
    "answered": _("answered"),
    "declined": _("declined"),
    "expired": _("not answered in time"),
    "withdrawn": _("taken back"),
    "undelivered": _("did not arrive"),
}

CANNOT_PLAN: Mapping[str, Words] = {
    "no_case": _("There is no such case that is yours."),
    "no_set": _("There is no such question set."),
    "unreachable": _("Nobody may be written to about this case."),
    "past": _("That time has passed already."),
    "waiting": _("The same questions wait for this family already."),
    "ended": _("That follow-up has ended already."),
}

CANNOT_TELL: Mapping[str, Words] = {
    "no_case": _("There is no such case that is yours."),
    "unreachable": _("Nobody may be written to about this case."),
    "not_announceable": _("That is nothing a bot tells."),
    "since": _("A day is needed since when there is nothing new; it cannot lie ahead."),
    "told": _("The family has been told the same today already."),
}
