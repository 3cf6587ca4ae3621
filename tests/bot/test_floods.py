"""Budgets of those who write: ordinary bursts never meet them, floods do, memory stays small."""

from __future__ import annotations

import itertools

import pytest

from bot.floods import CALM, HELD_OF_ONE, KEY_LASTS, TOLD_EVERY, Budgets, Floods, Sifted
from bot.messages import Inbound, Media, Unreadable
from tests.bot.rooms import Family

START = 1_772_000_000.0


class Flow:
    """Messages over time, against budgets."""

    def __init__(self, **budgets: float) -> None:
        self.floods = Floods(Budgets(**budgets))  # type: ignore[arg-type]
        self.now = START
        self.family = Family("7")

    def send(self, number: int = 1, letters: int = 5, every: float = 0.0) -> Sifted:
        """One person sends so many messages, ``every`` so many seconds."""
        found = Sifted()
        for _ in range(number):
            some = self.floods.sift([self.family.says("x" * letters)], self.now)
            found.kept += some.kept
            found.notices += some.notices
            self.now += every
        return found


# --------------------------------------------------------------------------------- ordinary people


@pytest.mark.parametrize(
    ("number", "letters", "every"),
    [
        (20, 10, 0.0),  # twenty messages at once
        (10, 0, 0.0),  # an album of ten
        (30, 4_096, 0.0),  # a story in thirty full messages, sent after an hour without network
        (70, 4_096, 60.0),  # a very long one, over an hour
        (110, 20, 0.0),  # a whole report by buttons, faster than anybody is
        (300, 20, 2.0),  # somebody who answers every two seconds, for ten minutes
        (1_400, 40, 50.0),  # a day of helping others to report
    ],
)
def test_ordinary_bursts_are_never_hit(number: int, letters: int, every: float) -> None:
    found = Flow().send(number, letters, every)
    assert len(found.kept) == number
    assert found.notices == []


def test_what_was_not_kept_and_comes_again_costs_nothing() -> None:
    """While the database is away, the same messages come every minute, for a day."""
    flow = Flow()
    for _ in range(1_440):
        found = flow.send(3)
        assert len(found.kept) == 3
        flow.floods.give_back(found.kept)
        flow.now += 60
    assert len(flow.send(100).kept) == 100


# ---------------------------------------------------------------------------------------- floods


def test_a_flooder_is_kept_up_to_its_budget_and_told_once() -> None:
    flow = Flow()
    found = flow.send(20_000, every=0.001)
    assert 120 <= len(found.kept) <= 150
    assert len(found.notices) == 1
    assert 0 < found.notices[0].wait <= 60
    assert flow.floods.lost["flood"] == 20_000 - len(found.kept)


def test_a_flood_of_a_day_is_kept_up_to_the_budget_of_a_day() -> None:
    flow = Flow()
    found = flow.send(86_400, every=0.99)
    assert len(found.kept) < 2 * 2_000 + 120
    assert len(found.notices) <= 24


def test_long_texts_have_a_budget_of_their_own() -> None:
    found = Flow().send(100, letters=4_096)
    assert len(found.kept) == 300_000 // 4_096
    assert len(found.notices) == 1
    assert found.notices[0].wait > 600


def test_files_have_a_budget_of_their_own_and_a_large_one_comes_too_often_only() -> None:
    floods, family = Floods(), Family()
    photo = Media("photo", "f", 3_000_000, "image/jpeg")
    album = [family.does("media", media=photo) for _ in range(40)]
    assert len(floods.sift(album, START).kept) == 40
    paper = Media("document", "f", 20 << 20, "application/pdf")
    found = floods.sift([family.does("media", media=paper) for _ in range(40)], START + 60)
    assert 15 <= len(found.kept) <= 20
    assert found.notices[0].wait > 600
    assert len(floods.sift([family.says("x")], START + 60 + CALM + 1).kept) == 1


def test_after_the_wait_somebody_is_heard_again() -> None:
    flow = Flow()
    (notice,) = flow.send(121).notices
    flow.now += notice.wait + 1
    found = flow.send(20)
    assert len(found.kept) == 20


def test_somebody_who_is_calm_is_heard_although_shut_out() -> None:
    """Perhaps the chat has to be cleared at just this moment."""
    flow = Flow(a_day=300, an_hour=300)
    flow.send(10_000, every=0.5)
    flow.now += CALM + 1
    assert len(flow.send(1).kept) == 1
    assert len(flow.send(1).kept) == 0


def test_nobody_is_told_twice_within_the_hour() -> None:
    flow = Flow()
    told = [bool(flow.send(200, every=0.01).notices) for _ in range(60)]
    assert told.count(True) == 1
    flow.now += TOLD_EVERY
    assert len(flow.send(200).notices) == 1


def test_who_could_not_be_told_is_told_another_time() -> None:
    flow = Flow()
    (notice,) = flow.send(121).notices
    flow.floods.take_back(notice)
    flow.now += notice.wait + 1
    assert len(flow.send(200).notices) == 1


def test_one_persons_flood_is_nobody_elses() -> None:
    flow, other = Flow(), Family("8")
    flow.send(5_000)
    assert len(flow.floods.sift([other.says("hello")] * 20, flow.now).kept) == 20


def test_groups_leave_nothing_and_unreadable_events_go_on() -> None:
    floods, family = Floods(), Family()
    unreadable = Unreadable("telegram", "1", "5", b"{", "not-json")
    found = floods.sift([family.does("group", what="group"), unreadable], START)
    assert found.kept == [unreadable]
    assert len(floods) == 0


def test_what_is_set_aside_is_bounded_by_number_and_by_bytes() -> None:
    floods = Floods(Budgets(aside_a_day=10, aside_bytes_a_day=1_000))
    assert [floods.may_set_aside(1, START) for _ in range(11)].count(True) == 10
    assert floods.lost["set_aside"] == 1
    assert Floods(Budgets(aside_bytes_a_day=1_000)).may_set_aside(1_001, START) is False


def test_reports_begun_from_one_place_are_bounded() -> None:
    floods, family = Floods(Budgets(reports_a_day=3)), Family()
    assert [floods.may_begin(family.address, START) for _ in range(4)] == [True] * 3 + [False]
    floods.sift([family.says("x")], START)
    floods.sift([family.says("x")], START + KEY_LASTS + 1)
    assert floods.may_begin(family.address, START + KEY_LASTS + 1)


# ------------------------------------------------------------------------------------- new people


def newcomers(floods: Floods, number: int, now: float) -> list[Inbound]:
    batch = [Family(f"new{one}").says("/start") for one in range(number)]
    assert len(floods.sift(batch, now).kept) == number
    return batch


def test_new_people_have_a_budget_in_common() -> None:
    floods = Floods(Budgets(new_at_once=100, new_a_second=10))
    assert len(floods.doubtful(newcomers(floods, 5_000, START))) == 4_900
    assert floods.take_new(50, START + 1) == 10
    assert floods.take_new(50, START + 2) == 10


def test_who_wrote_lately_is_not_new() -> None:
    floods, family = Floods(Budgets(new_at_once=1, new_a_second=0.001)), Family("7")
    first = [family.says("/start")]
    floods.sift(first, START)
    newcomers(floods, 50, START)
    assert floods.doubtful(first) == []


def test_while_replies_are_late_hardly_anybody_new_is_taken_in() -> None:
    floods = Floods()
    floods.pressed = frozenset({"telegram"})
    assert [floods.take_late(START + second) for second in range(10)].count(True) == 2
    assert floods.take_late(START + 10)
    assert len(floods.doubtful(newcomers(floods, 5, START))) == 5


def test_late_replies_on_one_channel_hold_back_nobody_on_another() -> None:
    floods = Floods()
    floods.pressed = frozenset({"signal"})
    assert floods.doubtful(newcomers(floods, 5, START)) == []


def test_while_others_wait_everybody_new_waits_behind_them() -> None:
    floods = Floods()
    floods.is_holding = True
    assert len(floods.doubtful(newcomers(floods, 5, START))) == 5


def test_what_is_held_is_bounded_for_one_and_for_all() -> None:
    floods, family = Floods(Budgets(held_most=100)), Family()
    floods.pressed = frozenset({"telegram"})
    floods.sift([family.says("x")], START)
    assert floods.may_hold(family.address, 99)
    assert not floods.may_hold(family.address, 100)
    floods.count_held([family.address] * HELD_OF_ONE)
    assert not floods.may_hold(family.address, 0)
    assert floods.lost["rush_lost"] == 2


# ----------------------------------------------------------------------------------------- memory


def test_people_who_rest_are_forgotten() -> None:
    floods, now = Floods(), START
    for number in itertools.count():
        floods.sift([Family(str(number)).says("x")], now)
        now += 0.1
        if number > 20_000:
            break
    assert len(floods) < 2_500


def test_marks_and_counters_are_thrown_away_every_day() -> None:
    flow = Flow()
    flow.send(200)
    before = set(flow.floods._people)
    flow.now += KEY_LASTS + 1
    flow.send(1)
    assert before.isdisjoint(flow.floods._people)
    assert len(flow.floods) == 1


def test_nobody_stands_there_by_name() -> None:
    flow = Flow()
    flow.family = Family("4815162342")
    flow.send(5)
    assert b"4815162342" not in b"".join(flow.floods._people)
    assert all(len(mark) == 12 for mark in flow.floods._people)


def test_a_clock_that_was_set_back_shuts_nobody_out() -> None:
    flow = Flow()
    flow.send(500)
    flow.now -= 365 * 86_400
    assert len(flow.send(20).kept) == 20
