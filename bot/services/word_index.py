"""The index: which words stand in which cases, and where; in memory, for one session.

Every word that occurs is folded and gets a number. Beside it stand its *postings*: the cases it
occurs in, each with the weight of the place (the person's name weighs more than the story), packed
into one whole number, so that a million of them fit into a few megabytes.

A query is cut into words the same way, and for each of them the *vocabulary* is asked which words
may be meant: the word itself, the word with or without article or with a one-letter preposition in
front, words that sound the same (`spelling.py`, across scripts), words a slip away, and words that
begin so. Each has a likeness; a case's fit for a word is the best likeness times weight it has. A
case must fit all words. So the work depends on the vocabulary and on how often words occur, and no
text is read again but that of the few cases shown.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.services.readable import NAME_KEYS, WEIGHTS, Card, Passage, Readable, file_into
from bot.services.spelling import (
    Parse,
    bare,
    compounds,
    is_arabic,
    is_article,
    is_half,
    likeness,
    name_likeness,
    name_words,
    parsings,
    skeletons,
)
from flows.folding import fold

LONGEST_QUERY = 200
MOST_WORDS = 8
WIDE = 200
"""Most cases of which the whole name is compared, to put them in order."""

_WEIGHT_BITS = 4
_ACCEPTED = 0.55
_SOUND_ALIKE = 0.5
_ATTACHED = 0.85
_BEGUN = 0.55
_PREFIXES = ("و", "ب", "ل", "ف", "ك")
_PREFIXED_ARTICLES = ("وال", "بال", "لل", "فال", "كال")
_MOST_ALIKE = 400


@dataclass(slots=True)
class Held:
    """One case in the index: its passages and card; ``gone`` when it is to be found no more."""

    case: str
    case_id: int
    card: Card
    passages: list[Passage] = field(default_factory=list, repr=False)
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """A case that fits a query: how well, and which words of it were meant."""

    held: Held
    score: float
    meant: frozenset[str] = field(repr=False)


class WordIndex:
    """An index that grows. `add` and `find` are plain functions: call them off the event loop,
    one at a time."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []
        self._postings: list[array[int]] = []
        self._sounds: dict[str, list[int]] = {}
        self._sorted: list[str] = []
        self._cases: list[Held] = []
        self._of_case: dict[int, int] = {}
        self._codes: dict[str, int] = {}
        self._halves: set[int] = set()
        self._pieces: dict[str, tuple[int, ...]] = {}
        # Memories of names: they live no longer than the index does.
        self.parse = lru_cache(maxsize=16_384)(parsings)
        self.cut = lru_cache(maxsize=16_384)(name_words)
        self._label = lru_cache(maxsize=4_096)(self._label_numbers)

    def __len__(self) -> int:
        return len(self._of_case)

    @property
    def vocabulary(self) -> int:
        """How many different words there are."""
        return len(self._words)

    def case(self, case_id: int) -> Held | None:
        """Return a case by its row, if it is here."""
        at = self._of_case.get(case_id)
        return self._cases[at] if at is not None else None

    def cases(self) -> Iterator[Held]:
        """Yield every case that is here."""
        return (self._cases[at] for at in self._of_case.values())

    def by_code(self, code: str) -> Held | None:
        """Return the case with this receipt code, if it is here."""
        at = self._codes.get(code)
        return self._cases[at] if at is not None and not self._cases[at].gone else None

    def add(self, case_id: int, entry: Readable) -> None:
        """Add one entry to its case."""
        at = self._of_case.get(case_id)
        if at is None:
            at = self._of_case[case_id] = len(self._cases)
            self._cases.append(Held(entry.case, case_id, Card()))
        held = self._cases[at]
        held.passages.extend(entry.passages)
        file_into(held.card, entry, self.cut)
        if entry.code:
            self._codes[entry.code] = at
        self._post(at, entry.passages)

    def drop(self, case_id: int) -> None:
        """Let a case not be found any more; its words are cut loose from it."""
        at = self._of_case.pop(case_id, None)
        if at is not None:
            held = self._cases[at]
            self._codes.pop(held.card.code, None)
            held.gone, held.passages, held.card = True, [], Card()

    # ── adding ──

    def _post(self, at: int, passages: Sequence[Passage]) -> None:
        seen: dict[int, set[int]] = {}
        for passage in passages:
            of_weight = seen.setdefault(passage.weight, set())
            if passage.also:
                of_weight |= self._label(passage.text, passage.also)
            else:
                of_weight.update(self._words_of(passage.text))
        postings, base = self._postings, at << _WEIGHT_BITS
        for weight, numbers in seen.items():
            for number in numbers:
                postings[number].append(base | weight)

    def _words_of(self, text: str) -> list[int]:
        """Return the numbers of a text's folded words, compound names among them.

        Folding goes character by character and ends words at every space: so each piece between
        spaces can be folded by itself, and a piece met before need not be folded again.
        """
        known, found = self._pieces, list[int]()
        for piece in text.split():
            numbers = known.get(piece)
            if numbers is None:
                numbers = known[piece] = tuple(self._number(word) for word in fold(piece).split())
            found += numbers
        if not self._halves.isdisjoint(found):
            words = [self._words[number] for number in found]
            found += [self._number(word) for word in compounds(words)[len(words) :]]
        return found

    def _label_numbers(self, *texts: str) -> frozenset[int]:
        return frozenset(number for text in texts for number in self._words_of(text))

    def _number(self, word: str) -> int:
        number = self._numbers.get(word)
        return self._learn(word) if number is None else number

    def _learn(self, word: str) -> int:
        number = self._numbers[word] = len(self._words)
        self._words.append(word)
        self._postings.append(array("Q"))
        if is_half(word):
            self._halves.add(number)
        for sound in skeletons(word):
            self._sounds.setdefault(sound, []).append(number)
        return number

    # ── finding ──

    def find(self, text: str) -> list[Fit]:
        """Return every case that fits all words of ``text``, the best first."""
        words = list(dict.fromkeys(name_words(text[:LONGEST_QUERY])))[:MOST_WORDS]
        if not words:
            return []
        meant = [self._meant(word) for word in words]
        fits = [self._fits(one) for one in meant]
        common = set.intersection(*(set(fit) for fit in fits))
        rare = [math.log(1 + len(self._cases) / (1 + len(fit))) + 0.1 for fit in fits]
        total = sum(rare)
        scores = {
            at: sum(weight * fit[at] for weight, fit in zip(rare, fits, strict=True)) / total
            for at in common
        }
        best = sorted(scores, key=lambda at: (-scores[at], -at))
        known = frozenset(word for one in meant for word in one)
        found = [Fit(self._cases[at], min(scores[at], 1.0), known) for at in best]
        return self._by_whole_name(found[:WIDE], words) + found[WIDE:]

    def _meant(self, word: str) -> dict[str, float]:
        """Return the words of the vocabulary that may be meant by ``word``, with their likeness."""
        found: dict[str, float] = {}
        for other, alike in self._candidates(word):
            if alike >= _ACCEPTED and alike > found.get(other, 0.0):
                found[other] = alike
        if not found:
            found = dict.fromkeys(self._vaguely(word), _SOUND_ALIKE)
        return found

    def _candidates(self, word: str) -> Iterator[tuple[str, float]]:
        numbers, core = self._numbers, bare(word)
        for other in (word, core, "ال" + core):
            if other in numbers:
                yield other, 1.0 if other == word else 0.98
        if word.isdigit():
            return
        if is_arabic(word):
            for other in self._attached(word, core):
                if other in numbers:
                    yield other, _ATTACHED
        for sound in skeletons(word):
            for number in self._sounds.get(sound, ()):
                other = self._words[number]
                yield other, likeness(word, other, self.parse)
        yield from self._slips(word)
        yield from self._begun(word)

    def _attached(self, word: str, core: str) -> Iterator[str]:
        """Yield the word as it stands behind "and", "in" or "to", which Arabic joins to it."""
        if len(core) >= 3:
            yield from (prefix + word for prefix in _PREFIXES)
            yield from (prefix + core for prefix in _PREFIXED_ARTICLES)

    def _slips(self, word: str) -> Iterator[tuple[str, float]]:
        if len(word) < 4:
            return
        most = 2 if len(word) >= 8 else 1
        close = process.extract(
            word, self._words, scorer=OSA.distance, score_cutoff=most, limit=_MOST_ALIKE,
            processor=None,
        )  # fmt: skip
        for other, _slips, _at in close:
            yield other, likeness(word, other, self.parse)

    def _begun(self, word: str) -> Iterator[tuple[str, float]]:
        """Yield words that begin with this one: a name is found while it is still being typed."""
        if len(word) < 3:
            return
        if len(self._sorted) != len(self._words):
            self._sorted = sorted(self._words)
        at = bisect_left(self._sorted, word)
        for other in self._sorted[at : at + _MOST_ALIKE]:
            if not other.startswith(word):
                return
            yield other, _BEGUN + 0.3 * len(word) / len(other)

    def _vaguely(self, word: str) -> Iterator[str]:
        """Yield words whose consonants are one slip away: the last thing that is tried."""
        for sound in skeletons(word):
            if len(sound) >= 4:
                close = process.extract(
                    sound, list(self._sounds), scorer=OSA.distance, score_cutoff=1,
                    limit=_MOST_ALIKE, processor=None,
                )  # fmt: skip
                for other, _slips, _at in close:
                    yield from (self._words[number] for number in self._sounds[other])

    def _fits(self, meant: dict[str, float]) -> dict[int, float]:
        """Return each case that has one of these words, with its best likeness times weight."""
        best: dict[int, float] = {}
        cases, mask = self._cases, (1 << _WEIGHT_BITS) - 1
        for word, alike in meant.items():
            worth = [alike * weight for weight in WEIGHTS]
            for posting in self._postings[self._numbers[word]]:
                at, score = posting >> _WEIGHT_BITS, worth[posting & mask]
                if score > best.get(at, 0.0) and not cases[at].gone:
                    best[at] = score
        return best

    def _by_whole_name(self, found: list[Fit], words: Sequence[str]) -> list[Fit]:
        """Put first whose whole name is what was asked for, of those that fit alike."""
        if len(words) < 2:
            return found
        ranked = [
            Fit(
                fit.held,
                0.75 * fit.score + 0.25 * _named(fit.held.card, words, self.parse),
                fit.meant,
            )
            for fit in found
        ]
        return sorted(ranked, key=lambda fit: -fit.score)


def _named(card: Card, words: Sequence[str], parse: Parse) -> float:
    """Return how well these words are the person's name: given, father's and family name."""
    name = [
        word for key in NAME_KEYS[:3] for given in card.names.get(key, ())[:1] for word in given
    ]
    return name_likeness(words, name, parse)


def marks_in(text: str, meant: frozenset[str]) -> tuple[tuple[int, int], ...]:
    """Return the stretches of ``text`` whose words are among those meant, in order."""
    pieces = [piece for piece in _pieces(text) if piece[2]]
    found: list[tuple[int, int]] = []
    for at, (start, end, word) in enumerate(pieces):
        if word in meant:
            found.append((start, end))
        begun = _compound_from(pieces, at, meant)
        if begun is not None:
            found = [mark for mark in found if mark[1] <= begun]
            found.append((begun, end))
    return tuple(found)


def _compound_from(
    pieces: Sequence[tuple[int, int, str]], at: int, meant: frozenset[str]
) -> int | None:
    """Return where a compound name that ends with piece ``at`` begins, if it is meant."""
    before = at - 1
    while before > 0 and at - before < 2 and is_article(pieces[before][2]):
        before -= 1
    if before >= 0 and pieces[before][2] + pieces[at][2] in meant:
        return pieces[before][0]
    return None


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the words of ``text`` as `fold` sees them, with where they start and end."""
    start = -1
    for at, character in enumerate(text):
        if not _separates(character):
            start = at if start < 0 else start
        elif start >= 0:
            yield start, at, fold(text[start:at])
            start = -1
    if start >= 0:
        yield start, len(text), fold(text[start:])


@lru_cache(maxsize=4096)
def _separates(character: str) -> bool:
    return fold(f"a{character}a") == "a a"
