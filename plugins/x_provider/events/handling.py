"""What an event means for the ledger: a post of ours that is gone, a reply, a quote, a repost, a mention.

Handling an event twice does no more than handling it once. It touches no account beyond its reach.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pendulum
from pendulum import DateTime

from x_provider.client import Post as PostOnX
from x_provider.client.answers import in_new_vocabulary
from x_provider.events.reach import Reach, UnknownAccountError
from x_provider.ids import created_at
from x_provider.ledger import Engagement, EngagementKind, StoredEvent

HappeningKind = Literal["reply", "quote", "repost", "mention", "deleted", "created"]

_KINDS: Mapping[str, EngagementKind] = {
    "post.reply.create": "reply",
    "post.quote.create": "quote",
    "post.repost.create": "repost",
    "post.mention.create": "mention",
}
_REFERENCES = {"reply": "replied_to", "quote": "quoted", "repost": "retweeted"}
_ID = re.compile(r"[0-9]{1,19}")
_LONGEST_NAME = 50


@dataclass(frozen=True)
class Happening:
    """Something that people may want to act on.

    :param account: the connection it happened to.
    :param x_id: the account's post it happened to; None for a mention.
    :param by_x_id: the post that did it; for ``deleted`` and ``created`` the post that is gone, or new.
    :param is_new: the ledger did not know it yet.
    :param is_planned: for ``created``: whether it is a post of the ledger; None while nobody has looked.
    """

    kind: HappeningKind
    account: str
    x_id: str | None
    by_x_id: str
    by_username: str | None = None
    is_new: bool = True
    is_planned: bool | None = None

    @property
    def url(self) -> str:
        """Where it can be seen on X."""
        return f"https://x.com/{self.by_username or 'i'}/status/{self.by_x_id}"


@dataclass(frozen=True)
class Handled:
    """What came of an event.

    :param why: why there was nothing to do; None where there was.
    :param seen: a new post of the account, which may be one whose outcome nobody knows.
    """

    happenings: tuple[Happening, ...] = ()
    why: str | None = None
    seen: PostOnX | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Post:
    """Somebody's post, as either of X's APIs tells it."""

    id: str
    user_id: str
    username: str | None
    text: str | None = field(repr=False)
    at: DateTime


def handle(event: StoredEvent, reach: Reach, *, now: DateTime, is_met: bool = False) -> Handled:
    """Bring the ledger up to date with one event.

    :param reach: of the webhook that was told.
    :param is_met: whether the webhook's own account is known by now: a post of any other is of no concern then.
    :raises UnknownAccountError: when nobody knows whose account it is about, or that is not of the webhook's app.
    :raises ValueError: when the event is not as X documents it; the message says what is missing.
    """
    told = json.loads(event.body)
    data = told.get("data")
    if isinstance(data, dict):
        return _activity(event, reach, data, now=now, is_met=is_met)
    user_id = str(told.get("for_user_id") or "")
    for status in told.get("tweet_create_events") or ():
        return _created(event, reach, status, user_id)
    for gone in told.get("tweet_delete_events") or ():
        return _deleted(reach, _id(_object(gone.get("status")), "id", "status.id"), now=now)
    return Handled(why=f"nothing here acts on {kind_of(event.body)}")


def kind_of(body: str) -> str:
    """What an event is, by X's name for it."""
    told = json.loads(body)
    if isinstance(data := told.get("data"), dict):
        return str(data.get("event_type"))
    return ", ".join(str(name) for name in told.get("names") or sorted(told) if name != "for_user_id")


def is_billed(event: StoredEvent) -> bool:
    """Whether X bills having told it: the X Activity API's events are, the deprecated Account Activity's are not."""
    return '"event_uuid"' in event.body


def _activity(
    event: StoredEvent, reach: Reach, data: dict[str, Any], *, now: DateTime, is_met: bool
) -> Handled:
    """An event of the X Activity API."""
    event_type = str(data.get("event_type"))
    if event_type == "post.delete":
        return _deleted(reach, _id(_object(data.get("payload")), "id", "payload.id"), now=now)
    if event_type == "post.create":
        return _posted(event, reach, data, is_met=is_met)
    kind = _KINDS.get(event_type)
    if kind is None:
        return Handled(why=f"nothing here acts on {event_type}")
    payload = _object(data.get("payload"))
    post = _post_of(payload, _object(data.get("includes")), event.received_at)
    target = next(
        (
            str(each.get("id"))
            for each in payload.get("referenced_tweets") or payload.get("referenced_posts") or ()
            if each.get("type") == _REFERENCES.get(kind)
        ),
        None,
    )
    user_id = _object(data.get("filter")).get("user_id")
    return _engaged(reach, kind, post, user_id=str(user_id) if user_id else None, target=target)


def _posted(event: StoredEvent, reach: Reach, data: dict[str, Any], *, is_met: bool) -> Handled:
    """A new post of one of our accounts, by us or by hand; X tells anybody's to whoever asks."""
    payload = _object(data.get("payload"))
    post = _post_of(payload, _object(data.get("includes")), event.received_at)
    seen = PostOnX.model_validate(in_new_vocabulary({**payload, "id": post.id, "author_id": post.user_id}))
    if any(reference.type == "retweeted" for reference in seen.referenced_posts):
        return Handled(why=f"the account itself did it: repost {post.id}")
    try:
        account = reach.account_of(post.user_id)
    except UnknownAccountError as error:
        if is_met and error.is_certain:
            return Handled(why=str(error))
        raise
    return Handled((Happening("created", account, None, post.id, post.username),), seen=seen)


def _created(event: StoredEvent, reach: Reach, status: dict[str, Any], user_id: str) -> Handled:
    """A post, as the Account Activity API tells it: what it is to the account follows from its members."""
    user = _object(status.get("user"))
    post = _Post(
        id=_id(status, "id_str", "tweet_create_events[].id_str"),
        user_id=_id(user, "id_str", "tweet_create_events[].user.id_str"),
        username=_name(user.get("screen_name")),
        text=_text(_object(status.get("extended_tweet")).get("full_text") or status.get("text")),
        at=_instant(status.get("timestamp_ms"), str(status.get("id_str")), event.received_at),
    )
    happenings: list[Happening] = []
    for kind, target in _relations(status, user_id):
        handled = _engaged(reach, kind, post, user_id=user_id, target=target)
        happenings += handled.happenings
    return Handled(tuple(happenings), None if happenings else "it is about nobody's post but its author's")


def _relations(status: dict[str, Any], user_id: str) -> Iterator[tuple[EngagementKind, str | None]]:
    repeated = _object(status.get("retweeted_status"))
    if repeated:
        if _object(repeated.get("user")).get("id_str") == user_id:
            yield "repost", repeated.get("id_str")
        return
    is_reply = status.get("in_reply_to_user_id_str") == user_id
    named = _object(status.get("entities")).get("user_mentions") or ()
    is_mention = any(_object(each).get("id_str") == user_id for each in named)
    quoted, by = status.get("quoted_status_id_str"), _object(status.get("quoted_status")).get("user")
    # Without the quoted post nobody says whose it is: where nothing else concerns the account, it is the account's.
    is_quote = _object(by).get("id_str") == user_id if by else not (is_reply or is_mention)
    if is_reply:
        yield "reply", status.get("in_reply_to_status_id_str")
    if quoted and is_quote:
        yield "quote", quoted
    if is_mention:
        yield "mention", None


def _engaged(
    reach: Reach,
    kind: EngagementKind,
    post: _Post,
    *,
    user_id: str | None,
    target: str | None,
) -> Handled:
    if user_id == post.user_id:
        return Handled(why=f"the account itself did it: {kind} {post.id}")
    target = target if target and _ID.fullmatch(target) else None
    account = _account(reach, user_id, target)
    engagement = Engagement(
        kind=kind,
        account=account,
        x_id=target,
        by_x_id=post.id,
        by_user_id=post.user_id,
        by_username=post.username,
        text=post.text,
        at=post.at,
    )
    is_new = reach.ledger.events.engage(engagement)
    happening = Happening(kind, account, target, post.id, post.username, is_new=is_new)
    return Handled((happening,))


def _account(reach: Reach, user_id: str | None, target: str | None) -> str:
    """Whose post it happened to, or else who the user is that the event names."""
    account = reach.ledger.receipts.account_of(target) if target else None
    if account is not None:
        reach.require(account)
        return account
    if user_id is None:
        raise ValueError("its filter names no user, so nobody knows whom it is about; subscribe with user_id")
    return reach.account_of(user_id)


def _deleted(reach: Reach, x_id: str, *, now: DateTime) -> Handled:
    """A post is gone: one of ours, as its receipt says from now on, or somebody's, whose words are forgotten."""
    ledger = reach.ledger
    account = ledger.receipts.account_of(x_id)
    if account is not None:
        reach.require(account)
    is_new = account is not None and ledger.receipts.deleted(x_id, now=now)
    forgetting = [
        each
        for each, author in ledger.events.engaged_by(x_id)
        if account is not None or reach.covers(each) or reach.is_user(author)
    ]
    erased = ledger.events.erase(x_id, accounts=forgetting)
    if account is not None:
        return Handled((Happening("deleted", account, x_id, x_id, is_new=is_new),))
    return Handled(
        why=None if erased else f"the ledger knows nothing of post {x_id} that the app has a say in"
    )


def _post_of(payload: dict[str, Any], includes: dict[str, Any], received_at: DateTime) -> _Post:
    x_id, user_id = _id(payload, "id", "payload.id"), _id(payload, "author_id", "payload.author_id")
    users = (_object(_object(each).get("data")) or _object(each) for each in includes.get("users") or ())
    author = next((user for user in users if str(user.get("id")) == user_id), {})
    long = _object(payload.get("note_tweet") or payload.get("note_post"))
    return _Post(
        id=x_id,
        user_id=user_id,
        username=_name(author.get("username")),
        text=_text(long.get("text") or payload.get("text")),
        at=_instant(None, x_id, received_at),
    )


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _id(holder: dict[str, Any], member: str, name: str) -> str:
    found = str(holder.get(member) or holder.get(member.removesuffix("_str")) or "")
    if not _ID.fullmatch(found):
        raise ValueError(f"its {name} is {found[:40]!r}, no id of X")
    return found


def _name(value: Any) -> str | None:
    return value[:_LONGEST_NAME] if isinstance(value, str) and re.fullmatch(r"\w+", value, re.ASCII) else None


def _text(value: Any) -> str | None:
    # Half characters and zeros are JSON, and no text for a database.
    return value.encode("utf-8", "replace").decode().replace("\0", "") if isinstance(value, str) else None


def _instant(timestamp_ms: Any, x_id: str, otherwise: DateTime) -> DateTime:
    """When a post was made: as X says, or as its id does."""
    if isinstance(timestamp_ms, str) and timestamp_ms.isdecimal() and len(timestamp_ms) < 15:
        return pendulum.from_timestamp(int(timestamp_ms) / 1000)
    return created_at(x_id) or otherwise
