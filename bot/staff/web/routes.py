"""The table of routes: every way into the console, in one place.

Each row says the method, the path, who answers, and which act of `permissions` it is; an empty act
is open to everybody. A test holds this table against every role and against one's own, somebody
else's and a missing thing; a row it does not know fails it.
"""

from __future__ import annotations

from typing import Final

from bot.staff.web import (
    broadcast_pages,
    case_page,
    contact_pages,
    entrance,
    file_pages,
    follow_up_pages,
    house_pages,
    leaving_pages,
    rehearsal,
    search_pages,
    set_pages,
    worklist,
)
from bot.staff.web.console import Entry

_CASE: Final = "/cases/{handle}"
_FILE: Final = "/cases/{handle}/files/{file}"
_SET: Final = "/question-sets"
_BROADCAST: Final = "/broadcasts/{handle}"

ROUTES: Final[tuple[Entry, ...]] = (
    # the door
    Entry("GET", "/assets/{name}", entrance.asset, ""),
    Entry("GET", "/sign-in", entrance.show_door, ""),
    Entry("POST", "/sign-in", entrance.sign_in, ""),
    Entry("POST", "/enter", entrance.enter, ""),
    # oneself
    Entry("GET", "/", entrance.begin, "own.profile"),
    Entry("GET", "/stay", entrance.stay, "own.profile"),
    Entry("POST", "/sign-out", entrance.sign_out, "own.profile"),
    Entry("GET", "/profile", entrance.show_profile, "own.profile"),
    Entry("POST", "/profile/language", entrance.change_language, "own.profile"),
    Entry("POST", "/profile/link", entrance.link_bot, "own.profile"),
    Entry("POST", "/profile/unlink", entrance.unlink_bot, "own.profile"),
    # lists
    Entry("GET", "/cases", worklist.show_worklist, "case.list"),
    Entry("POST", "/cases/find", worklist.find_code, "case.list"),
    Entry("GET", "/tasks", worklist.show_tasks, "task.done"),
    Entry("POST", "/tasks/{number}/done", worklist.finish_task, "task.done"),
    Entry("GET", "/find", search_pages.show_search, "case.search"),
    Entry("POST", "/find", search_pages.find, "case.search"),
    Entry("GET", "/find/progress", search_pages.progress, "case.search", quiet=True),
    Entry("GET", "/find/comparing", search_pages.comparing, "case.search", quiet=True),
    # one case
    Entry("GET", _CASE, case_page.show_case, "case.read"),
    Entry("POST", f"{_CASE}/take", worklist.take, "case.take"),
    Entry("POST", f"{_CASE}/assign", case_page.assign, "case.assign"),
    Entry("POST", f"{_CASE}/association", case_page.associate, "case.assign"),
    Entry("POST", f"{_CASE}/next-word", case_page.promise_word, "update.tell"),
    Entry("POST", f"{_CASE}/notes", case_page.add_note, "case.note"),
    Entry("POST", f"{_CASE}/work", case_page.move_work, "case.move_work"),
    Entry("POST", f"{_CASE}/confidence", case_page.move_confidence, "case.move_confidence"),
    Entry("POST", f"{_CASE}/fate", case_page.move_fate, "case.propose_fate"),
    Entry("POST", f"{_CASE}/fate/{{entry}}/approve", case_page.approve_fate, "case.move_fate"),
    Entry("POST", f"{_CASE}/fate/{{entry}}/refuse", case_page.refuse_fate, "case.propose_fate"),
    # leaving: the family's own copy, and an erasure brought forward
    Entry("GET", f"{_CASE}/copy", leaving_pages.show_copy, "case.copy"),
    Entry("POST", f"{_CASE}/copy", leaving_pages.prepare, "case.copy"),
    Entry("POST", f"{_CASE}/copy/approve", leaving_pages.approve, "case.copy"),
    Entry("POST", f"{_CASE}/copy/refuse", leaving_pages.refuse, "case.copy"),
    Entry("GET", f"{_CASE}/copy/text", leaving_pages.download, "case.copy"),
    Entry("POST", f"{_CASE}/erase-now", leaving_pages.erase_now, "case.erase"),
    Entry("GET", f"{_FILE}/picture", file_pages.show_picture, "attachment.open", quiet=True),
    Entry("GET", f"{_FILE}/sound", file_pages.play_sound, "attachment.open", quiet=True),
    Entry("GET", f"{_FILE}/download", file_pages.download, "attachment.open"),
    Entry("POST", f"{_FILE}/transcript", file_pages.transcribe, "attachment.transcribe"),
    Entry("GET", f"{_CASE}/matching", search_pages.show_matching, "case.match"),
    # to one family
    Entry("GET", f"{_CASE}/update", case_page.show_update, "update.tell"),
    Entry("POST", f"{_CASE}/update", case_page.tell_update, "update.tell"),
    Entry("GET", f"{_CASE}/follow-up", follow_up_pages.show_plan, "follow_up.plan"),
    Entry("POST", f"{_CASE}/follow-up", follow_up_pages.plan, "follow_up.plan"),
    Entry("POST", f"{_CASE}/follow-up/preview", follow_up_pages.preview, "follow_up.plan"),
    Entry("POST", "/follow-ups/{handle}/withdraw", follow_up_pages.withdraw, "follow_up.withdraw"),
    # whose accounts these are, and whether it is us
    Entry("POST", f"{_CASE}/contacts/{{claim}}/confirm", contact_pages.confirm, "contact.confirm"),
    Entry("POST", f"{_CASE}/contacts/{{claim}}/refuse", contact_pages.refuse, "contact.confirm"),
    Entry("GET", "/locks", contact_pages.show_locks, "contact.list"),
    Entry("POST", "/locks/{handle}/restore", contact_pages.restore, "contact.restore"),
    Entry("POST", "/locks/{handle}/stand", contact_pages.let_stand, "contact.restore"),
    Entry("GET", "/numbers", contact_pages.show_numbers, "number.show"),
    Entry("POST", "/numbers", contact_pages.show_number, "number.show"),
    # question sets
    Entry("GET", _SET, set_pages.show_sets, "question_set.write"),
    Entry("GET", f"{_SET}/new", set_pages.new_set, "question_set.write"),
    Entry("POST", f"{_SET}/edit", set_pages.change_set, "question_set.write"),
    Entry("GET", f"{_SET}/tried", set_pages.edit_tried, "question_set.write"),
    Entry("POST", f"{_SET}/try", set_pages.try_set, "question_set.write"),
    Entry("GET", f"{_SET}/{{handle}}", set_pages.edit_set, "question_set.write"),
    Entry("POST", f"{_SET}/{{handle}}/retire", set_pages.retire_set, "question_set.write"),
    # a set tried in the web chat's own page
    Entry("GET", "/rehearsal/", rehearsal.show, "question_set.write"),
    Entry("GET", "/rehearsal/assets/{name}", rehearsal.show, ""),
    Entry("POST", "/rehearsal/open", rehearsal.show, "question_set.write", quiet=True, form=False),
    Entry("POST", "/rehearsal/say", rehearsal.show, "question_set.write", form=False),
    Entry("POST", rehearsal.FILES, rehearsal.show, "question_set.write", form=False),
    Entry("GET", "/rehearsal/events", rehearsal.show, "question_set.write", quiet=True),
    # to many
    Entry("GET", "/broadcasts", broadcast_pages.show_broadcasts, "broadcast.read"),
    Entry("GET", "/broadcasts/new", broadcast_pages.new_broadcast, "broadcast.draft"),
    Entry("POST", "/broadcasts/new", broadcast_pages.keep_draft, "broadcast.draft"),
    Entry("GET", _BROADCAST, broadcast_pages.show_broadcast, "broadcast.read"),
    Entry("GET", f"{_BROADCAST}/edit", broadcast_pages.edit_broadcast, "broadcast.draft"),
    Entry("POST", f"{_BROADCAST}/edit", broadcast_pages.keep_draft, "broadcast.draft"),
    Entry("GET", f"{_BROADCAST}/progress", broadcast_pages.progress, "broadcast.read", quiet=True),
    Entry("GET", f"{_BROADCAST}/report", broadcast_pages.report, "broadcast.report"),
    Entry("POST", f"{_BROADCAST}/submit", broadcast_pages.submit, "broadcast.draft"),
    Entry("POST", f"{_BROADCAST}/take-back", broadcast_pages.take_back, "broadcast.draft"),
    Entry("POST", f"{_BROADCAST}/approve", broadcast_pages.approve, "broadcast.approve"),
    Entry("POST", f"{_BROADCAST}/pause", broadcast_pages.pause, "broadcast.steer"),
    Entry("POST", f"{_BROADCAST}/resume", broadcast_pages.resume, "broadcast.steer"),
    Entry("POST", f"{_BROADCAST}/cancel", broadcast_pages.cancel, "broadcast.steer"),
    # the house
    Entry("GET", "/statistics", house_pages.show_statistics, "statistics.read"),
    Entry("GET", "/book", house_pages.show_book, "own.profile"),
    Entry("GET", "/book/{name}", house_pages.show_flow, "own.profile"),
    Entry("GET", "/audit", house_pages.show_audit, "audit.read"),
    Entry("POST", "/audit/verify", house_pages.verify_audit, "audit.read"),
    Entry("GET", "/staff", house_pages.show_staff, "staff.list"),
    Entry("POST", "/staff/{handle}/lift", house_pages.lift, "staff.lift"),
    Entry("POST", "/staff/{handle}/end-sessions", house_pages.end_sessions, "staff.manage"),
)
