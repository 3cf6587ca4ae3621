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
