"""What can go wrong in the cellar, in fixed words.

A driver's own exception may hold the text of a statement, a parameter or a row. None of them leaves
`storage/`: each becomes one of these, whose text is the first line of its docstring and nothing
else. Whoever catches `CannotKeep` knows that nothing of the transaction was kept for certain, and
must not acknowledge to a provider what the transaction was about.
"""

from __future__ import annotations


class StorageError(Exception):
    """The cellar refused."""

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or "").splitlines()[0])


class CannotKeep(StorageError):
    """The database did not keep this."""


class Full(CannotKeep):
    """The database cannot be written: the disk is full, or it may only be read."""


class Unreachable(CannotKeep):
    """The database does not answer."""


class Unclear(CannotKeep):
    """The connection broke during the commit: it may have been kept, or not."""


class Busy(CannotKeep):
    """Somebody else holds what this transaction needs; it may be tried again."""


class Stale(Busy):
    """A row was changed by somebody else since it was read; it may be tried again."""


class Damaged(CannotKeep):
    """The database file is damaged."""


class Rejected(CannotKeep):
    """The database refused a statement."""


class NotFound(StorageError):
    """There is no such row."""


class WrongSchema(StorageError):
    """The database is not at this program's schema: run the migrations first."""


class WrongKeystore(StorageError):
    """This database was made with another keystore."""


class ForeignReports(StorageError):
    """The reports in this database are sealed for another organisation's keys; nothing was done."""


class UnknownDatabase(StorageError):
    """The address of the database is neither sqlite+aiosqlite:// nor postgresql+asyncpg://."""


class KeysMissing(CannotKeep):
    """The keystore lacks a key that is needed to keep this."""
