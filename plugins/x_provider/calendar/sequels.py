"""The parts of one entry: one, a thread, one long text as a thread; and what comes after them."""

from __future__ import annotations

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
_LONGEST_WAIT = 30 * 86_400


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


def read_follow_ups(fields: Fields, reader: PartReader) -> list[FollowUpSpec]:
    """Read ``follow_ups``: what happens once the post has found its likes."""
    nodes = fields.sequence("follow_ups") or []
    if len(nodes) > MAX_FOLLOW_UPS:
        fields.error("follow_ups", f"has {len(nodes)}; an entry takes {MAX_FOLLOW_UPS}")
        return []
    items = (
        fields.item("follow_ups", index, node, known=("likes", "within", "repost", *PART_FIELDS))
        for index, node in enumerate(nodes)
    )
    read = [_follow_up(item, reader) for item in items if item is not None]
    return [follow_up for follow_up in read if follow_up is not None]


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
    likes = item.number("likes", 1, 1_000_000_000) if item.required("likes", "100") else None
    within = item.duration("within") if item.required("within", "2 days") else None
    if within is not None and not 60 <= within <= _LONGEST_WAIT:
        item.error("within", "must be 1 minute to 30 days", "Write for example 2 days")
    repost = item.flag("repost") or False
    _refuse_only_first(item, "only the post itself may have it; what follows answers the post")
    answers = any(item.has(name) for name in PART_FIELDS)
    if not repost and not answers:
        item.error("repost", "is missing, and so is text: nothing would happen", "Add repost: true, or text")
    part = reader.read(item, place="comment") if answers else None
    if likes is None or within is None:
        return None
    return FollowUpSpec(likes=likes, within_seconds=within, repost=repost, part=part)
