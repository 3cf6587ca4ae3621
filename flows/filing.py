"""Files in a conversation: what becomes of a picture, a voice note, a paper, a place on the map.

A file is accepted before it is fetched: the turn puts it down in `Session.files` as *coming* and
asks for it with the effect `Keep`. Whoever fetches it tells the session later what came of it
(`arrived`, `gone`). Meanwhile the talk goes on, may be paused, sent, or ended.

Where a file belongs, in this order:

1. Sent together with another one (an album): where that one went, without a further word.
2. In the place of one that could not be fetched, when it is of the same kind.
3. As the answer: a picture or a paper where one is asked for; a voice note at any question, except
   those by which a family steers what happens to it (`may_be_spoken`). A choice told by voice has
   none of its codes; a person listens, and offers it again.
4. Else beside the open question, with thanks. Nothing a family sends with its report is refused
   because of the moment at which it comes.

Written before the open question can have been read, it goes with the file before it.

A file lives as long as its draft, and as an answer only as long as that answer (`pruned`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flows import engine
from flows.effects import Keep
from flows.engine import Heard, Scene, Step
from flows.questions import (
    Attachment,
    Choice,
    Consent,
    MultipleChoice,
    Place,
    Review,
    YesNo,
)
from flows.session import Attached, File, Files, PlaceName, Session, Told
from flows.shape import Stop
from flows.text import Sentence, _
from flows.values import replace

MOST_BYTES: Final = 20 << 20
"""Bytes of the largest file: what the Bot API lets a bot fetch."""
MOST_FILES: Final = 60
"""Files of one draft, so that a session stays within bounds."""
SPOKEN: Final = frozenset({"voice", "audio"})
"""Kinds of files that are listened to."""
_BY_HAND: Final = frozenset({"add_code", "f3_reach", "f5_share", "p5_share", "t4_with"})
"""Questions whose answer is carried out as it stands, by nobody who could listen first."""

TOO_LARGE = _(
    "This file is larger than 20 MB, so it cannot be kept here. A shorter recording or a smaller "
    "picture will do; a long one can be sent in parts."
)
EMPTY = _("There is nothing in this file, so it was not kept. Please send it once more.")
TOO_MANY = _(
    "There is no room for more files here, so this one was not kept. What you sent before is kept; "
    "you can add more later."
)
TOO_EARLY = _(
    "Pictures, voice notes and papers are kept only once you have agreed. This one was not kept; "
    "you can send it again after that."
)
AT_REST = _(
    "Nothing is open here that this could belong to, so it was not kept. Begin a report, or choose "
    "“Add to my report”, and send it again."
)
BESIDE = _("Thank you. This goes with what you are telling.")
BESIDE_VOICE = _("Thank you. A person will listen to it, together with what you are telling.")
BY_HAND = _(
    "Thank you. A person will listen to it. This one question also needs a choice or a word, so "
    "that nothing is done that you did not want."
)
SPOKEN_ANSWER = _("Thank you. A person will listen to your answer.")
AGAIN = _("Thank you. This takes the place of what could not be fetched.")
ADDED = _("Thank you. This is added to your report.")
ON_THE_MAP = _("Thank you, this place on the map is noted.")

KEPT = _("What you sent is kept.")
LATER = _("What you sent will be kept a little later. Nothing needs to be done.")
LOST: Final[Mapping[str, Sentence]] = {
    "too-large": TOO_LARGE,
    "empty": EMPTY,
    "file-gone": _(
        "Something you sent could not be fetched any more, so it is not kept. Please send it once "
        "more."
    ),
}
"""What is said of a file that is not kept, by the reason; `COULD_NOT` for all others."""
COULD_NOT = _(
    "Something you sent did not arrive whole, so it is not kept. Please send it once more; if that "
    "fails again, a person can help: write “person”."
)


def why_lost(reason: str) -> Sentence:
    """Return what is said of a file that is not kept."""
    return LOST.get(reason, COULD_NOT)


def refusal(session: Session, file: File) -> Sentence | None:
    """Return why a file cannot be accepted, as far as that shows before it is fetched."""
    if file.size is not None and file.size > MOST_BYTES:
        return TOO_LARGE
    if file.size == 0:
        return EMPTY
    if sum(each.state != "lost" for each in session.files.values()) >= MOST_FILES:
        return TOO_MANY
    return None


def may_be_spoken(stop: Stop) -> bool:
    """Return whether a voice note answers this question."""
    question = stop.question
    if isinstance(question, Consent | Review | Attachment) or question.key in _BY_HAND:
        return False
    if stop.repeat is not None and question is stop.repeat.again:
        return False
    return bool(question.ways) or not isinstance(question, Choice | YesNo | MultipleChoice)


# Taking a file


def join(session: Session, heard: Heard, file: File, now: datetime) -> Step | None:
    """Let a file go where the one before it in its album went; None when there is none."""
    mates = [it for it in session.files if file.album and session.files[it].album == file.album]
    if not mates:
        return None
    return _beside_mate(session, mates[-1], heard, file, now), (Keep(file),)


def take(scene: Scene, heard: Heard, file: File) -> Step:
    """Take a file while a flow speaks: as the answer, or beside the open question."""
    session, stop = scene.session, scene.stop
    asked_for = stop is not None and not session.view and _asks_for(stop, file)
    if not asked_for and (lost := _lost_one(session, file)):
        return _mend(scene, lost, heard, file)
    if stop is None or session.view or session.asked is None:
        return _beside(scene, heard, file, _words_beside(file))
    if heard.unseen and session.telling != stop.path:
        return _before_it(scene, heard, file)
    if asked_for:
        return _answer(scene, stop, heard, file)
    if file.kind not in SPOKEN or session.telling == stop.path:
        return _beside(scene, heard, file, _words_beside(file))
    if not may_be_spoken(stop):
        return _beside(scene, heard, file, BY_HAND)
    return _answer(scene, stop, heard, file)


def put(
    session: Session, heard: Heard, file: File, now: datetime, path: str, *, answers: bool = False
) -> Session:
    """Return the session with one file more, coming."""
    attached = Attached(
        file.kind, session.flow, path, answers, now, file.type, file.name, heard.text, file.album
    )
    return replace(session, files={**session.files, file.handle: attached})


def _asks_for(stop: Stop, file: File) -> bool:
    """On a page a voice is sent as any sound, so where one is asked for the other will do."""
    kind = "voice" if file.kind in SPOKEN else file.kind
    return isinstance(stop.question, Attachment) and kind in stop.question.kinds


def _words_beside(file: File) -> Sentence:
    return BESIDE_VOICE if file.kind in SPOKEN else BESIDE


def _answer(scene: Scene, stop: Stop, heard: Heard, file: File) -> Step:
    many = isinstance(stop.question, Attachment) and stop.question.many
    former = scene.answers.find(stop.path) if scene.session.telling == stop.path else None
    earlier = former.value if former and isinstance(former.value, Files) else Files(file.kind, ())
    session = put(scene.session, heard, file, scene.now, stop.path, answers=True)
    opening = (SPOKEN_ANSWER,) if file.kind in SPOKEN else ()
    kind = file.kind if file.kind == earlier.kind else "document"
    value = Files(kind, (*earlier.handles, file.handle))
    after, effects = engine.store(
        scene.with_session(session), stop, value, heard.text, opening, stay=many
    )
    return after, (Keep(file), *effects)


def _beside(scene: Scene, heard: Heard, file: File, words: Sentence) -> Step:
    path = scene.stop.path if scene.stop else ""
    session = put(scene.session, heard, file, scene.now, path)
    return _and_on(scene.with_session(session), file, words)


def _before_it(scene: Scene, heard: Heard, file: File) -> Step:
    """Sent before the open question was read: it goes with the file before it, if there is one."""
    own = [it for it, one in scene.session.files.items() if one.flow == scene.session.flow]
    if not own:
        return _beside(scene, heard, file, _words_beside(file))
    session = _beside_mate(scene.session, own[-1], heard, file, scene.now)
    return _and_on(scene.with_session(session), file, _words_beside(file))


def _and_on(scene: Scene, file: File, words: Sentence) -> Step:
    """Thank for it and ask what is open once more, just as it stands."""
    if scene.session.view:
        after, effects = engine.show_again(scene, (words,))
    else:
        keeps = engine.without_dates(scene.session.asked)
        after, effects = engine.ask_again(scene, (words,), keeps=keeps)
    return after, (Keep(file), *effects)


def _beside_mate(session: Session, mate: str, heard: Heard, file: File, now: datetime) -> Session:
    """Put a file where another one went: into its answer as well, where that is one."""
    with_it = session.files[mate]
    answers = with_it.answers and mate in _told(session, with_it.flow).handles()
    attached = replace(
        with_it,
        kind=file.kind, answers=answers, at=now, type=file.type, name=file.name,
        words=heard.text, album=file.album, state="coming", place="", key="", found="", size=0,
        sha256="", reason="",
    )  # fmt: skip
    session = replace(session, files={**session.files, file.handle: attached})
    if not answers:
        return session
    return _with_handles(session, with_it, mate, (mate, file.handle))


def _lost_one(session: Session, file: File) -> str | None:
    """Return the handle of the oldest lost file this one can take the place of."""
    for handle, one in session.files.items():
        if one.state == "lost" and one.flow == session.flow and one.kind == file.kind:
            return handle
    return None


def _mend(scene: Scene, lost: str, heard: Heard, file: File) -> Step:
    session, missing = scene.session, scene.session.files[lost]
    files = {handle: one for handle, one in session.files.items() if handle != lost}
    session = put(
        replace(session, files=files), heard, file, scene.now, missing.path, answers=missing.answers
    )
    if missing.answers:
        session = _with_handles(session, missing, lost, (file.handle,))
    return _and_on(scene.with_session(session), file, AGAIN)


def _told(session: Session, flow: str) -> Told:
    draft = session.drafts.get(flow)
    return draft.answers if draft else Told()


def _with_handles(session: Session, one: Attached, of: str, into: tuple[str, ...]) -> Session:
    """Put ``into`` in the place of one handle in the answer it stands in; its order stays."""
    draft = session.drafts[one.flow]
    answer = draft.answers.find(one.path)
    if answer is None or not isinstance(answer.value, Files):
        return session
    handles = [each for held in answer.value.handles for each in (into if held == of else (held,))]
    value = Files(answer.value.kind, tuple(handles))
    told = draft.answers.in_place(one.path, replace(answer, value=value))
    drafts = {**session.drafts, one.flow: replace(draft, answers=told)}
    return replace(session, drafts=drafts)


# What became of it


def arrived(
    session: Session, handle: str, *, place: str, key: str, found: str, size: int, sha256: str
) -> Session | None:
    """Return the session that knows a file as kept; None when it knows no such file (any more)."""
    one = session.files.get(handle)
    if one is None:
        return None
    kept = replace(
        one, state="kept", place=place, key=key, found=found, size=size, sha256=sha256
    )  # fmt: skip
    return replace(session, files={**session.files, handle: kept})


def gone(session: Session, handle: str, reason: str) -> Session | None:
    """Return the session that knows a file as lost; None when it knows no such file (any more).

    Its answer stays an answer, so that the question being answered right now stays the open one;
    the same sent again takes its place.
    """
    one = session.files.get(handle)
    if one is None:
        return None
    return replace(
        session, files={**session.files, handle: replace(one, state="lost", reason=reason)}
    )


def files_of(session: Session, flow: str, answers: Told) -> dict[str, Attached]:
    """Return the files that go with these answers of one flow."""
    said = answers.handles() if session.files else frozenset()
    return {
        handle: one
        for handle, one in session.files.items()
        if one.flow == flow and (handle in said or not one.answers)
    }


def pruned(session: Session) -> Session:
    """Return the session without files whose draft, or whose answer, is there no more."""
    if not session.files:
        return session
    said = {name: draft.answers.handles() for name, draft in session.drafts.items()}
    files = {
        handle: one
        for handle, one in session.files.items()
        if one.flow in said and (handle in said[one.flow] or not one.answers)
    }
    return session if len(files) == len(session.files) else replace(session, files=files)


# A place on the map


def take_point(scene: Scene, heard: Heard) -> Step | None:
    """Take a place on the map where a place is asked for; None where none is."""
    stop, session = scene.stop, scene.session
    asked = stop is not None and isinstance(stop.question, Place) and session.asked is not None
    if stop is None or not asked or session.view or heard.unseen or heard.point is None:
        return None
    words = heard.text[: stop.question.most] if isinstance(stop.question, Place) else ""
    return engine.store(scene, stop, PlaceName("", words, heard.point), words, (ON_THE_MAP,))
