"""Following up: once a post has found its likes the account reposts it, or answers it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from pendulum import DateTime

from x_provider.client import XClient, XRefused
from x_provider.ledger import AccountOnX, FollowUp, Halt, Ledger, PartState, PostDraft
from x_provider.publishing.drafts import LEAD_SECONDS
from x_provider.publishing.outcomes import decide_before_sending
from x_provider.publishing.reconciling import hidden_by

CALENDAR = "likes:follow-ups"
"""The calendar under which the ledger keeps the answers to posts that found their likes: no file's can be called so,
and applying one withdraws what is not in it."""

_LOOK_SECONDS = 7200
"""DAG ``x_follow_up`` looks every hour: likes that it sees so long after their time may have come too late."""


@dataclass
class FollowedUp:
    """What one look at an account's posts led to, in names.

    :param done: reposted, or answered: the answer is planned, and DAG ``x_publish`` sends it.
    :param waiting: posts with too few likes so far.
    :param expired: posts that did not find their likes in time.
    :param failed: what X refused for good; the ledger says why.
    """

    done: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Following:
    """Looks at the likes of an account's posts that something waits for, and does what is to be done.

    Whatever of it is repeated after a crash does no more: X takes a repost once, and the ledger an answer.

    :param user: tells who the account is on X.
    :param report: told, in words, what is being done.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        *,
        account: str,
        user: Callable[[], AccountOnX],
        clock: Callable[[], DateTime],
        report: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._account = account
        self._user = user
        self._clock = clock
        self._report = report

    def look(self) -> FollowedUp:
        """Look once. While the account is stopped nothing happens.

        :raises XError: when X cannot be asked, or the account cannot act; what was done before stays done.
        """
        told, now = FollowedUp(), self._clock()
        if (halt := self._halt()) is not None:
            self._report(f"{self._account}: {halt}; nothing is followed up")
            return told
        waiting = self._ledger.follow_ups.waiting(self._account)
        posts = self._client.get_posts(sorted({each.x_id for each in waiting})).posts if waiting else ()
        likes = {post.id: post.public_metrics.like_count for post in posts if post.public_metrics}
        for each in waiting:
            if (halt := self._halt()) is not None:
                self._report(f"{self._account}: {halt}; the rest is not followed up")
                break
            if self._ledger.follow_ups.waits(each):
                ended = self._follow_up(each, likes.get(each.x_id), now)
                getattr(told, ended).append(each.name)
        return told

    def _halt(self) -> Halt | None:
        return self._ledger.controls.halt_of(self._account, self._clock())

    def _follow_up(self, each: FollowUp, likes: int | None, now: DateTime) -> str:
        if likes is not None and likes >= each.likes and now < each.ends_at.add(seconds=_LOOK_SECONDS):
            return self._act(each, likes, now)
        if each.ends_at <= now:
            self._ledger.follow_ups.end(each, "expired", now=now, likes=likes)
            return "expired"
        if likes is not None:
            self._ledger.follow_ups.look(each, likes=likes, now=now)
        return "waiting"

    def _act(self, each: FollowUp, likes: int, now: DateTime) -> str:
        try:
            if each.repost:
                self._client.repost(self._user().user_id, each.x_id, may_leave=lambda: self._halt() is None)
                self._report(f"{each.name}: reposted after {likes} likes")
        except XRefused as error:
            if decide_before_sending(error, now=now, pause=0).state is not PartState.REFUSED:
                raise
            self._report(f"{each.name}: {error}")
            self._ledger.follow_ups.end(each, "failed", now=now, likes=likes, why=str(error))
            return "failed"
        if each.content is not None:
            answer = self._ledger.posts.ensure(_answer(each, self._account, now), now=now)
            self._report(f"{each.name}: post {answer.name} answers it after {likes} likes")
        self._ledger.follow_ups.end(each, "done", now=now, likes=likes)
        return "done"


def _answer(each: FollowUp, account: str, now: DateTime) -> PostDraft:
    """The post that answers; its name is the same however often it is planned."""
    content = {**(each.content or {}), "reply_to": each.x_id}
    key = f"{each.key[:200]}.{each.post_id}-{each.position + 1}"
    return PostDraft(
        calendar=CALENDAR,
        key=key,
        account=account,
        revision=hashlib.sha256(f"{key}/{content}".encode()).hexdigest(),
        at=now.isoformat(),
        timezone="UTC",
        due_at=now,
        late_grace_seconds=86_400,
        late_then="publish",
        lead_seconds=LEAD_SECONDS["text"],
        contents=[content],
        on_absent="ask" if hidden_by(content, root=each.root) else each.on_absent,
    )
