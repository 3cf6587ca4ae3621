"""Another telephone: somebody of the staff makes sure who writes before anything is told.

Families change telephones, so what they write goes on being taken. But a number that was taken
over, or an app that was set up anew by somebody who holds the telephone now, looks the same.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from storage.database import Work
from storage.values import Contact

log = structlog.get_logger(__name__)

CHANGED = "telephone_changed"
"""The reason of the task, and the kind of the alert."""


async def note(work: Work, contact: Contact, key: str, now: datetime) -> None:
    """Note by which key the telephone of ``contact`` is known; a change is for the staff to see.

    Of somebody we keep nothing of, nothing is noted.
    """
    if contact.revision == 0 or not await work.telephones.note(contact.id, key):
        return
    log.info("telephone_changed", channel=contact.reach.channel)
    for case in await work.cases.of_contact(contact.id):
        await work.tasks.put(CHANGED, contact.id, case.id, now)
        await work.alerts.put(CHANGED, now, case_id=case.id)
