"""Cases, sealed reports and the log that guards them."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import timedelta
from typing import Any

import pytest

from flows import receipt
from flows.session import Session
from storage.database import Case, Database, Fault, Head, Work
from storage.keyring import Keystore
from storage.reports import Proof
from storage.vault import PrivateKey, open_sealed
from tests.conftest import Clock
from tests.storage.talks import contact, meddle, person, recall, report_of, submit, tell


def new_code() -> str:
    return receipt.make(secrets.token_bytes(receipt.CHANCE))


async def contents(database: Database, case: Case, key: PrivateKey) -> list[dict[str, Any]]:
    """Open a case's entries, as only staff can."""
    sealed = await database.run(lambda work: work.reports.of_case(case.id))
    return [
        json.loads(open_sealed(key, it.envelope, object_id=bytes.fromhex(it.handle)).payload)
        for it in sealed
    ]


async def faults(database: Database, remembered: Head | None = None) -> list[Fault]:
    return await database.run(lambda work: work.reports.verify(remembered))


async def test_a_submitted_report_opens_with_either_staff_key_and_holds_everything(
    database: Database, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    words, code = "خالد \ud800 \x00", new_code()
    case = await submit(database, person(1), words, code, clock())
    for key in (vault_key, recovery_key):
        (held,) = await contents(database, case, key)
        assert held["report"] == json.loads(json.dumps(report_of(words, clock()).to_data()))
        assert (held["code"], held["reach"]) == (code, ["telegram", "77", "person 1"])


async def test_a_submitted_draft_is_gone(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "draft", clock())
    await submit(database, person(1), "draft", new_code(), clock())
    after = await recall(database, person(1), clock())
    assert (after.session, after.generation) == (Session(), 1)
    assert list(keystore.used_slots()) == [after.id * 2 + 1]


async def test_a_reachable_family_is_tied_to_its_cases(database: Database, clock: Clock) -> None:
    codes = [new_code(), new_code()]
    for code in codes:
        await submit(database, person(1), "words", code, clock())
    own = await recall(database, person(1), clock())
    cases = await database.run(lambda work: work.cases.of_contact(own.id))
    assert [it.code for it in cases] == codes
    assert [(it.urgent, it.work_state, it.opened_on) for it in cases] == [
        (True, "received", clock().date())
    ] * 2
    assert await database.run(lambda work: work.cases.contacts_of(cases[0].id)) == [own.id]
    assert await database.run(lambda work: work.cases.untie(own.id)) == 2
    assert await database.run(lambda work: work.cases.of_contact(own.id)) == []


async def test_a_detached_report_says_nowhere_who_brought_it(
    database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock(), "detached")
    own = await recall(database, person(1), clock())
    assert await database.run(lambda work: work.cases.of_contact(own.id)) == []
    (held,) = await contents(database, case, vault_key)
    assert "reach" not in held


async def test_a_detached_contact_is_deleted_once_nothing_is_open(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await submit(database, person(1), "words", new_code(), clock(), "detached")
    own = await recall(database, person(1), clock())
    later = clock.go_on(days=31)
    await database.run(lambda work: work.retention.run(later))
    assert (await database.run(lambda work: work.retention.preview(later))).total == 0
    keystore.make_epochs(clock().date())
    assert (await recall(database, person(1), clock())).id != own.id
    assert list(keystore.used_slots()) == []


async def test_a_case_is_found_by_its_code_in_any_way_of_writing(
    database: Database, clock: Clock
) -> None:
    code = new_code()
    case = await submit(database, person(1), "words", code, clock())
    for typed in (code, code.lower(), code.replace("-", " ")):
        assert await database.run(lambda work, it=typed: work.cases.find_by_code(it)) == case
    for other in (new_code(), "", "not a code"):
        assert await database.run(lambda work, it=other: work.cases.find_by_code(it)) is None


async def test_an_addition_is_sealed_beside_the_report(
    database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    code = new_code()
    case = await submit(database, person(1), "first", code, clock())
    more = report_of("more", clock(), about="addition")
    assert await database.run(lambda work: work.cases.add_to(code, more, clock())) == case
    assert await database.run(lambda work: work.cases.add_to(new_code(), more, clock())) is None
    first, second = await contents(database, case, vault_key)
    assert (first["report"]["about"], second["report"]["about"]) == ("", "addition")
    assert "reach" not in second


async def test_a_submission_is_whole_or_has_not_been(database: Database, clock: Clock) -> None:
    await tell(database, person(1), "draft", clock())
    code = new_code()

    async def fail(work: Work) -> None:
        own = await contact(work, person(1), clock())
        await work.cases.open_with(own, report_of("draft", clock()), code, clock())
        await work.contacts.renew(own)
        raise RuntimeError("died before the commit")

    with pytest.raises(RuntimeError):
        await database.run(fail)
    assert await database.run(lambda work: work.cases.find_by_code(code)) is None
    assert await database.run(lambda work: work.reports.count()) == 0
    assert (await recall(database, person(1), clock())).session is not None
    assert await faults(database) == []


async def three(database: Database, clock: Clock) -> Head:
    """Submit three reports and return the head of the log."""
    for number in range(3):
        await submit(database, person(number), f"words {number}", new_code(), clock())
    assert await faults(database) == []
    return await database.run(lambda work: work.reports.head())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("DELETE FROM reports WHERE id = 2", [("missing", 2)]),
        ("DELETE FROM report_log WHERE seq = 2", [("broken", 3), ("unlogged", 0)]),
        ("UPDATE reports SET handle = :forged WHERE id = 2", [("unlogged", 0), ("missing", 2)]),
        ("UPDATE reports SET envelope = :forged WHERE id = 2", [("changed", 2)]),
        ("UPDATE report_log SET digest = :forged WHERE seq = 2", [("broken", 2), ("changed", 2)]),
        (
            "INSERT INTO reports (handle, case_id, kind, envelope, received_on) "
            "SELECT :forged, case_id, kind, envelope, received_on FROM reports WHERE id = 1",
            [("unlogged", 0)],
        ),
        (
            "INSERT INTO report_log (seq, act, report, digest, mac) "
            "SELECT 4, act, report, digest, mac FROM report_log WHERE seq = 3",
            [("broken", 4)],
        ),
    ],
)
async def test_the_log_shows_what_somebody_did_to_the_reports(
    database: Database, database_url: str, clock: Clock, command: str, expected: list[Any]
) -> None:
    await three(database, clock)
    values = {"forged": bytes(16)} if ":forged" in command else {}
    await meddle(database_url, command, **values)
    assert [(it.what, it.seq) for it in await faults(database)] == expected


async def test_two_exchanged_envelopes_are_seen(
    database: Database, database_url: str, clock: Clock
) -> None:
    await three(database, clock)
    rows = await meddle(database_url, "SELECT envelope FROM reports ORDER BY id")
    for row, other in ((1, rows[1]), (2, rows[0])):
        command = "UPDATE reports SET envelope = :envelope WHERE id = :row"
        await meddle(database_url, command, envelope=other.envelope, row=row)
    assert [(it.what, it.seq) for it in await faults(database)] == [("changed", 1), ("changed", 2)]


async def test_a_log_cut_shorter_is_seen_by_who_remembers_its_head(
    database: Database, database_url: str, clock: Clock
) -> None:
    head = await three(database, clock)
    await meddle(database_url, "DELETE FROM reports WHERE id = 3")
    await meddle(database_url, "DELETE FROM report_log WHERE seq = 3")
    assert await faults(database) == []
    assert [it.what for it in await faults(database, head)] == ["shortened"]


async def test_a_report_erased_or_resealed_on_purpose_is_no_fault(
    database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    head = await three(database, clock)
    case = await database.run(lambda work: work.cases.get(1))
    (first,) = await database.run(lambda work: work.reports.of_case(case.id))
    await database.run(lambda work: work.reports.move(first.handle, first.envelope + b"\0"))
    await database.run(lambda work: work.reports.erase(first.handle))
    assert await faults(database, head) == []
    assert await database.run(lambda work: work.reports.count()) == 2


@pytest.mark.parametrize("slices", [1, 2, 3])
async def test_a_proof_in_slices_bears_with_what_happens_in_between(
    database: Database, database_url: str, clock: Clock, slices: int
) -> None:
    head = await three(database, clock)
    proof = Proof(head)
    for _slice in range(slices):
        await database.run(lambda work: work.reports.prove_some(proof))
    case = await database.run(lambda work: work.cases.get(1))
    (first,) = await database.run(lambda work: work.reports.of_case(case.id))
    await database.run(lambda work: work.reports.move(first.handle, first.envelope + b"\0"))
    (second,) = await database.run(lambda work: work.reports.of_case(2))
    await database.run(lambda work: work.reports.erase(second.handle))
    await submit(database, person(9), "in between", new_code(), clock())
    if slices == 1:
        await meddle(database_url, "UPDATE reports SET envelope = :it WHERE id = 3", it=bytes(16))
    while await database.run(lambda work: work.reports.prove_some(proof)):
        pass
    found = [(it.what, it.seq) for it in proof.faults]
    assert found == ([("changed", 3)] if slices == 1 else [])
    assert not await database.run(lambda work: work.reports.prove_some(proof))
    assert [(it.what, it.seq) for it in proof.faults] == found


async def test_cases_are_marked_and_given_a_day_of_next_word(
    database: Database, clock: Clock
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    on = clock().date() + timedelta(days=30)
    await database.run(lambda work: work.cases.mark(case.id, "withdrawn"))
    await database.run(lambda work: work.cases.promise_word(case.id, on))
    found = await database.run(lambda work: work.cases.get(case.id))
    assert (found.work_state, found.next_word_on) == ("withdrawn", on)


async def test_the_audit_log_shows_a_row_taken_out(
    database: Database, database_url: str, clock: Clock
) -> None:
    for number in range(3):
        await database.run(
            lambda work, n=number: work.audit.append("staff-1", "read", f"case-{n}", clock())
        )
    head = await database.run(lambda work: work.audit.head())
    assert await database.run(lambda work: work.audit.verify(head)) == []
    acts = await database.run(lambda work: work.audit.read())
    assert [(it.seq, it.object, it.at) for it in acts] == [
        (seq, f"case-{seq - 1}", clock()) for seq in (1, 2, 3)
    ]
    await meddle(database_url, "DELETE FROM audit WHERE seq = 2")
    (fault,) = await database.run(lambda work: work.audit.verify(head))
    assert (fault.what, fault.seq) == ("broken", 3)


async def test_tasks_are_put_and_done(database: Database, clock: Clock) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    await database.run(lambda work: work.tasks.put("asked", None, case.id, clock()))
    (task,) = await database.run(lambda work: work.tasks.open())
    assert (task.reason, task.case_id, task.put_on) == ("asked", case.id, clock().date())
    assert await database.run(lambda work: work.tasks.done(task.id, clock().date()))
    assert not await database.run(lambda work: work.tasks.done(task.id, clock().date()))
    assert await database.run(lambda work: work.tasks.open()) == []


@pytest.mark.postgres
async def test_reports_submitted_at_once_form_one_chain(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    workers = [await Database.connect(postgres_url, keystore) for _worker in range(3)]
    await asyncio.gather(
        *(
            submit(workers[number % 3], person(number), "words", new_code(), clock())
            for number in range(18)
        )
    )
    assert await faults(workers[0]) == []
    assert (await workers[0].run(lambda work: work.reports.head())).seq == 18
    for worker in workers:
        await worker.close()
