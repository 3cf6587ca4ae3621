"""What the page itself says, beside the conversation: labels, hints and kind notes.

The hallway translates these with the same catalogues as everything else and hands the result to
`WebChat` as ``strings``. `_` only marks a sentence for extraction; the English sentence is the
catalogue key. `ARABIC` is what the page falls back to when a catalogue lacks a sentence, so that
an Arabic page never turns half English.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Strings = Mapping[str, Mapping[str, str]]
"""Language ("ar", "en") to key to sentence."""


def _(text: str) -> str:
    """Mark a sentence for the catalogues."""
    return text


PAGE_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        # Translators: the name of the service, as families know it.
        "name": _("Athar"),
        # Translators: the line under the name: this page is not the public service.
        "place": _("Local chat for training and demonstration"),
        # Translators: spoken by screen readers: the button that changes the page's language.
        "language": _("Change the language"),
        # Translators: a link in the head of the page, to the page one came from.
        "back": _("Back"),
        "new_talk": _("New conversation"),
        "new_talk_question": _("Begin a new conversation?"),
        "new_talk_help": _(
            "This conversation leaves the screen and cannot be opened here again. "
            "What has been kept stays kept."
        ),
        "new_talk_yes": _("Begin a new one"),
        "new_talk_no": _("Stay here"),
        # Translators: shown before the first message, above the button "Start".
        "welcome": _("You can write in your own words or use the buttons, in Arabic or English."),
        "privacy": _("Nothing is stored in this browser but the mark that finds this talk again."),
        "start": _("Start"),
        "go_on": _("Continue the conversation"),
        # Translators: label of the list of messages, for screen readers.
        "log": _("Messages"),
        # Translators: label of the buttons under a question, for screen readers.
        "answers": _("Answers"),
        # Translators: who wrote a message, for screen readers: the person at the keyboard.
        "you": _("You"),
        # Translators: for screen readers, before the label of a button that was pressed.
        "chosen": _("You chose"),
        "message": _("Your message"),
        # Translators: grey words in the empty field for typing.
        "write": _("Write here"),
        "send": _("Send"),
        "sending": _("Being sent"),
        # Translators: beside a message that is safely stored.
        "kept": _("Kept"),
        "not_kept": _("Not kept yet. Your words are still here."),
        # Translators: too much came at once, or the service has no room for the moment.
        "not_now": _(
            "Nothing more can be kept here at this moment. Your words are still here: please send "
            "them again in a few minutes."
        ),
        "again": _("Send again"),
        "too_long": _("This message is very long. Please send it in two or more parts."),
        "interrupted": _("The connection is interrupted. It comes back by itself."),
        "new_messages": _("New messages"),
        # Translators: spoken by screen readers: the button that sends a picture or a paper.
        "attach": _("Send a picture, a recording or a paper"),
        # Translators: stands in the place of a file that was sent; what it was is not shown.
        "file_sent": _("A file was sent."),
        "file_sending": _("The file is on its way…"),
        "file_too_large": _("This file is larger than 20 MB and cannot be kept here."),
        "file_empty": _("There is nothing in this file."),
        "file_later": _("No file can be kept here at this moment. Please send it again later."),
    }
)

# Proposals for native review.
ARABIC: Mapping[str, str] = MappingProxyType(
    {
        "name": "أثر",
        "place": "محادثة محلية للتدريب والعرض",
        "language": "تغيير اللغة",
        "back": "رجوع",
        "new_talk": "محادثة جديدة",
        "new_talk_question": "بدء محادثة جديدة؟",
        "new_talk_help": (
            "تُرفع هذه المحادثة عن الشاشة ولا يمكن فتحها هنا من جديد. ما تم حفظه يبقى محفوظًا."
        ),
        "new_talk_yes": "بدء محادثة جديدة",
        "new_talk_no": "البقاء هنا",
        "welcome": "يمكنكم الكتابة بكلماتكم أو استخدام الأزرار، بالعربية أو بالإنكليزية.",
        "privacy": "لا يُحفظ شيء في هذا المتصفح سوى العلامة التي تعيدكم إلى هذه المحادثة.",
        "start": "البدء",
        "go_on": "متابعة المحادثة",
        "log": "الرسائل",
        "answers": "الإجابات",
        "you": "أنتم",
        "chosen": "اخترتم",
        "message": "رسالتكم",
        "write": "الكتابة هنا",
        "send": "إرسال",
        "sending": "قيد الإرسال",
        "kept": "محفوظة",
        "not_kept": "لم تُحفظ بعد. كلماتكم ما زالت هنا.",
        "not_now": (
            "لا يمكن حفظ المزيد هنا في هذه اللحظة. كلماتكم ما زالت هنا: "
            "يُرجى إعادة إرسالها بعد دقائق قليلة."
        ),
        "again": "إعادة الإرسال",
        "too_long": "هذه الرسالة طويلة جدًا. يُرجى إرسالها على جزأين أو أكثر.",
        "interrupted": "انقطع الاتصال. سيعود من تلقاء نفسه.",
        "new_messages": "رسائل جديدة",
        "attach": "إرسال صورة أو تسجيل أو ورقة",
        "file_sent": "أُرسل ملف.",
        "file_sending": "الملف قيد الإرسال…",
        "file_too_large": "هذا الملف أكبر من 20 ميغابايت ولا يمكن حفظه هنا.",
        "file_empty": "هذا الملف فارغ.",
        "file_later": "لا يمكن حفظ أي ملف هنا في هذه اللحظة. يُرجى إعادة إرساله لاحقاً.",
    }
)


def complete(strings: Strings | None) -> dict[str, dict[str, str]]:
    """Return every sentence in both languages; what ``strings`` lacks comes from this module."""
    given = strings or {}
    return {
        "ar": {**ARABIC, **given.get("ar", {})},
        "en": {**PAGE_TEXTS, **given.get("en", {})},
    }
