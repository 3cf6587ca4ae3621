"""Telegram's door: `TelegramChannel`, and `Pace` for how long it waits."""

from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.polling import Pace

__all__ = ["Pace", "TelegramChannel"]
