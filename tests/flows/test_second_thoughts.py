"""What a family may still change its mind about, and what must not get lost meanwhile."""

from __future__ import annotations

from flows.effects import CallHuman
from tests.flows.playing import Play
from tests.flows.test_typed_buttons import at_name

TO_NATIONALITY = ("Ali", "Omar", "Hasan", "skip", "skip", "skip", "skip")


def told(play: Play) -> dict[str, object]:
    assert play.session is not None
    return {path: each.value for path, each in play.session.drafts["report"].answers.items()}


def test_ticks_survive_a_page_and_another_language() -> None:
    play = at_name("en")
    for said in TO_NATIONALITY:
        play.write(said)
    play.press("Syrian")
    play.press("More…")
    play.press("Language: العربية / English")
    play.press("العربية")
    play.press("فلسطينية سورية")
    play.press("انتهيت")
    assert told(play)["b9_nationality"] == ("syrian", "palestinian_sy")


def test_a_sighting_can_be_added_from_the_review() -> None:
    play = at_name("en")
    for said in (*TO_NATIONALITY, "Syrian", "skip", "skip", "summer 2013", "yes", "Damascus"):
        play.write(said)
    for said in ("skip", "checkpoint", "I don't know", "skip", "no"):
        play.write(said)
    for said in ("Yes, through somebody", "Sednaya", "skip", "skip", "no"):
        play.write(said)
    assert play.session is not None
    assert "sightings[1].place" not in told(play)
    for label in ("review", "Change an answer", "Since then", "More sightings", "yes", "Adra"):
        play.write(label)
    assert told(play)["sightings[0].more"] is True
    assert "sightings[1].place" in told(play)


def test_a_mistyped_code_is_called_one() -> None:
    play = Play.begun("en")
    for label in ("English", "Yes, it is safe", "I agree and am 18 or older"):
        play.press(label)
    play.write("menu")
    play.write("K9Z5-109S-866X")
    assert "do not find a report" in play.last


def test_a_page_that_is_in_the_way_leads_to_a_person() -> None:
    play = at_name("en")
    play.write("review")
    for words in ("??", "!!", "(?)"):
        play.write(words)
    assert "write “person”" in play.last
    turn = play.write("person")
    assert CallHuman("asked") in turn.effects


def test_a_date_that_is_corrected_to_long_ago_is_not_sent_as_urgent() -> None:
    play = Play.begun("en")
    play.press("English")
    play.press("I am in danger: only the shortest way")
    play.press("I agree and am 18 or older")
    for said in ("Ali", "Omar", "Hasan", "October 2026", "yes"):
        play.write(said)
    assert play.effects(CallHuman)
    for said in ("back", "2013", "yes", "Homs", "I don't know", "nobody"):
        play.write(said)
    play.press("Yes, write to me here")
    play.press("Send the report")
    assert not play.report.report.urgent
