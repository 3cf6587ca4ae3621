"""Signal's door: `SignalChannel`, and `Pace` for how long it waits."""

from bot.channels.signal import flags
from bot.channels.signal.channel import SignalChannel
from bot.channels.signal.wire import Pace

__all__ = ["Pace", "SignalChannel", "flags"]
