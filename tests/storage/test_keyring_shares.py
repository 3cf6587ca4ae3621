"""Recovery on paper: any two of three people, and nobody alone; errors in typing are found."""

from __future__ import annotations

import itertools
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import shares
from storage.shares import Share, ShareError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET = bytes(range(100, 132))


def papers() -> list[str]:
    return [share.on_paper() for share in shares.split(SECRET)]


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_every_pair_and_all_three_give_the_secret(secret: bytes) -> None:
    """Proves that any two people are enough, in any order, and three are no harm."""
    typed = [shares.read(share.on_paper()) for share in shares.split(secret)]
    for number in (2, 3):
        for some in itertools.permutations(typed, number):
            assert shares.join(some) == secret


def test_one_share_is_refused() -> None:
    """Proves that nobody recovers alone, nor by bringing the same share twice."""
    for share in shares.split(SECRET):
        for alone in ([], [share], [share, share]):
            with pytest.raises(ShareError) as caught:
                shares.join(alone)
            assert caught.value.trouble == "pair"


def test_one_share_says_nothing_about_the_secret() -> None:
    """Proves that for each share every other secret is as likely: some third part fits it.

    The share ``ab`` of one secret is also the share ``ab`` of any other: c makes the difference.
    """
    first, _, third = shares.split(SECRET)
    for other in (bytes(32), secrets.token_bytes(32)):
        parts = (first.parts[:32], first.parts[32:], other)
        c = bytes(a ^ b ^ s for a, b, s in zip(*parts, strict=True))
        forged = Share(third.set_id, 3, c + first.parts[:32])
        assert shares.join([first, forged]) == other


def test_shares_of_two_sets_do_not_mix() -> None:
    """Proves that papers of last year are not taken for papers of this year."""
    last, this = shares.split(SECRET), shares.split(SECRET)
    with pytest.raises(ShareError, match="not two of one set"):
        shares.join([last[0], this[1]])
    forged = Share(last[0].set_id, this[1].number, this[1].parts)
    with pytest.raises(ShareError, match="not two of one set"):
        shares.join([last[0], forged])


def test_every_wrong_character_is_found_in_its_line() -> None:
    """Proves it for every place and every other character: 5,022 typing errors, all located."""
    lines = papers()[0].splitlines()
    tried = 0
    for number, line in enumerate(lines, start=1):
        for at, character in enumerate(line):
            if at < 3 or character == "-":
                continue
            for wrong in ALPHABET.replace(character, ""):
                typed = [*lines]
                typed[number - 1] = line[:at] + wrong + line[at + 1 :]
                with pytest.raises(ShareError) as caught:
                    shares.read("\n".join(typed))
                assert (caught.value.line, caught.value.trouble) == (number, "check")
                tried += 1
    assert tried == 9 * 18 * 31


def test_every_exchange_of_neighbours_is_found_in_its_line() -> None:
    """Proves it for every two neighbouring characters that differ."""
    lines = papers()[1].splitlines()
    for number, line in enumerate(lines, start=1):
        bare = line[3:].replace("-", "")
        for at in range(len(bare) - 1):
            if bare[at] == bare[at + 1]:
                continue
            typed = [*lines]
            typed[number - 1] = bare[:at] + bare[at + 1] + bare[at] + bare[at + 2 :]
            with pytest.raises(ShareError) as caught:
                shares.read("\n".join(typed))
            assert caught.value.line == number


def test_exchanged_repeated_and_missing_lines_are_found() -> None:
    """Proves that each line knows its place on the paper."""
    lines = papers()[2].splitlines()
    bare = [line[3:] for line in lines]
    with pytest.raises(ShareError) as caught:
        shares.read("\n".join([*bare[:3], bare[4], bare[3], *bare[5:]]))
    assert caught.value.line == 4
    with pytest.raises(ShareError) as caught:
        shares.read("\n".join([*bare[:3], bare[2], *bare[4:]]))
    assert caught.value.line == 4
    for wrong in (bare[:-1], [*bare, bare[-1]], []):
        with pytest.raises(ShareError, match="9 lines"):
            shares.read("\n".join(wrong))


def test_too_long_too_short_and_strange_lines_are_found() -> None:
    """Proves that the sentence says what is wrong, and repeats nothing that was typed."""
    lines = [line[3:] for line in papers()[0].splitlines()]
    for change, trouble in (
        (lines[4][:-1], "length"),
        (lines[4] + "A", "length"),
        (lines[4][:-1] + "U", "character"),
        (lines[4][:-1] + "ش", "character"),
    ):
        with pytest.raises(ShareError) as caught:
            shares.read("\n".join([*lines[:4], change, *lines[5:]]))
        assert (caught.value.line, caught.value.trouble) == (5, trouble)
        assert change not in str(caught.value)


def test_ten_thousand_damaged_papers_are_refused() -> None:
    """Proves that no damage of several characters slips through to a wrong key."""
    paper = papers()[0]
    places = [at for at, character in enumerate(paper) if character in ALPHABET and at % 24 > 2]
    for _ in range(10_000):
        typed = list(paper)
        for at in secrets.SystemRandom().sample(places, 1 + secrets.randbelow(6)):
            typed[at] = secrets.choice(ALPHABET.replace(typed[at], ""))
        try:
            shares.read("".join(typed))
        except ShareError:
            continue
        pytest.fail("a damaged share was taken")


def test_people_may_type_as_people_do() -> None:
    """Proves that case, spaces, hyphens, O and I, Arabic digits and line numbers are forgiven."""
    paper = papers()[0]
    expected = shares.read(paper)
    bare = "\n".join(line[3:] for line in paper.splitlines())
    arabic = bare.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for typed in (
        paper.lower(),
        bare,
        bare.replace("-", ""),
        bare.replace("-", " "),
        bare.replace("-", " – "),
        bare.replace("0", "O").replace("1", "l"),
        arabic,
        "\n\n".join(f"{number}) {line} " for number, line in enumerate(bare.splitlines(), 1)),
        paper.replace("\n", "\r\n") + "\r\n",
    ):
        assert shares.read(typed) == expected


def test_a_share_does_not_show_itself_by_accident() -> None:
    """Proves that the text of a share in a log or traceback holds none of its parts."""
    share = shares.split(SECRET)[0]
    assert "parts" not in repr(share)
    assert share.parts.hex() not in repr(share)
