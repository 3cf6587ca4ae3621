"""Files within one transaction of `Intake`: accepted, given to a case, or let go.

A turn says which files it wants (`flows.effects.Keep`) and the sessions before and after say the
rest: what a session knew and knows no more was sent with a report, and then belongs to its case, or
is nobody's, and then its file is erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from bot.services.hygiene import DETACHED
from flows.filing import SPOKEN
from flows.session import Attached, File, Session
from storage.attachments import NewAttachment
from storage.database import Work
from storage.values import Contact

LISTEN: Final = "listen"
"""The task that waits where a family has told something by voice."""


class Keeping:
    """What happens to files in one transaction; `write` does all of it at its end."""

    def __init__(self) -> None:
        self._new: dict[str, NewAttachment] = {}
        self._known: dict[int, set[str]] = {}
        self._sent: list[tuple[tuple[str, ...], int, bool]] = []
        self._spoken: set[int] = set()
        self._untold: set[str] = set()

    def note(self, contact: Contact) -> None:
        """Remember what a contact's session knows before anything is heard."""
        if contact.session is not None and contact.session.files:
            self._known[contact.id] = set(contact.session.files)

    def keep(self, contact: Contact, file: File) -> None:
        """Fetch this file once everything is committed."""
        reach = contact.reach
        self._known.setdefault(contact.id, set()).add(file.handle)
        self._new[file.handle] = NewAttachment(
            file.handle, contact.id, reach.channel, reach.account, file.provider_id
        )

    def give(self, files: Mapping[str, Attached], case_id: int, *, detached: bool = False) -> None:
        """These files were sealed into a case; ``detached``: nothing may tell from whom they are.

        Where the family chose that, a file still to come is fetched for the case alone.
        """
        if not files:
            return
        self._sent.append((tuple(files), case_id, detached))
        if detached:
            self._untold |= {handle for handle, one in files.items() if one.state == "coming"}
        if any(one.kind in SPOKEN for one in files.values()):
            self._spoken.add(case_id)

    async def write(
        self, work: Work, sessions: Iterable[tuple[int, Session | None]], now: datetime
    ) -> set[tuple[str, str]]:
        """Write all of it, given each contact's session as it is now.

        Returns the accounts for which there is something to fetch.
        """
        if not self._known and not self._sent:
            return set()
        await work.attachments.put(list(self._new.values()), now)
        given: set[str] = set()
        for handles, case_id, detached in self._sent:
            await work.attachments.bind(handles, case_id, detached=detached)
            given.update(handles)
        for case_id in sorted(self._spoken):
            await work.tasks.put(LISTEN, None, case_id, now)
        await work.attachments.doom(self._let_go(sessions) - given)
        if untold := [each for each, known in self._known.items() if known & self._untold]:
            await work.ledger.hold_files(untold, now + DETACHED)
        return {(one.channel, one.account) for one in self._new.values()}

    def _let_go(self, sessions: Iterable[tuple[int, Session | None]]) -> set[str]:
        gone: set[str] = set()
        for contact_id, session in sessions:
            if known := self._known.get(contact_id):
                gone |= known - set(session.files if session else ())
        return gone
