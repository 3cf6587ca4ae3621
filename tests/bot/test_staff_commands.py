"""`athar staff ...` and `athar audit ...`, typed in a shell with a passphrase on standard input."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
import segno
from typer.testing import CliRunner, Result

from bot.__main__ import _refusal, app
from bot.doctor import Finding, examine
from bot.services.accounts import Accounts, NotSignedIn
from bot.settings import load
from storage import keyring as keyring_module
from storage.database import Database
from storage.keyring import Keyring, Keystore
from storage.migrations import migrate
from storage.vault import PrivateKey
from tests.bot.accounts_room import QUICK, quick_passphrases
from tests.storage.talks import meddle

pytestmark = pytest.mark.slow


class Shell:
    """A place to type commands in: an installation of its own, in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.ring = folder / "var" / "keyring"
        self.database = f"sqlite+aiosqlite:///{(folder / 'var' / 'athar.sqlite3').absolute()}"
        self.passphrase = ""

    def run(self, *arguments: str, given: str = "") -> Result:
        """Type one command; a refusal becomes one line and exit status 1, as `main` has it."""
        done = CliRunner().invoke(app, arguments, input=given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            assert isinstance(done.exception, Exception)
            line = _refusal(done.exception)
            if line is None:
                raise done.exception
            done.exit_code, done.stderr_bytes = 1, line.encode()
        return done

    def well(self, *arguments: str, given: str = "") -> str:
        """Type one command that has to go well; return what it says."""
        done = self.run(*arguments, given=given)
        assert done.exit_code == 0, done.output
        return done.stdout

    def granted(self, *arguments: str) -> str:
        """The same, with the first administrator's passphrase."""
        return self.well(*arguments, given=f"{self.passphrase}\n")

    def people(self) -> dict[str, dict[str, Any]]:
        """Everybody, by login."""
        told = json.loads(self.well("staff", "list", "--json"))
        return {it["login"]: it for it in told["staff"]}

    def audit(self) -> list[tuple[str, str]]:
        """Verb and actor of every act, in order."""
        rows = asyncio.run(meddle(self.database, "SELECT verb, actor FROM audit ORDER BY seq"))
        return [(row.verb, row.actor) for row in rows]

    def add_first(self) -> str:
        return self.granted("staff", "add", "nadim", "--name", "Nadim", "--role", "administrator")

    def add(self, login: str, role: str = "caseworker") -> str:
        return self.granted("staff", "add", login, "--name", login.title(), "--role", role)


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A directory without anything, where passphrases cost little."""
    make = keyring_module.make_slot

    def cheap(key: PrivateKey, person: bytes, passphrase: str, _cost: object = None) -> bytes:
        return make(key, person, passphrase, QUICK)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keyring_module, "make_slot", cheap)
    # Tests share one process: its memory and its logs stay as they are.
    for module in ("keys", "staff_commands"):
        monkeypatch.setattr(f"bot.{module}.forbid_core_dumps", lambda: None)
    monkeypatch.setattr("bot.redaction.install", lambda _level: None)
    with quick_passphrases():
        yield Shell(tmp_path)


@pytest.fixture
def shell(typed: Shell) -> Shell:
    """An installation with real keys, and nobody registered yet."""
    typed.passphrase = _after("passphrase, shown only now: ", typed.well("keys", "init"))
    typed.well("migrate")
    return typed


@pytest.fixture
def demonstration(typed: Shell) -> Shell:
    """An installation whose keys hide nothing."""
    typed.well("keys", "init", "--demonstration")
    typed.well("migrate")
    return typed


def _after(words: str, printed: str) -> str:
    found = re.search(re.escape(words) + r"(.+)", printed)
    assert found, printed
    return found.group(1).strip()


def signs_in(login: str, passphrase: str, secret: str, role: str) -> bool:
    """Whether these open a session with this role, in the installation of this directory."""

    async def attempt() -> bool:
        settings = load(env_file=None)
        keystore = Keystore.open(settings.keystore_dir)
        database = await Database.connect(settings.database, keystore)
        now = datetime.now(UTC) + timedelta(minutes=next(_minutes))
        accounts = Accounts(database, settings.data_dir / "keyring", clock=lambda: now)
        try:
            session = await accounts.sign_in(login, passphrase, pyotp.TOTP(secret).at(now))
            return session.actor.role == role
        except NotSignedIn:
            return False
        finally:
            accounts.close()
            await database.close()
            keystore.close()

    return asyncio.run(attempt())


_minutes = iter(range(1, 1000))


# ── the first ──


def test_keys_init_says_what_comes_next(typed: Shell) -> None:
    assert "athar staff add LOGIN" in typed.well("keys", "init")


def test_the_first_account_is_the_administrator_of_the_keyring(shell: Shell) -> None:
    (person,) = Keyring(shell.ring).staff()
    printed = shell.add_first()
    assert shell.passphrase not in printed
    assert "Passphrase: the one just typed" in printed
    assert shell.people()["nadim"]["handle"] == person.hex()
    assert Keyring(shell.ring).staff() == (person,)
    assert shell.audit() == [("staff.add:administrator", person.hex())]
    secret = _after("Secret: ", printed)
    assert signs_in("nadim", shell.passphrase, secret, "administrator")


def test_the_first_account_takes_its_passphrase_and_its_role(shell: Shell) -> None:
    first = ("staff", "add", "nadim", "--name", "Nadim", "--role")
    wrong = shell.run(*first, "administrator", given="not it\n")
    assert (wrong.exit_code, "do not open" in wrong.stderr) == (1, True)
    other = shell.run(*first, "coordinator", given=f"{shell.passphrase}\n")
    assert (other.exit_code, "administrator" in other.stderr) == (1, True)
    assert shell.people() == {}
    assert shell.audit() == []


def test_with_several_in_the_keyring_the_first_says_who_it_is(shell: Shell) -> None:
    ring = Keyring(shell.ring)
    (person,) = ring.staff()
    held = ring.unlock(person, shell.passphrase)
    other = ring.add_staff(held, keyring_module.Role.CASEWORKER, cost=QUICK)
    first = ("staff", "add", "nadim", "--name", "Nadim", "--role", "administrator")
    unsaid = shell.run(*first, given=f"{shell.passphrase}\n")
    assert (unsaid.exit_code, "--person" in unsaid.stderr) == (1, True)
    not_one = shell.run(*first, "--person", other.person.hex(), given=f"{other.passphrase}\n")
    assert (not_one.exit_code, "no administrator" in not_one.stderr) == (1, True)
    shell.granted(*first, "--person", person.hex())
    assert shell.people()["nadim"]["handle"] == person.hex()


# ── adding ──


def test_somebody_added_gets_passphrase_secret_and_drawing_and_signs_in(shell: Shell) -> None:
    shell.add_first()
    printed = shell.granted(
        "staff", "add", "Sami", "--name", "سامي", "--role", "caseworker", "--language", "ar"
    )
    passphrase = _after("Passphrase, shown only now: ", printed)
    secret = _after("Secret: ", printed)
    uri = _after("Address: ", printed)
    assert len(passphrase.split()) == 7
    assert pyotp.parse_uri(uri).secret == secret
    drawn = io.StringIO()
    segno.make(uri, error="l").terminal(out=drawn, compact=True)
    assert drawn.getvalue() in printed
    it = shell.people()["Sami"]
    assert (it["name"], it["role"], it["language"], it["state"]) == (
        "سامي",
        "caseworker",
        "ar",
        "active",
    )
    assert signs_in("sami", passphrase, secret, "caseworker")
    ring = Keyring(shell.ring)
    grant = next(grant for grant in ring.grants() if grant.person.hex() == it["handle"])
    assert (grant.role, grant.granted_by.hex()) == (
        keyring_module.Role.CASEWORKER,
        shell.people()["nadim"]["handle"],
    )


def test_what_is_not_granted_leaves_nothing_behind(shell: Shell) -> None:
    shell.add_first()
    shell.add("sami")
    before = Keyring(shell.ring).staff()
    for arguments, given in (
        (("SAMI", "--name", "Other"), shell.passphrase),
        (("rima", "--name", "Rima"), "not it"),
        (("rima", "--name", "Rima", "--by", "sami"), shell.passphrase),
        (("rima", "--name", "Rima", "--by", "nobody"), shell.passphrase),
        (("rima", "--name", "Rima", "--person", "xyz"), shell.passphrase),
        (("rima", "--name", "Rima", "--person", "00" * 16), shell.passphrase),
        (("rima", "--name", "Rima", "--person", before[0].hex()), shell.passphrase),
        (("rima", "--name", " "), shell.passphrase),
    ):
        refused = shell.run("staff", "add", *arguments, "--role", "caseworker", given=f"{given}\n")
        assert refused.exit_code == 1, arguments
        assert refused.stderr.strip().count("\n") == 0
        assert shell.passphrase not in refused.output
    assert Keyring(shell.ring).staff() == before
    assert set(shell.people()) == {"nadim", "sami"}


def test_wrong_usage_is_told_apart(shell: Shell) -> None:
    for arguments in (
        ("add", "x", "--name", "X", "--role", "king"),
        ("add", "x", "--name", "X", "--role", "caseworker", "--language", "fr"),
        ("add", "x", "--role", "caseworker"),
        ("grant", "x", "--role", "king"),
        ("grant", "x"),
        ("revoke",),
        ("revoke", "x", "--person", "y"),
        ("reset",),
    ):
        assert shell.run("staff", *arguments).exit_code == 2, arguments


def test_several_administrators_say_who_grants(shell: Shell) -> None:
    shell.add_first()
    printed = shell.add("rima", "administrator")
    unsaid = shell.run("staff", "reset", "nadim", given=f"{shell.passphrase}\n")
    assert (unsaid.exit_code, "--by" in unsaid.stderr) == (1, True)
    passphrase = _after("Passphrase, shown only now: ", printed)
    shell.well("staff", "reset", "nadim", "--by", "RIMA", given=f"{passphrase}\n")
    assert shell.audit()[-1] == ("staff.reset", shell.people()["rima"]["handle"])


def test_nobody_is_listed_at_first_and_then_everybody(shell: Shell) -> None:
    (person,) = Keyring(shell.ring).staff()
    told = shell.run("staff", "list")
    assert "Nobody" in told.stderr
    assert person.hex() in told.stdout
    assert json.loads(shell.well("staff", "list", "--json")) == {
        "staff": [],
        "keyring_only": [person.hex()],
    }
    shell.add_first()
    shell.add("sami")
    shell.well("staff", "revoke", "sami")
    told = shell.well("staff", "list")
    assert [line.split()[:3] for line in told.splitlines()] == [
        ["nadim", "administrator", "active"],
        ["sami", "caseworker", "left"],
    ]


# ── another role, a new passphrase, leaving ──


def test_another_role_keeps_the_passphrase(shell: Shell) -> None:
    shell.add_first()
    printed = shell.add("sami")
    passphrase, secret = _after("only now: ", printed), _after("Secret: ", printed)
    shell.granted("staff", "grant", "sami", "--role", "coordinator")
    assert shell.people()["sami"]["role"] == "coordinator"
    person = bytes.fromhex(shell.people()["sami"]["handle"])
    assert Keyring(shell.ring).role_of(person) is keyring_module.Role.COORDINATOR
    assert signs_in("sami", passphrase, secret, "coordinator")
    assert "staff.grant:coordinator" in [verb for verb, _ in shell.audit()]


def test_nobody_grants_itself_and_the_last_administrator_stays(shell: Shell) -> None:
    shell.add_first()
    itself = shell.run(
        "staff", "grant", "nadim", "--role", "coordinator", given=f"{shell.passphrase}\n"
    )
    assert (itself.exit_code, "itself" in itself.stderr) == (1, True)
    last = shell.run("staff", "revoke", "nadim")
    assert (last.exit_code, "last administrator" in last.stderr) == (1, True)
    shell.add("rima", "administrator")
    assert "nadim is out" in shell.well("staff", "revoke", "nadim")
    assert shell.run("staff", "revoke", "rima").exit_code == 1


def test_who_leaves_is_out_and_it_is_said_what_stays_known(shell: Shell) -> None:
    shell.add_first()
    printed = shell.add("sami")
    passphrase, secret = _after("only now: ", printed), _after("Secret: ", printed)
    handle = shell.people()["sami"]["handle"]
    asyncio.run(
        meddle(
            shell.database,
            "INSERT INTO cases (handle, code_tag, code_box, work_state, urgent, opened_on,"
            " assigned_to) VALUES (:it, :it, :it, 'received', false, 1, :who)",
            it=bytes(16),
            who=bytes.fromhex(handle),
        )
    )
    told = shell.well("staff", "revoke", "sami")
    assert "athar keys rotate" in told
    assert "1 cases are still assigned" in told
    assert [*shell.ring.glob(f"*/*{handle}*")] == []
    assert not signs_in("sami", passphrase, secret, "caseworker")
    assert shell.people()["sami"]["state"] == "left"
    # Broken off and typed again, it does no harm and says no more than is left.
    assert "rotate" not in shell.well("staff", "revoke", "sami")
    assert [verb for verb, _ in shell.audit()].count("staff.revoke") == 1
    for command in (("reset", "sami"), ("grant", "sami", "--role", "caseworker"), ("lift", "sami")):
        refused = shell.run("staff", *command, given=f"{shell.passphrase}\n")
        assert (refused.exit_code, "left" in refused.stderr) == (1, True)
    assert shell.run("staff", "revoke", "nobody").exit_code == 1


def test_a_reset_gives_all_anew_to_the_same_person(shell: Shell) -> None:
    shell.add_first()
    old = shell.add("sami")
    handle = shell.people()["sami"]["handle"]
    new = shell.granted("staff", "reset", "sami")
    for words in ("only now: ", "Secret: "):
        assert _after(words, old) != _after(words, new)
    assert shell.people()["sami"]["handle"] == handle
    secret = _after("Secret: ", new)
    assert not signs_in("sami", _after("only now: ", old), secret, "caseworker")
    assert signs_in("sami", _after("only now: ", new), secret, "caseworker")


def test_a_lost_passphrase_of_the_administrator_is_healed_with_the_papers(shell: Shell) -> None:
    shell.add_first()
    ring = Keyring(shell.ring)
    held = ring.unlock(ring.staff()[0], shell.passphrase)
    # As `athar keys recover` leaves it: another person in the keyring, without an account.
    again = ring.add_staff(held, keyring_module.Role.ADMINISTRATOR, cost=QUICK)
    person = again.person.hex()
    printed = shell.well(
        "staff", "reset", "nadim", "--person", person, given=f"{again.passphrase}\n"
    )
    assert signs_in(
        "nadim", _after("only now: ", printed), _after("Secret: ", printed), "administrator"
    )
    assert shell.audit()[-2] == ("staff.reset", person)
    shell.well("staff", "revoke", "--person", person)
    assert person not in {it.hex() for it in Keyring(shell.ring).staff()}
    gone = shell.run("staff", "revoke", "--person", person)
    assert gone.exit_code == 1
    own = shell.run("staff", "revoke", "--person", shell.people()["nadim"]["handle"])
    assert (own.exit_code, "by the login" in own.stderr) == (1, True)


def test_a_lock_is_lifted_by_a_command(shell: Shell) -> None:
    shell.add_first()
    printed = shell.add("sami")
    asyncio.run(
        meddle(
            shell.database,
            "UPDATE staff SET locked_until = 99999999999999, failures = 9, stopped = true"
            " WHERE role = 'caseworker'",
        )
    )
    assert shell.people()["sami"]["state"] == "locked"
    passphrase, secret = _after("only now: ", printed), _after("Secret: ", printed)
    assert not signs_in("sami", passphrase, secret, "caseworker")
    assert "sign in" in shell.well("staff", "lift", "sami")
    assert shell.people()["sami"]["state"] == "active"
    assert signs_in("sami", passphrase, secret, "caseworker")


def test_a_demonstration_asks_for_no_passphrase(demonstration: Shell) -> None:
    printed = demonstration.well(
        "staff", "add", "sami", "--name", "Sami", "--role", "caseworker", "--language", "en"
    )
    passphrase, secret = _after("only now: ", printed), _after("Secret: ", printed)
    demonstration.well("staff", "grant", "sami", "--role", "coordinator")
    assert signs_in("sami", passphrase, secret, "coordinator")


# ── the audit ──


def test_the_audit_is_verified_and_meddling_is_told(shell: Shell) -> None:
    shell.add_first()
    shell.add("sami")
    shell.add("rima")
    told = json.loads(shell.well("audit", "verify", "--json"))
    assert told == {"whole": True, "acts": 3, "entries": 0, "remembered": True, "faults": []}
    assert "Whole: 3 acts" in shell.well("audit", "verify")
    asyncio.run(meddle(shell.database, "DELETE FROM audit WHERE seq = 3"))
    cut = shell.run("audit", "verify", "--json")
    assert cut.exit_code == 1
    assert json.loads(cut.stdout)["faults"] == [
        {"log": "audit", "what": "shortened", "seq": 2, "object": ""}
    ]
    assert "SHORTER" in shell.run("staff", "list").stderr
    asyncio.run(meddle(shell.database, "DELETE FROM audit WHERE seq = 1"))
    broken = shell.run("audit", "verify")
    assert (broken.exit_code, "broken at 2" in broken.stderr) == (1, True)
    # A known loss is accepted; what is broken stays told all the same.
    accepted = shell.run("audit", "verify", "--accept", "--json")
    assert [it["what"] for it in json.loads(accepted.stdout)["faults"]] == ["broken"]
    again = shell.run("audit", "verify", "--json")
    assert [it["what"] for it in json.loads(again.stdout)["faults"]] == ["broken"]


# ── the doctor ──


def findings(**given: Any) -> dict[str, Finding]:
    settings = load(env_file=None, **given)
    return {it.name: it for it in asyncio.run(examine(settings))}


def test_the_doctor_misses_accounts_and_the_drill(shell: Shell) -> None:
    found = findings()
    assert (found["staff"].well, found["drill"].well) == (None, None)
    assert "athar staff add" in found["staff"].words
    assert "athar keys drill" in found["drill"].words
    live = findings(telegram_token="12345678:AAAA-invented-token-for-a-test-only")
    assert live["drill"].well is False
    shell.add_first()
    Keyring(shell.ring).note_drill(datetime.now(UTC).date())
    found = findings()
    assert (found["staff"].well, found["drill"].well) == (True, True)
    Keyring(shell.ring).note_drill(datetime.now(UTC).date() - timedelta(days=400))
    assert findings()["drill"].well is None


def test_the_doctor_tells_of_secrets_that_others_can_read(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    token, file = "12345678:AAAA-invented-token-for-a-test-only", tmp_path / ".env"
    assert findings(telegram_token=token)["secrets"].well
    file.write_text(f"ATHAR_TELEGRAM_TOKEN={token}\n")
    for mode, well in ((0o600, True), (0o640, False), (0o644, False)):
        file.chmod(mode)
        assert findings(telegram_token=token)["secrets"].well is well
    file.write_text("ATHAR_TELEGRAM_TOKEN_FILE=/run/token\n")
    assert findings(telegram_token=token)["secrets"].well, "a file of its own is its own matter"
    assert token not in str(findings(telegram_token=token))


def test_the_doctor_counts_cases_that_wait_for_a_key(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(migrate(shell.database))
    assert findings()["case keys"].words == "every case has its key"

    async def three(_database: Database) -> int:
        return 3

    monkeypatch.setattr(Database, "cases_without_key", three)
    assert findings()["case keys"].well is None
    assert "3 cases have none yet" in findings()["case keys"].words


def test_the_doctor_bears_with_what_is_not_there(tmp_path: Path, demonstration: Shell) -> None:
    assert findings()["drill"].well is None
    assert findings(keyring_dir=tmp_path / "elsewhere")["drill"].well is None
    assert findings(data_dir=tmp_path / "new")["staff"].well is None
    asyncio.run(migrate(demonstration.database, "base"))
    assert findings()["staff"].words == "cannot be looked at"
