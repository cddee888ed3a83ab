"""Following up: at its time, or once people like it, a post is reposted, answered or taken down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pendulum import DateTime, duration

from x_provider.client import XClient, XError, XNotFound, XRefused
from x_provider.ledger import AccountOnX, FollowUp, Halt, Ledger, PartState, PostDraft
from x_provider.publishing.drafts import LEAD_SECONDS
from x_provider.publishing.outcomes import decide_before_sending
from x_provider.publishing.reconciling import hidden_by
from x_provider.publishing.taking_down import NotDoneError, TakingDown

CALENDAR = "likes:follow-ups"
"""The calendar under which the ledger keeps the answers to posts that found their likes: no file's can be called so,
and applying one withdraws what is not in it."""

_LOOK_SECONDS = 7200
"""Likes are looked at every hour: those that are seen so long after their time may have come too late."""
_BETWEEN_LOOKS_SECONDS = 3300
"""DAG ``x_follow_up`` runs every 10 minutes, but likes are read once an hour; less by what runs begin early."""
_TOO_LATE_SECONDS = 86_400
"""What was to be said or reposted a day ago is not done any more. Taking down and taking back are."""
_PATIENCE_SECONDS = 7 * 86_400
"""So long a refused deletion is tried again: a locked account, or another plan, may pass."""


@dataclass
class FollowedUp:
    """What one look at an account's posts led to, in names.

    :param done: reposted, taken back, taken down, or answered: the answer is planned, and DAG ``x_publish`` sends it.
    :param waiting: too few likes so far, or before their time.
    :param expired: those that did not find their likes in time, or whose time is long past.
    :param failed: what X refused for good; the ledger says why.
    :param trouble: what kept the first of those from being done that are tried again at the next look.
    """

    done: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    trouble: XError | NotDoneError | None = None


class Following:
    """Does what follows an account's posts: what has a time at its time, the rest when their likes are found.

    Whatever of it is repeated after a crash does no more: X takes a repost and a deletion once, and the ledger an
    answer.

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
        """Look once. While the account is stopped nothing happens. What X does not take holds nothing else back."""
        told, now = FollowedUp(), self._clock()
        if (halt := self._halt()) is not None:
            self._report(f"{self._account}: {halt}; nothing is followed up")
            return told
        waiting = self._ledger.follow_ups.waiting(self._account)
        due, to_look_at = _due(waiting, now), _to_look_at(waiting, now)
        at_hand = {each.id for each in (*due, *to_look_at)}
        told.waiting += [each.name for each in waiting if each.id not in at_hand]
        # What has a time does not wait until X has told the likes, which it may refuse.
        self._do(due, lambda each: self._act_in_time(each, now), told)
        try:
            likes = self._likes_of(to_look_at)
        except XError as error:
            told.trouble = told.trouble or error
        else:
            self._do(to_look_at, lambda each: self._follow_up(each, likes.get(each.x_id), now), told)
        return told

    def _do(self, follow_ups: Sequence[FollowUp], do: Callable[[FollowUp], str], told: FollowedUp) -> None:
        for each in self._one_by_one(follow_ups):
            try:
                ended = do(each)
            except (XError, NotDoneError) as error:
                self._report(f"{each.name}: {error}")
                told.trouble, ended = told.trouble or error, "waiting"
            getattr(told, ended).append(each.name)

    def _one_by_one(self, follow_ups: Sequence[FollowUp]) -> Iterator[FollowUp]:
        """Those that still wait, until the account is stopped."""
        for each in follow_ups:
            if (halt := self._halt()) is not None:
                self._report(f"{self._account}: {halt}; the rest is not followed up")
                return
            if self._ledger.follow_ups.waits(each):
                yield each

    def _likes_of(self, follow_ups: Sequence[FollowUp]) -> dict[str, int | None]:
        if not follow_ups or self._halt() is not None:
            return {}
        posts = self._client.get_posts(sorted({each.x_id for each in follow_ups})).posts
        return {post.id: post.public_metrics.like_count for post in posts if post.public_metrics}

    def _halt(self) -> Halt | None:
        return self._ledger.controls.halt_of(self._account, self._clock())

    def _may_leave(self, each: FollowUp) -> bool:
        # Somebody may have given it up while it was made ready.
        return self._halt() is None and self._ledger.follow_ups.waits(each)

    def _act_in_time(self, each: FollowUp, now: DateTime) -> str:
        late = (now - (each.due_at or now)).total_seconds()
        if late > _TOO_LATE_SECONDS and not (each.delete or each.undo_repost):
            why = (
                f"its time was over for more than a day when DAG x_follow_up came to it, at {now.isoformat()}"
            )
            self._report(f"{each.name}: {why}")
            self._ledger.follow_ups.end(each, "expired", now=now, why=why)
            return "expired"
        return self._act(each, f"{duration(seconds=each.after_seconds or 0).in_words()} after the post", now)

    def _follow_up(self, each: FollowUp, likes: int | None, now: DateTime) -> str:
        enough = likes is not None and likes >= (each.likes or 0)
        if enough and now < each.ends_at.add(seconds=_LOOK_SECONDS):
            return self._act(each, f"after {likes} likes", now, likes)
        if each.ends_at <= now:
            self._ledger.follow_ups.end(each, "expired", now=now, likes=likes)
            return "expired"
        self._ledger.follow_ups.look(each, likes=likes, now=now)
        return "waiting"

    def _act(self, each: FollowUp, when: str, now: DateTime, likes: int | None = None) -> str:
        try:
            if each.delete and not self._take_down(each, when):
                return "waiting"
            if each.repost:
                self._repost(each, when)
            if each.undo_repost:
                self._undo_repost(each, when)
        except (XRefused, NotDoneError) as error:
            if self._may_pass(each, error, now):
                raise
            self._report(f"{each.name}: {error}")
            self._ledger.follow_ups.end(each, "failed", now=now, likes=likes, why=str(error))
            return "failed"
        if each.content is not None:
            answer = self._ledger.posts.ensure(_answer(each, self._account, now), now=now)
            self._report(f"{each.name}: post {answer.name} answers it {when}")
        self._ledger.follow_ups.end(each, "done", now=now, likes=likes)
        return "done"

    def _may_pass(self, each: FollowUp, error: XRefused | NotDoneError, now: DateTime) -> bool:
        """Whether what X did not do is to be tried again."""
        if each.due_at is not None and (each.delete or each.undo_repost):
            return now < each.due_at.add(seconds=_PATIENCE_SECONDS)
        if isinstance(error, NotDoneError):
            return False
        return decide_before_sending(error, now=now, pause=0).state is not PartState.REFUSED

    def _take_down(self, each: FollowUp, when: str) -> bool:
        """Take the post down; False while more of it may still appear on X, which is taken down later."""
        taking_down = TakingDown(
            self._ledger,
            self._client,
            clock=self._clock,
            report=self._report,
            may_leave=lambda: self._may_leave(each),
        )
        why = f"the post was taken down {when}, as its entry says"
        taken_down = taking_down.post(each.post_id, why=why, by=each.name)
        self._report(f"{each.name}: taken down {when}: {', '.join(taken_down.x_ids)}")
        if taken_down.may_appear:
            self._report(f"{each.name}: a part of it may still appear on X; looked for again at the next run")
        return not taken_down.may_appear

    def _repost(self, each: FollowUp, when: str) -> None:
        if not self._client.repost(self._user().user_id, each.x_id, may_leave=lambda: self._may_leave(each)):
            raise NotDoneError(f"X did not repost {each.x_id}, and did not say why: look at it on X")
        self._report(f"{each.name}: reposted {when}")

    def _undo_repost(self, each: FollowUp, when: str) -> None:
        try:
            if not self._client.undo_repost(
                self._user().user_id, each.x_id, may_leave=lambda: self._may_leave(each)
            ):
                raise NotDoneError(f"X did not take the repost of {each.x_id} back, and did not say why")
            self._report(f"{each.name}: repost taken back {when}")
        except XNotFound:
            self._report(f"{each.name}: post {each.x_id} is not on X (any more)")


def accounts_to_follow_up(ledger: Ledger, *, now: DateTime) -> list[str]:
    """The accounts for which :meth:`Following.look` has something to do now."""

    def has_something(account: str) -> bool:
        waiting = ledger.follow_ups.waiting(account)
        return bool(_due(waiting, now) or _to_look_at(waiting, now))

    return [account for account in ledger.follow_ups.accounts() if has_something(account)]


def _due(waiting: Sequence[FollowUp], now: DateTime) -> list[FollowUp]:
    """Those whose time has come, the earliest first; deletions before what else would be done with their posts."""
    due = [(each.due_at, each) for each in waiting if each.due_at is not None and each.due_at <= now]
    return [each for _, each in sorted(due, key=lambda pair: (not pair[1].delete, pair[0]))]


def _to_look_at(waiting: Sequence[FollowUp], now: DateTime) -> list[FollowUp]:
    """Those whose likes are to be read now: once an hour, and all of an account together.

    A new one waits for the others' hour, so that they do not ask X each at its own time.
    """
    since = now.subtract(seconds=_BETWEEN_LOOKS_SECONDS)
    liked = [each for each in waiting if each.due_at is None]
    was_just_looked = any(each.looked_at is not None and each.looked_at > since for each in liked)
    return [
        each for each in liked if (not was_just_looked if each.looked_at is None else each.looked_at <= since)
    ]


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
