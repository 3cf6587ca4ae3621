"""The project's own Telegram Bot API server: strict, with people, a movable clock and faults.

For tests and benchmarks only. `BotApiServer` runs inside a test, or in a process of its own with
``python -m tests.bot_api --port N``; `second_opinion` lets another library read what was sent.
"""

from tests.bot_api.chats import Button, Chat, Ledger, Noted, Shown
from tests.bot_api.clock import Clock
from tests.bot_api.faults import Fault, Pace
from tests.bot_api.people import Group, Person
from tests.bot_api.reading import second_opinion
from tests.bot_api.server import TOKEN, BotApiServer, Breach, Call, Early
from tests.bot_api.state import Bot, Tap

__all__ = [
    "TOKEN", "Bot", "BotApiServer", "Breach", "Button", "Call", "Chat", "Clock", "Early", "Fault",
    "Group", "Ledger", "Noted", "Pace", "Person", "Shown", "Tap", "second_opinion",
]  # fmt: skip
