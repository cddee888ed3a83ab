"""What an event means for the ledger: a post of ours that is gone, a reply, a quote, a repost, a mention.

Handling an event twice does no more than handling it once. It touches no account beyond its reach.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pendulum import DateTime

from x_provider.client import Post as PostOnX
from x_provider.client.answers import in_new_vocabulary
from x_provider.events.deleted import is_gone
from x_provider.events.members import (
    ID,
    id_in,
    instant_in,
    list_in,
    name_in,
    object_in,
    objects_in,
    said_in,
    text_in,
)
from x_provider.events.reach import Reach, UnknownAccountError
from x_provider.ledger import Engagement, EngagementKind, StoredEvent

HappeningKind = Literal["reply", "quote", "repost", "mention", "deleted", "created"]

_KINDS: Mapping[str, EngagementKind] = {
    "post.reply.create": "reply",
    "post.quote.create": "quote",
    "post.repost.create": "repost",
    "post.mention.create": "mention",
}
_REFERENCES = {"reply": "replied_to", "quote": "quoted", "repost": "retweeted"}


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
    for status in list_in(told.get("tweet_create_events")):
        return _created(event, reach, object_in(status), id_in(told, "for_user_id", "for_user_id"))
    for gone in list_in(told.get("tweet_delete_events")):
        return _deleted(reach, id_in(object_in(object_in(gone).get("status")), "id", "status.id"), now=now)
    return Handled(why=f"nothing here acts on {kind_of(event.body)}")


def subject_of(event: StoredEvent, reach: Reach) -> str:
    """The account that an event is about, as far as anybody knows; else the one whose webhook was told."""
    told = object_in(object_in(json.loads(event.body)).get("data"))
    user_id = str(object_in(told.get("filter")).get("user_id"))
    try:
        return reach.account_of(user_id) if ID.fullmatch(user_id) else event.app
    except UnknownAccountError:
        return event.app


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
        return _deleted(reach, id_in(object_in(data.get("payload")), "id", "payload.id"), now=now)
    if event_type == "post.create":
        return _posted(event, reach, data, is_met=is_met)
    kind = _KINDS.get(event_type)
    if kind is None:
        return Handled(why=f"nothing here acts on {event_type}")
    payload = object_in(data.get("payload"))
    post = _post_of(payload, object_in(data.get("includes")), event.received_at)
    target = next(
        (
            str(each.get("id"))
            for each in objects_in(payload.get("referenced_tweets") or payload.get("referenced_posts"))
            if each.get("type") == _REFERENCES.get(kind)
        ),
        None,
    )
    asked = object_in(data.get("filter"))
    user_id = id_in(asked, "user_id", "filter.user_id") if asked.get("user_id") else None
    return _engaged(reach, kind, post, user_id=user_id, target=target)


def _posted(event: StoredEvent, reach: Reach, data: dict[str, Any], *, is_met: bool) -> Handled:
    """A new post of one of our accounts, by us or by hand; X tells anybody's to whoever asks."""
    payload = object_in(data.get("payload"))
    post = _post_of(payload, object_in(data.get("includes")), event.received_at)
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
    user = object_in(status.get("user"))
    x_id = id_in(status, "id_str", "tweet_create_events[].id_str")
    post = _Post(
        id=x_id,
        user_id=id_in(user, "id_str", "tweet_create_events[].user.id_str"),
        username=name_in(user.get("screen_name")),
        text=text_in(object_in(status.get("extended_tweet")).get("full_text") or status.get("text")),
        at=instant_in(status.get("timestamp_ms"), x_id, event.received_at),
    )
    happenings: list[Happening] = []
    for kind, target in _relations(status, user_id):
        handled = _engaged(reach, kind, post, user_id=user_id, target=target)
        happenings += handled.happenings
    return Handled(tuple(happenings), None if happenings else "it is about nobody's post but its author's")


def _relations(status: dict[str, Any], user_id: str) -> Iterator[tuple[EngagementKind, str | None]]:
    repeated = object_in(status.get("retweeted_status"))
    if repeated:
        if said_in(object_in(repeated.get("user")), "id_str") == user_id:
            yield "repost", said_in(repeated, "id_str")
        return
    is_reply = said_in(status, "in_reply_to_user_id_str") == user_id
    named = objects_in(object_in(status.get("entities")).get("user_mentions"))
    is_mention = any(said_in(each, "id_str") == user_id for each in named)
    quoted, by = said_in(status, "quoted_status_id_str"), object_in(status.get("quoted_status")).get("user")
    # Without the quoted post nobody says whose it is: where nothing else concerns the account, it is the account's.
    is_quote = said_in(object_in(by), "id_str") == user_id if by else not (is_reply or is_mention)
    if is_reply:
        yield "reply", said_in(status, "in_reply_to_status_id_str")
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
    target = target if target and ID.fullmatch(target) else None
    account = _account(reach, user_id, target)
    gone = is_gone(reach, post.id, account=account, author=post.user_id)
    engagement = Engagement(
        kind=kind,
        account=account,
        x_id=target,
        by_x_id=post.id,
        by_user_id=post.user_id,
        by_username=post.username,
        text=None if gone else post.text,
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
    # What it is of may be told, or known as ours, only afterwards.
    ledger.deletions.keep(x_id, told=reach.told, now=now)
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
    x_id, user_id = id_in(payload, "id", "payload.id"), id_in(payload, "author_id", "payload.author_id")
    users = (object_in(each.get("data")) or each for each in objects_in(includes.get("users")))
    author = next((user for user in users if str(user.get("id")) == user_id), {})
    long = object_in(payload.get("note_tweet") or payload.get("note_post"))
    return _Post(
        id=x_id,
        user_id=user_id,
        username=name_in(author.get("username")),
        text=text_in(long.get("text") or payload.get("text")),
        at=instant_in(None, x_id, received_at),
    )
