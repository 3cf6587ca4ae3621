"""A strict stand-in for signal-cli's daemon, with the people who write to it.

Written from the public description of its JSON-RPC interface and compared with the real program by
`test_contract.py`. Everything is on loopback and in this process.
"""

from tests.signal_rpc.daemon import ACCOUNT, SignalDaemon
from tests.signal_rpc.people import Person, Shown

__all__ = ["ACCOUNT", "Person", "Shown", "SignalDaemon"]
