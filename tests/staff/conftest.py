"""The console's tests run on SQLite: what differs between the databases is tried below it."""

from __future__ import annotations

import pytest


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """A fresh migrated database."""
    return sqlite_url
