"""One long text as the parts of a thread."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from x_provider.text.entities import url_spans
from x_provider.text.length import MAX_WEIGHTED_LENGTH, emoji_spans, weighted_length
from x_provider.text.patterns import pattern

Numbering = Literal["1/3"]
"""How parts are numbered: with their number and how many there are, at their end."""

# What a cut costs, and what a part: cutting between words costs more than another part does.
_PARAGRAPH, _LINE, _SENTENCE, _WORD, _INSIDE = 0, 30, 60, 160, 600
_PART, _SLACK = 20, 60
_PIECES = 8
"""Into how many pieces, a part, a word without any border in it is divided before it is put together again."""

_SHORTEST_LINK = 4

_SPACE = re.compile(r"[^\S\u00a0\u2007\u202f]+")  # all but the no-break spaces
# What points onward belongs to what it points at; ©, ™ and their like are letters to those who write them.
_EMOJI = r"(?:(?![©®™‼⁉ℹ👉➡▶⏩⏭])(?=[\p{Extended_Pictographic}\p{RI}])\X)"
_HASHTAG = r"(?:[#＃](?=[\p{Nd}_]*+[\p{L}\p{M}])[\p{L}\p{M}\p{Nd}_]++)"
_MARK = r"[.!?…。！？｡]"
_CLOSING = r"[\p{Pe}\p{Pf}\"']"
_SENTENCE_END = rf"({_MARK}+{_CLOSING}*)(?:{_EMOJI}|{_HASHTAG})*$"
_FULL_WIDTH_END = rf"[。！？｡]++{_CLOSING}*+{_EMOJI}*+(?!{_HASHTAG})"
_DECORATION = rf"(?:{_EMOJI}|{_HASHTAG})++{_MARK}*+{_CLOSING}*+"
"""A word that ends a sentence as a full stop does, or stands behind one: emoji and hashtags."""
_ENDS_WITHIN = 64
"""So many characters of a word's end are looked at for the end of a sentence."""
_NO_SENTENCE_END = (
    r"(?:^|[\p{Ps}\p{Pi}\"'])(?:\p{L}|\d+|(?:\p{L}\.)+\p{L}|dr|mr|mrs|ms|prof|st|nr|no|vs|bzw|ca|approx)\.$"
)
_LINE_BREAK = re.compile(r"\r\n?|[\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_CLUSTER = r"\X"


class SplittingError(ValueError):
    """A text cannot be split, because something in it must stay whole and is longer than a part."""


def split(text: str, *, limit: int = MAX_WEIGHTED_LENGTH, numbering: Numbering | None = None) -> list[str]:
    """Split a text into parts that X takes, at paragraphs, else sentences, else words, in even lengths.

    A link as X sees it, an emoji and a grapheme cluster are never cut; a word is, where it is longer than a
    part. Without numbering the parts are stretches of the text in their order, with nothing but white space
    between them, before the first and after the last. A text that fits is one part and has no number.

    :param limit: the longest a part may be as X counts it, its number included.
    :raises SplittingError: when a grapheme cluster alone is longer, or the limit leaves no room for a link.
    """
    length = weighted_length(text.strip())
    if length <= limit:
        return [text.strip()] if length else []
    digits = len(str(length // max(limit, 1)))
    while True:
        room = limit - (2 * digits + 2 if numbering else 0)
        parts = _parts(text, room)
        if numbering is None:
            return parts
        if len(str(len(parts))) <= digits:
            return [f"{part} {number}/{len(parts)}" for number, part in enumerate(parts, start=1)]
        digits += 1


@dataclass(frozen=True)
class _Piece:
    """A stretch of the text that is not cut again: its weighted length, and what a cut after it costs."""

    start: int
    end: int
    weight: int
    cost: int


def _parts(text: str, limit: int) -> list[str]:
    borders = _borders(text)
    room = limit
    # Where a word is cut, its rest can be a link that the whole word was not: then less room finds other cuts.
    while room >= max(limit // 8, 1):
        pieces = list(_pieces(text, room, borders))
        if any(piece.weight > limit for piece in pieces):
            raise SplittingError(f"something that cannot be cut is longer than a part's {limit} characters")
        parts = [text[start:end] for start, end in _cuts(pieces, text, room)]
        if all(weighted_length(part) <= limit for part in parts):
            return parts
        room = room * 3 // 4
    raise SplittingError(f"no parts of {limit} characters can be made of the text")


def _borders(text: str) -> set[int]:
    """Where a cut goes through no grapheme cluster, link or emoji."""
    borders = {cluster.end() for cluster in pattern(_CLUSTER).finditer(text)} | {0}
    for start, end in (*url_spans(text), *emoji_spans(text)):
        borders.difference_update(range(start + 1, end))
    return borders


def _cuts(pieces: list[_Piece], text: str, limit: int) -> list[tuple[int, int]]:
    """Where the parts begin and end: of all ways to put the pieces together, the cheapest.

    A part costs the more the emptier it is, squared, so that two half full ones are better than a full one
    with a rest. A piece that is longer than a part is one alone.
    """
    begins, ends = _positions(pieces, text)
    slack_cost = _SLACK / limit**2
    cheapest = [0.0]
    firsts = [0]
    for last, piece in enumerate(pieces):
        best, first = cheapest[last], last
        begin_of_full = ends[last] - limit
        if begins[last] >= begin_of_full:
            best = float("inf")
        for begin in range(last, -1, -1):
            slack = begins[begin] - begin_of_full
            if slack < 0:
                break
            cost = cheapest[begin] + slack * slack * slack_cost
            if cost < best:
                best, first = cost, begin
        cheapest.append(best + _PART + piece.cost)
        firsts.append(first)
    cuts = []
    behind = len(pieces)
    while behind:
        cuts.append((pieces[firsts[behind]].start, pieces[behind - 1].end))
        behind = firsts[behind]
    return cuts[::-1]


def _positions(pieces: list[_Piece], text: str) -> tuple[list[int], list[int]]:
    """Where each piece begins and ends, in weighted characters from the text's beginning."""
    begins: list[int] = []
    ends: list[int] = []
    for before, piece in zip([None, *pieces], pieces, strict=False):
        gap = weighted_length(text[before.end : piece.start]) if before else 0
        begins.append((ends[-1] if ends else 0) + gap)
        ends.append(begins[-1] + piece.weight)
    return begins, ends


def _pieces(text: str, limit: int, borders: set[int]) -> Iterator[_Piece]:
    words = list(_words(text, borders))
    for (start, end, _), cost in zip(words, _costs(text, words), strict=True):
        for first, last, inner in _within_word(text, start, end, limit, borders):
            weight = weighted_length(text[first:last])
            yield _Piece(first, last, weight, cost if last == end else inner)


def _words(text: str, borders: set[int]) -> Iterator[tuple[int, int, int]]:
    """Where each word begins and ends, and where the next one begins."""
    begin = 0
    for space in _SPACE.finditer(text):
        start, end = space.span()
        # A space may belong to a cluster: with an accent of its own, say.
        while start < end and start not in borders:
            start += 1
        while start < end and end not in borders:
            end -= 1
        if start < end:
            if begin < start:
                yield begin, start, end
            begin = end
    if begin < len(text):
        yield begin, len(text), len(text)


def _costs(text: str, words: list[tuple[int, int, int]]) -> Iterator[int]:
    """What a cut after each word costs. Emoji and hashtags right after a sentence's end belong to it."""
    has_ended = False
    for index, (start, end, following) in enumerate(words):
        word = text[start:end]
        has_ended = _ends_sentence(word) or (has_ended and _is_decoration(word))
        if breaks := len(_LINE_BREAK.findall(text, end, following)):
            yield _LINE if breaks == 1 and "\u2029" not in text[end:following] else _PARAGRAPH
            has_ended = False
        elif has_ended and not text[following : following + 1].islower():
            yield _WORD if _decorates(text, words, index + 1) else _SENTENCE
        else:
            yield _WORD


def _ends_sentence(word: str) -> bool:
    tail = word[-_ENDS_WITHIN:]
    end = pattern(_SENTENCE_END).search(tail)
    return bool(end) and not pattern(_NO_SENTENCE_END, ignore_case=True).search(tail[: end.end(1)])


def _decorates(text: str, words: list[tuple[int, int, int]], index: int) -> bool:
    """Whether a word after a sentence's end belongs to that sentence and does not begin the next one."""
    if index == len(words):
        return False
    start, end, following = words[index]
    if not _is_decoration(text[start:end]):
        return False
    # "#stargazing is fun" goes on: there the hashtag is the next sentence's first word.
    goes_on = text[following : following + 1].islower() and not _LINE_BREAK.search(text, end, following)
    return not (goes_on and text[start] in "#＃")


def _is_decoration(word: str) -> bool:
    # No other character begins one: most words need no look at their clusters.
    may_be = word[:1] in ("#", "＃") or word[:1] > "\u203b"
    return may_be and bool(pattern(_DECORATION).fullmatch(word))


def _within_word(
    text: str, start: int, end: int, limit: int, borders: set[int]
) -> Iterator[tuple[int, int, int]]:
    """A word's pieces, and what a cut after each costs: usually the whole word is one."""
    ends = [end.end() for end in pattern(_FULL_WIDTH_END).finditer(text, start, end) if end.end() in borders]
    for stop in [*(stop for stop in ends if stop < end), end]:
        if weighted_length(text[start:stop]) > limit:
            for last in _chopped(text, start, stop, max(limit // _PIECES, 1), borders):
                yield start, last, _INSIDE
                start = last
        yield start, stop, _SENTENCE
        start = stop


def _chopped(text: str, start: int, end: int, size: int, borders: set[int]) -> Iterator[int]:
    """Where a word that is longer than a part can be cut, about every ``size`` characters, short of its end."""
    weight = 0
    for position in range(start + 1, end):
        weight += weighted_length(text[position - 1])
        # What a link begins with is no part of what stands before it: it may need a part for itself.
        begins_link = not borders.intersection(range(position + 1, min(position + _SHORTEST_LINK, end)))
        if position in borders and (weight >= size or begins_link):
            yield position
            weight = 0
