"""The parts of one entry: one, a thread, one long text as a thread; and what comes after them."""

from __future__ import annotations

from collections.abc import Sequence

from pendulum import duration

from x_provider.calendar.fields import Fields
from x_provider.calendar.model import FollowUpSpec, PartSpec
from x_provider.calendar.parts import ONLY_FIRST, PART_FIELDS, PartReader
from x_provider.calendar.plans import check_cashtags
from x_provider.text import SplittingError, split, weighted_length

SEQUEL_FIELDS = ("thread", "split", "first_comment", "follow_ups")
MAX_PARTS = 100
MAX_FOLLOW_UPS = 10
_SPLITS = ("true", "numbered", "false")
_OF_EVERY_PART = ("paid_partnership", "for_super_followers_only", "nullcast")
_LONGEST_PAUSE = 7 * 86_400
_SHORTEST_WAIT, _LONGEST_WAIT = 60, 30 * 86_400
FOLLOW_UP_ACTS = ("repost", "undo_repost", "delete")
_ALONE = {
    "undo_repost": "takes the repost back and does nothing else",
    "delete": "takes the post down, and nothing can be done with it then",
}


def read_parts(fields: Fields, reader: PartReader) -> list[PartSpec]:
    """Read what an entry posts, in its order; what is wrong with it goes to the fields' report."""
    parts = _thread(fields, reader) if fields.node("thread") is not None else _text_parts(fields, reader)
    comment = _first_comment(fields, reader)
    if reader.links.moved and parts:
        comment = _with_links(fields, reader, comment, parts[0])
    if comment is not None:
        parts.append(comment)
    if len(parts) > 1 and any(part.nullcast for part in parts):
        fields.warning(
            "thread" if fields.has("thread") else "nullcast",
            "a promoted-only post is on no timeline: hardly anybody sees what answers it",
        )
    return parts


def read_follow_ups(fields: Fields, reader: PartReader, parts: Sequence[PartSpec]) -> list[FollowUpSpec]:
    """Read ``follow_ups``: what happens once the post has found its likes, or some time after it.

    :param parts: what the entry posts.
    """
    nodes = fields.sequence("follow_ups") or []
    if len(nodes) > MAX_FOLLOW_UPS:
        fields.error("follow_ups", f"has {len(nodes)}; an entry takes {MAX_FOLLOW_UPS}")
        return []
    known = ("likes", "within", "after", *FOLLOW_UP_ACTS, *PART_FIELDS)
    items = [fields.item("follow_ups", index, node, known=known) for index, node in enumerate(nodes)]
    read = [(item, _follow_up(item, reader)) for item in items if item is not None]
    found = [(item, follow_up) for item, follow_up in read if follow_up is not None]
    _doubt_order(found, parts)
    return [follow_up for _, follow_up in found]


def _text_parts(fields: Fields, reader: PartReader) -> list[PartSpec]:
    mode = fields.choice("split", _SPLITS)
    if mode not in ("true", "numbered"):
        return [reader.read(fields, place="first")]
    part = reader.read(fields, place="first", is_split=True)
    try:
        texts = split(part.text, numbering="1/3" if mode == "numbered" else None)
    except SplittingError as error:
        fields.error("text", f"cannot be split: {error}", "Write it as a thread")
        return []
    if len(texts) > MAX_PARTS:
        fields.error("text", f"makes {len(texts)} parts; a thread takes {MAX_PARTS}", "Shorten it")
        return []
    for text in texts:
        check_cashtags(fields, text, reader.rights)
    held = {name: getattr(part, name) for name in _OF_EVERY_PART}
    first, *others = texts or [""]
    return [part.model_copy(update={"text": first}), *(PartSpec(text=text, **held) for text in others)]


def _thread(fields: Fields, reader: PartReader) -> list[PartSpec]:
    for beside in (*PART_FIELDS, "split"):
        if fields.has(beside):
            message = f"stands beside thread: a post is either one {beside} or a thread"
            fields.error(beside, message, f"Move {beside} into one of the thread's parts")
            break
    nodes = fields.sequence("thread") or []
    if not 1 <= len(nodes) <= MAX_PARTS:
        fields.error("thread", f"has {len(nodes)} parts; it takes 1 to {MAX_PARTS}")
        return []
    parts = []
    for index, node in enumerate(nodes):
        part = fields.item("thread", index, node, known=(*PART_FIELDS, "after"))
        if part is None:
            continue
        if index:
            _refuse_only_first(
                part, "only a thread's first part may have it; the others answer the part before"
            )
        if not index and part.has("after"):
            part.error("after", "a thread's first part is due at the entry's at", "Change at instead")
        read = reader.read(part, place="later" if index else "first")
        parts.append(read.model_copy(update={"after_seconds": _after(part)}))
    return parts


def _first_comment(fields: Fields, reader: PartReader) -> PartSpec | None:
    comment = fields.mapping("first_comment", known=(*PART_FIELDS, "after"))
    if comment is None:
        return None
    _refuse_only_first(comment, "only the post itself may have it; its comment answers the post")
    read = reader.read(comment, place="comment")
    return read.model_copy(update={"after_seconds": _after(comment)})


def _refuse_only_first(part: Fields, message: str) -> None:
    for name in (name for name in ONLY_FIRST if part.has(name)):
        part.error(name, message, "Take it out")


def _after(fields: Fields) -> int:
    seconds = fields.duration("after") or 0
    if seconds > _LONGEST_PAUSE:
        fields.error("after", "is longer than 7 days", "Make it a post of its own, with reply_to")
    return seconds


def _with_links(fields: Fields, reader: PartReader, comment: PartSpec | None, first: PartSpec) -> PartSpec:
    """The comment with the links that were moved out of the texts, or a new one for them."""
    links = "\n".join(reader.links.moved)
    if comment is None:
        comment = PartSpec(**{name: getattr(first, name) for name in _OF_EVERY_PART})
    text = f"{comment.text}\n{links}" if comment.text else links
    length = weighted_length(text)
    if length > reader.limit:
        name = "first_comment" if fields.has("first_comment") else "links"
        message = f"the reply with the links would have {length:,} of at most {reader.limit:,} characters"
        fields.error(name, message, "Write links: keep, or leave links out")
    return comment.model_copy(update={"text": text})


def _follow_up(item: Fields, reader: PartReader) -> FollowUpSpec | None:
    likes, within, after = _when(item)
    acts = [name for name in FOLLOW_UP_ACTS if item.flag(name)]
    _refuse_only_first(item, "only the post itself may have it; what follows answers the post")
    answers = any(item.has(name) for name in PART_FIELDS)
    if not acts and not answers:
        item.error("repost", "is missing, and so is text: nothing would happen", "Add repost: true, or text")
    for name in (name for name in acts if name in _ALONE):
        if len(acts) > 1 or answers:
            item.error(name, _ALONE[name], "Make it a follow-up of its own")
        if not item.has("after"):
            hint = "Write for example after: 3 days, instead of likes and within"
            item.error(name, "needs a time: likes do not bring it about", hint)
    part = reader.read(item, place="comment") if answers else None
    if after is None and (likes is None or within is None):
        return None
    return FollowUpSpec(
        likes=likes,
        within_seconds=within,
        part=part,
        after_seconds=after,
        **dict.fromkeys(acts, True),
    )


def _when(item: Fields) -> tuple[int | None, int | None, int | None]:
    """``likes`` and ``within``, or ``after``."""
    if item.has("after"):
        for name in ("likes", "within"):
            if item.has(name):
                message = "stands beside after: what follows waits for likes or for its time"
                item.error(name, message, "Take one of them out, or make it two follow-ups")
        return None, None, _wait(item, "after")
    if not item.has("likes") and not item.has("within"):
        hint = "Add for example likes: 100 and within: 2 days; or after: 6 h"
        item.error("likes", "is missing, and so is after: it would never happen", hint)
        return None, None, None
    likes = item.number("likes", 1, 1_000_000_000) if item.required("likes", "100") else None
    return likes, _wait(item, "within") if item.required("within", "2 days") else None, None


def _wait(item: Fields, name: str) -> int | None:
    seconds = item.duration(name)
    if seconds is not None and not _SHORTEST_WAIT <= seconds <= _LONGEST_WAIT:
        item.error(name, "must be 1 minute to 30 days", "Write for example 2 days")
        return None
    return seconds


def _doubt_order(found: Sequence[tuple[Fields, FollowUpSpec]], parts: Sequence[PartSpec]) -> None:
    """Warn of what never happens, since the post is gone by then, and of a repost that nobody has made."""
    gone = min((each.after_seconds or 0 for _, each in found if each.delete), default=None)
    reposts = [each.after_seconds or 0 for _, each in found if each.repost]
    was_named = False
    for item, each in found:
        after = each.after_seconds
        if gone is not None and after is not None and (after > gone or (after == gone and not each.delete)):
            message = f"the post is taken down {_words(gone)} after it: this never happens"
            item.warning("after", message, "Make it earlier, or take one of them out")
        if each.undo_repost and not any(earlier < (after or 0) for earlier in reposts):
            message = "no earlier follow-up reposts the post: nothing may be there to take back"
            item.warning("undo_repost", message)
        if each.delete and after == gone and not was_named:
            was_named = True
            _doubt_parts(item, parts, after or 0)


def _doubt_parts(item: Fields, parts: Sequence[PartSpec], gone: int) -> None:
    comes_at = 0
    for position, part in enumerate(parts[1:], start=2):
        comes_at += part.after_seconds
        if comes_at >= gone:
            message = (
                f"the post is taken down {_words(gone)} after it, and part {position} (of a thread, or its first"
                f" comment) comes {_words(comes_at)} after it: it is never sent"
            )
            item.warning("after", message, "Make it later, or that part earlier")
            return


def _words(seconds: int) -> str:
    return duration(seconds=seconds).in_words()
