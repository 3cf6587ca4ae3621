"""The web chat: one page that looks and feels like a phone messenger, on this machine.

It is the demonstration, the training room of caseworkers and the translators' proof-reading
room, and it keeps the same contract as every other channel.
"""

from __future__ import annotations

from bot.channels.webchat.channel import WebChat
from bot.channels.webchat.texts import PAGE_TEXTS, Strings

__all__ = ["PAGE_TEXTS", "Strings", "WebChat"]
