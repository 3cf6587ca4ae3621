"""Files and places in a conversation: where each belongs, what is said, and when it is let go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from flows import consent, filing, menu
from flows.conversation import FLOWS, respond
from flows.effects import Add, Ask, Keep, Say, Submit, Turn
from flows.engine import Heard
from flows.plain import answer_from, files_from
from flows.questions import (
    NO_WAY_OUT,
    OPTIONAL,
    Asked,
    Attachment,
    Choice,
    MultipleChoice,
    Review,
    Text,
)
from flows.session import Answer, Draft, File, Files, PlaceName, Session, Told, pack, unpack
from flows.shape import Flow, Section
from flows.text import LANGUAGES
from tests.flows import kinds
from tests.flows.playing import BEGIN, TOOLS

PICTURES = Attachment(
    key="pictures", kinds=("photo", "document"), many=True, ways=OPTIONAL, **kinds._SAYS
)
REACH = Choice(key="f3_reach", options=kinds.COLOURS, **kinds._SAYS)
FIXED = Choice(key="fixed", options=kinds.COLOURS, ways=NO_WAY_OUT, **kinds._SAYS)
SEND = Review(key="send", title=kinds.both("أرسل", "Send"), words=kinds.both("أرسل", "Send it?"))
TOLD = Told().and_told("a3_consent", Answer("agree", "given", "", "en", BEGIN, 1))


HEARD = Attachment(key="heard", kinds=("voice",), ways=OPTIONAL, **kinds._SAYS)


@dataclass
class Talk:
    """A family that has agreed, in a small report; the session is packed between turns."""

    questions: tuple[Asked, ...]
    receipts: tuple[str, ...] = ()
    now: datetime = BEGIN
    session: Session = field(init=False)
    turn: Turn = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        section = Section("all", kinds.both("كل", "All"), (*self.questions, kinds.END, SEND))
        self.flows = {**FLOWS, "report": Flow("report", 1, (section,))}
        drafts = {"consent": Draft("consent", 1, BEGIN, TOLD)}
        self.session = Session(language="en", flow="menu", drafts=drafts, receipts=self.receipts)
        if self.questions:
            self.hear(Heard("button", button="n:!report"))
            self.hear(Heard("text", text="report"))

    def hear(self, heard: Heard) -> Turn:
        self.now += timedelta(seconds=30)
        self.turn = respond(self.session, heard, self.now, TOOLS, self.flows)
        self.session = unpack(pack(self.turn.session))
        assert self.session == self.turn.session
        return self.turn

    def write(self, text: str) -> Turn:
        return self.hear(Heard("text", text=text))

    def send(
        self, kind: str = "photo", *, album: str = "", unseen: bool = False, **more: Any
    ) -> str:
        self.sent += 1
        handle = f"{self.sent:032x}"
        about = {"size": 12, "type": "image/jpeg", "name": "house.jpg", **more}
        words = about.pop("words", "")
        file = File(kind, f"key-{self.sent}", handle=handle, album=album, **about)
        self.hear(Heard("media", text=words, file=file, unseen=unseen))
        return handle

    @property
    def kept(self) -> list[str]:
        """The handles the last turn wants to be fetched."""
        return [each.file.handle for each in self.turn.effects if isinstance(each, Keep)]

    @property
    def asked(self) -> str:
        """The path of what the last turn asked, empty when it asked nothing."""
        return next((each.path for each in self.turn.effects if isinstance(each, Ask)), "")

    @property
    def text(self) -> str:
        return "\n".join(
            TOOLS.speak(paragraph, "en", "")
            for effect in self.turn.effects
            if isinstance(effect, Ask | Say)
            for paragraph in effect.paragraphs
        ).replace("\n", " ")

    def answer(self, key: str) -> Any:
        found = self.session.drafts["report"].answers.find(key)
        return found.value if found else None


SPOKEN = [kinds.NAME, kinds.CHOICE, kinds.MANY, kinds.YES_NO, kinds.DATE, kinds.PLACE, kinds.PHONE,
          kinds.NUMBER, kinds.WORDS, kinds.STORY]  # fmt: skip


@pytest.mark.parametrize("question", SPOKEN, ids=lambda question: question.kind)
@pytest.mark.parametrize("kind", ["voice", "audio"])
def test_a_voice_note_answers_any_open_question(question: Asked, kind: str) -> None:
    talk = Talk((question,))
    handle = talk.send(kind)
    assert talk.answer(question.key) == Files(kind, (handle,))
    assert (talk.kept, talk.asked) == ([handle], "end")
    assert "A person will listen" in talk.text
    assert talk.session.files[handle].state == "coming"


@pytest.mark.parametrize("question", [REACH, FIXED], ids=lambda question: question.key)
def test_what_steers_our_acts_is_not_answered_by_voice_but_the_note_is_kept(
    question: Asked,
) -> None:
    talk = Talk((question,))
    handle = talk.send("voice")
    assert (talk.answer(question.key), talk.kept, talk.asked) == (None, [handle], question.key)
    assert "also needs a choice or a word" in talk.text
    assert not talk.session.files[handle].answers


def test_a_picture_answers_where_one_is_asked_for() -> None:
    talk = Talk((kinds.FILE,))
    handle = talk.send(words="at the door")
    answer = talk.session.drafts["report"].answers["file"]
    assert (answer.value, answer.raw, talk.asked) == (
        Files("photo", (handle,)),
        "at the door",
        "end",
    )


@pytest.mark.parametrize("kind", ["voice", "audio"])
def test_where_a_voice_note_is_asked_for_any_sound_answers_and_nothing_else(kind: str) -> None:
    talk = Talk((HEARD,))
    talk.write("I cannot speak")
    assert "Please send a voice note here" in talk.text
    talk.send("photo")
    assert (talk.answer("heard"), talk.asked) == (None, "heard")
    handle = talk.send(kind)
    assert (talk.answer("heard"), talk.asked) == (Files(kind, (handle,)), "end")


def test_a_picture_at_any_other_moment_goes_beside_with_thanks() -> None:
    talk = Talk((kinds.NAME,))
    handle = talk.send(words="his caption")
    assert (talk.answer("name"), talk.kept, talk.asked) == (None, [handle], "name")
    beside = talk.session.files[handle]
    assert (beside.path, beside.answers, beside.words) == ("name", False, "his caption")
    assert "This goes with what you are telling" in talk.text
    talk.write("Ahmad")
    assert talk.answer("name") == "Ahmad"
    talk.write("review")
    assert "Also sent with it: \u20681\u2069 file." in talk.text


def test_a_caption_never_leaves_again() -> None:
    talk = Talk((kinds.NAME,))
    talk.send(words="CANARY")
    for words in ("Ahmad", "review", "menu"):
        assert "CANARY" not in talk.text
        talk.write(words)


def test_an_album_is_one_answer_and_each_picture_is_kept_once() -> None:
    talk = Talk((kinds.FILE, kinds.NAME))
    first = talk.send(album="a")
    assert talk.asked == "name"
    others = [talk.send(album="a", unseen=at > 0) for at in range(3)]
    assert talk.turn.effects == (Keep(talk.turn.effects[0].file),)  # type: ignore[union-attr]
    assert talk.answer("file") == Files("photo", (first, *others))
    assert talk.answer("name") is None
    talk.write("Ahmad")
    assert talk.answer("name") == "Ahmad"


def test_several_papers_are_sent_one_after_the_other_until_done() -> None:
    talk = Talk((PICTURES, kinds.NAME))
    first, second = talk.send("document"), talk.send()
    assert talk.asked == "pictures"
    assert "send the next one" in talk.text
    talk.write("done")
    assert (talk.answer("pictures"), talk.asked) == (Files("document", (first, second)), "name")


def test_a_voice_note_in_the_middle_of_a_story_goes_with_it() -> None:
    talk = Talk((kinds.STORY,))
    talk.write("it began in spring")
    handle = talk.send("voice")
    assert talk.answer("story") == "it began in spring"
    assert (talk.session.files[handle].path, talk.session.telling) == ("story", "story")


def test_sent_before_the_question_was_read_it_goes_with_the_one_before() -> None:
    talk = Talk((kinds.NAME, kinds.WORDS))
    first, second = talk.send("voice"), talk.send("voice", unseen=True)
    assert talk.answer("name") == Files("voice", (first, second))
    assert (talk.answer("words"), talk.asked) == (None, "words")


@pytest.mark.parametrize(
    ("size", "words"), [(20 << 20, ""), ((20 << 20) + 1, "20 MB"), (0, "nothing in")]
)
def test_a_file_too_large_or_empty_is_refused_kindly_at_once(size: int, words: str) -> None:
    talk = Talk((kinds.FILE,))
    handle = talk.send(size=size)
    if not words:
        assert talk.kept == [handle]
        return
    assert (talk.kept, talk.answer("file"), talk.asked) == ([], None, "file")
    assert words in talk.text
    assert not talk.session.files


def test_there_is_room_for_so_many_and_then_it_is_said() -> None:
    talk = Talk((kinds.NAME,))
    for _each in range(filing.MOST_FILES):
        talk.send()
    talk.send()
    assert (talk.kept, len(talk.session.files)) == ([], filing.MOST_FILES)
    assert "no room for more files" in talk.text


def test_before_the_consent_nothing_is_kept() -> None:
    session = respond(None, Heard("text", text="hello", hint="en"), BEGIN, TOOLS).session
    file = File("photo", "key", 12, handle="1" * 32)
    turn = respond(session, Heard("media", text="CANARY", file=file), BEGIN, TOOLS)
    assert not any(isinstance(effect, Keep) for effect in turn.effects)
    assert not turn.session.files
    assert b"CANARY" not in pack(turn.session)


def test_at_rest_a_file_is_added_to_the_one_report_and_an_album_answered_once() -> None:
    talk = Talk((), receipts=("0123456789AB",))
    first = talk.send(album="a")
    adds = [effect for effect in talk.turn.effects if isinstance(effect, Add)]
    assert [(add.code, add.done, list(add.report.files)) for add in adds] == [
        ("0123456789AB", filing.ADDED, [first])
    ]
    talk.send(album="a")
    (again,) = [effect for effect in talk.turn.effects if isinstance(effect, Add)]
    assert again.done is None
    assert not talk.session.files


def test_at_rest_with_several_reports_it_is_asked_which_one() -> None:
    talk = Talk((), receipts=("0123456789AB", "0123456789AC"))
    handle = talk.send()
    assert (talk.asked, talk.kept) == ("add_code", [handle])
    assert talk.session.files[handle].flow == "addition"


def test_at_rest_without_a_report_it_is_not_kept_and_says_what_to_do() -> None:
    talk = Talk(())
    talk.send()
    assert (talk.kept, talk.asked) == ([], "menu")
    assert "not kept" in talk.text


def test_a_family_that_comes_back_with_a_picture_is_asked_on() -> None:
    talk = Talk((kinds.NAME,))
    talk.write("pause")
    handle = talk.send()
    assert (talk.kept, talk.asked, talk.session.paused) == ([handle], "name", False)


def test_a_changed_answer_lets_its_file_go() -> None:
    talk = Talk((kinds.NAME,))
    handle = talk.send("voice")
    assert handle in talk.session.files
    talk.write("back")
    talk.write("Ahmad")
    assert talk.answer("name") == "Ahmad"
    assert not talk.session.files


def test_a_deleted_draft_lets_its_files_go() -> None:
    talk = Talk((kinds.NAME,))
    talk.send("voice")
    talk.write("stop")
    talk.write("Delete it")
    talk.write("yes")
    assert "report" not in talk.session.drafts
    assert not talk.session.files


def test_what_was_sent_goes_into_the_report_and_out_of_the_session() -> None:
    talk = Talk((kinds.NAME,))
    spoken, beside = talk.send("voice"), talk.send("document", name="\u202egpj.exe")
    arrived = filing.arrived(
        talk.session, spoken, place="ab" * 16, key="cd" * 32, found="audio/ogg", size=7, sha256="ef"
    )
    assert arrived is not None
    talk.session = arrived
    talk.write("he was a baker")
    talk.write("Send")
    (report,) = [each.report for each in talk.turn.effects if isinstance(each, Submit)]
    data = report.to_data()
    assert files_from(data["files"]) == dict(report.files)
    assert (report.files[spoken].state, report.files[spoken].key) == ("kept", "cd" * 32)
    assert (report.files[beside].state, report.files[beside].name) == ("coming", "\u202egpj.exe")
    assert answer_from(data["answers"]["name"]).value == Files("voice", (spoken,))
    assert not talk.session.files


def test_a_lost_file_stays_an_answer_and_the_same_sent_again_takes_its_place() -> None:
    talk = Talk((kinds.NAME, kinds.WORDS))
    first = talk.send("voice")
    without = filing.gone(talk.session, first, "cut")
    assert without is not None
    talk.session = without
    again = talk.send("voice")
    assert talk.answer("name") == Files("voice", (again,))
    assert (list(talk.session.files), talk.asked) == ([again], "words")
    assert "takes the place" in talk.text


@pytest.mark.parametrize("path", ["", "name"])
def test_a_session_with_a_file_opens_again(path: str) -> None:
    session = Talk((kinds.NAME,)).session
    file = File("photo", "key", handle="1" * 32)
    session = filing.put(session, Heard("media"), file, BEGIN, path)
    assert unpack(pack(session)) == session


def test_a_file_the_session_does_not_know_any_more_changes_nothing() -> None:
    session = Talk((kinds.NAME,)).session
    assert filing.gone(session, "0" * 32, "cut") is None
    assert filing.arrived(session, "0" * 32, place="", key="", found="", size=1, sha256="") is None


@pytest.mark.parametrize("reason", [*filing.LOST, "cut", "unheard-of"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_loss_is_told_in_both_languages(reason: str, language: Any) -> None:
    assert TOOLS.speak(filing.why_lost(reason), language, "").strip()


# Places on the map

HOMS = (34.7308, 36.7094)


def test_a_place_on_the_map_answers_a_question_for_a_place() -> None:
    talk = Talk((kinds.PLACE,))
    talk.hear(Heard("other", text="Café of my uncle", what="venue", point=HOMS))
    assert talk.answer("where") == PlaceName("", "Café of my uncle", HOMS)
    assert (talk.asked, "is noted" in talk.text) == ("end", True)
    talk.write("review")
    assert "a place on the map" in talk.text
    plain = talk.session.drafts["report"].answers["where"]
    assert "34.7" not in talk.text
    report = replace(_report(talk), answers=Told({"where": plain}))
    assert answer_from(report.to_data()["answers"]["where"]) == plain


def _report(talk: Talk) -> Any:
    for words in ("continue", "he was a baker", "Send"):
        talk.write(words)
    return next(each.report for each in talk.turn.effects if isinstance(each, Submit))


@pytest.mark.parametrize("question", [kinds.NAME, kinds.CHOICE, kinds.DATE], ids=lambda it: it.kind)
def test_elsewhere_a_place_on_the_map_is_kindly_refused(question: Asked) -> None:
    talk = Talk((question,))
    talk.hear(Heard("other", text="CANARY", what="location", point=HOMS))
    assert (talk.answer(question.key), talk.asked) == (None, question.key)
    assert "only where we ask for a place" in talk.text
    assert b"34.7" not in pack(talk.session)
    assert b"CANARY" not in pack(talk.session)


def test_a_place_that_moves_is_answered_once() -> None:
    talk = Talk((kinds.PLACE,))
    talk.hear(Heard("other", what="location", point=HOMS))
    before = talk.session
    talk.hear(Heard("other", what="moved", point=(34.8, 36.8)))
    assert (talk.turn.effects, talk.session) == ((), before)


def test_consent_and_menu_know_no_files() -> None:
    """The sets of keys by hand are those that exist."""
    keys = {each.key for flow in (consent.CONSENT, menu.ADDITION, menu.SHARING, FLOWS["report"])
            for each in _questions(flow)}  # fmt: skip
    assert {"add_code", "f3_reach", "f5_share"} <= keys & filing._BY_HAND


def _questions(flow: Flow) -> list[Asked]:
    from flows.shape import questions

    return [question for _section, _repeat, question in questions(flow)]


def test_kinds_by_hand_are_of_choices_or_codes() -> None:
    for question in _questions(FLOWS["report"]):
        if question.key in filing._BY_HAND:
            assert isinstance(question, Choice | MultipleChoice | Text)
