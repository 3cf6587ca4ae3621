"""The web console: the one place reports are read."""

from bot.staff.web.console import Console, Entry, Place, make_console
from bot.staff.web.services import Services

__all__ = ["Console", "Entry", "Place", "Services", "make_console"]
