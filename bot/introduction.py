"""How the service introduces itself in a provider's app: commands and short descriptions.

Telephones are searched at checkpoints. So all of it is neutral: it names no disappearance, no
prison and no organisation. Every command is a word the engine understands when it is typed.
"""

from __future__ import annotations

from bot.languages import speak
from flows.text import LANGUAGES, Words, _

COMMANDS: tuple[tuple[str, Words], ...] = (
    ("menu", _("What is possible here")),
    ("pause", _("Pause and come back later")),
    ("person", _("Talk to a person")),
    ("language", _("العربية / English")),
    ("clear", _("Clear this chat")),
    ("help", _("Help")),
)

# Translators: shown on the bot's page in the app. Phones are searched: keep it neutral.
DESCRIPTION = _("We listen and write down, in Arabic or English, free of charge, at your pace.")
# Translators: shown under the bot's name in the app. Keep it neutral.
SHORT_DESCRIPTION = _("In Arabic or English, free of charge.")


def commands() -> dict[str, list[tuple[str, str]]]:
    """Return the commands with what they do, by language."""
    return {
        language: [(name, speak(words, language)) for name, words in COMMANDS]
        for language in LANGUAGES
    }


def descriptions(words: Words) -> dict[str, str]:
    """Return ``words`` by language."""
    return {language: speak(words, language) for language in LANGUAGES}
