"""Upgrades: how a draft begun under an older version of a flow goes on under this one.

Because the position follows from the answers, a new question is simply asked next and a removed
one is no longer asked. Only two things need a word here: a key that was renamed, and one that was
retired. A test keeps the list of keys of every version and fails when they change without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.session import Draft, Session, Told
from flows.shape import Flow
from flows.values import replace


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What changed in the keys between ``version - 1`` and ``version`` of a flow."""

    version: int
    renamed: Mapping[str, str] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()


UPGRADES: Mapping[str, tuple[Upgrade, ...]] = {
    "consent": (),
    "report": (),
    "addition": (),
    "choices": (),
    "new_info": (),
    "sighting": (),
    # Pictures and papers are sent here since; which there are is not asked for any more.
    "photo_document": (Upgrade(2, retired=frozenset({"p2_photo", "p4_papers"})),),
    "dna_interest": (),
    "contact_change": (),
    "check_in": (),
}
"""By flow or set of questions, in rising order of version; version 1 needs none."""


def bring_current(
    session: Session,
    flows: Mapping[str, Flow],
    upgrades: Mapping[str, tuple[Upgrade, ...]] = UPGRADES,
) -> tuple[Session, bool]:
    """Return the session under the current versions, and whether a draft had to be upgraded.

    Answers keep the version they were given under. A session of the current versions comes back as
    it is.
    """
    changed = {
        name: upgraded(draft, flows[name], upgrades.get(draft.flow, ()))
        for name, draft in session.drafts.items()
        if name in flows and draft.version < flows[name].version
    }
    if not changed:
        return session, False
    drafts = {**session.drafts, **changed}
    return replace(session, drafts=drafts, asked=None, view="", revisit=""), True


def upgraded(draft: Draft, flow: Flow, upgrades: tuple[Upgrade, ...]) -> Draft:
    """Return one draft under the version of ``flow``."""
    answers = draft.answers
    for upgrade in upgrades:
        if draft.version < upgrade.version <= flow.version:
            answers = _renamed(answers, upgrade)
    return replace(draft, version=flow.version, answers=answers)


def _renamed(answers: Told, upgrade: Upgrade) -> Told:
    kept = Told()
    for path, answer in answers.items():
        key = _key_of(path)
        if key not in upgrade.retired:
            kept = kept.and_told(_with_key(path, upgrade.renamed.get(key, key)), answer)
    return kept


def _key_of(path: str) -> str:
    """``sightings[1].place`` has the key ``sightings[].place``."""
    group, bracket, rest = path.partition("[")
    return f"{group}[]{rest.partition(']')[2]}" if bracket else path


def _with_key(path: str, key: str) -> str:
    if "[]" not in key:
        return key
    number = path.partition("[")[2].partition("]")[0]
    return key.replace("[]", f"[{number}]", 1)
