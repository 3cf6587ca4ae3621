"""What `athar doctor` sees of a daemon: is it there, does it know us, how was it started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.channels.signal import flags
from bot.doctor import examine
from bot.settings import Settings, load
from tests.signal_rpc import ACCOUNT, SignalDaemon

GOOD = [flag for flag, _why in flags.WANTED]


def settings(tmp_path: Path, **given: object) -> Settings:
    return load(env_file=None, data_dir=tmp_path / "var", **given)


async def found(settings: Settings) -> dict[str, tuple[bool | None, str]]:
    return {
        it.name: (it.well, it.words)
        for it in await examine(settings)
        if it.name.startswith("signal") or it.name in ("channels", "network")
    }


@pytest.mark.parametrize("flag", GOOD)
def test_a_flag_that_is_left_out_is_named_with_what_happens_without_it(flag: str) -> None:
    command = ["java", "Main", *(one for one in GOOD if one != flag)]
    (lacking,) = flags.missing(command, "0.14.6")
    assert lacking.startswith(f"{flag} (or ")


def test_flags_are_read_with_their_values_apart_and_only_where_the_release_has_them() -> None:
    command = ["x", *(word for flag in GOOD for word in flag.split("="))]
    assert flags.missing(command, "0.14.6") == []
    without = [one for one in GOOD if one not in flags.SINCE_0_14]
    assert flags.missing(without, "0.13.19") == []
    assert len(flags.missing(without, "0.14.1-SNAPSHOT")) == 2
    assert flags.read_version("nonsense") == ()


async def test_the_doctor_looks_at_daemon_account_flags_and_folder(
    daemon: SignalDaemon, tmp_path: Path
) -> None:
    await daemon.start(tmp_path / "rpc")
    here = settings(tmp_path, signal_rpc=f"unix:{tmp_path / 'rpc'}", signal_account=ACCOUNT)
    seen = await found(here)
    assert seen["channels"][1].startswith("Signal")
    assert seen["signal"] == (
        False, "signal-cli 0.13.19 is too old for Signal: see docs/signal.md"
    )  # fmt: skip
    # The daemon of the tests is this very process, which was started with no such flag.
    assert seen["signal flags"][0] is False
    assert "--no-receive-stdout" in seen["signal flags"][1]
    assert seen["signal files"][0] is None
    daemon.knows_account = False
    assert (await found(here))["signal"] == (
        False, "the daemon does not know ATHAR_SIGNAL_ACCOUNT"
    )  # fmt: skip
    assert ACCOUNT not in repr(await found(here))


async def test_a_daemon_that_is_away_or_beyond_the_machine_is_said_so(tmp_path: Path) -> None:
    seen = await found(settings(tmp_path, signal_rpc="unix:/nowhere", signal_account=ACCOUNT))
    assert seen["signal"] == (False, "the daemon does not answer (ATHAR_SIGNAL_RPC)")
    away = settings(tmp_path, signal_rpc="tcp://127.0.0.1:1", signal_account=ACCOUNT)
    assert (await found(away))["network"][0] is not False
    beyond = away.model_copy(update={"signal_rpc": "tcp://192.0.2.1:1"})
    from bot.doctor import _network

    assert _network(beyond).well is False


def test_the_folder_of_files_belongs_to_us_alone_and_into_memory(tmp_path: Path) -> None:
    folder = tmp_path / "attachments"
    assert flags.folder_fault(folder) == "cannot be reached"
    folder.mkdir(mode=0o755)
    assert flags.folder_fault(folder) == "can be read by others"
    folder.chmod(0o700)
    in_memory = flags.folder_fault(folder) == ""
    assert in_memory or flags.folder_fault(folder).startswith("lies on a disk")
    assert flags.folder_fault(Path("/dev/shm")) == "can be read by others"
    (folder / "file").write_text("x")
    assert flags.folder_fault(folder / "file").startswith("must be a folder")


@pytest.mark.parametrize(
    ("name", "value"),
    [("signal_rpc", "http://x"), ("signal_account", "00963"), ("signal_account", "+abc")],
)
def test_wrong_settings_are_refused_by_name(name: str, value: str, tmp_path: Path) -> None:
    from bot.settings import Refused

    given = {"signal_rpc": "unix:/x", "signal_account": ACCOUNT, name: value}
    with pytest.raises(Refused, match=f"ATHAR_{name.upper()}"):
        settings(tmp_path, **given)
