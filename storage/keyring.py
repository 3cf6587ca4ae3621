"""The keyring: what staff hold."""

from __future__ import annotations

from storage.keystore import KeyGone, Keystore, Stopped, day_number
from storage.private_files import KeysUnusable

__all__ = ["KeyGone", "KeysUnusable", "Keystore", "Stopped", "day_number"]
