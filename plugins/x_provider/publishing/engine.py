"""The engine: arm a post, fire it at its time, and know afterwards what X did."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pendulum
from pendulum import DateTime
from pydantic import ValidationError

from x_provider.calendar import PartSpec
from x_provider.client import XClient, XError
from x_provider.client.ids import created_at
from x_provider.ledger import AccountOnX, Attempt, Ledger, Part, PartState, Post, Receipt
from x_provider.publishing.accounts import post_url, who_is
from x_provider.publishing.composing import compose
from x_provider.publishing.media import MediaPreparer, MediaUnusableError, Progress, silent
from x_provider.publishing.outcomes import ACCOUNT_PAUSE_SECONDS, Outcome, decide, decide_before_sending
from x_provider.publishing.receipts import keep
from x_provider.publishing.reconciling import QUIET_SECONDS, WrongAccountError, look_for

LEASE_SECONDS = 90
"""A sender that has not finished by then counts as dead; well above the client's time-outs."""
SHORTEST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 60
UNREADABLE_PAUSE_SECONDS = 60
HALTED_PAUSE_SECONDS = 10


@dataclass(frozen=True)
class Fired:
    """How firing a post ended.

    :param post: the post as the ledger holds it now.
    :param retry_at: when to fire it again; None when it is all posted, or when a person must act first.
    """

    post: Post
    retry_at: DateTime | None = None

    @property
    def why(self) -> str | None:
        """What stopped the post, in words; None when nothing did."""
        return next((part.why for part in self.post.parts if part.why), None)


def utc_now() -> DateTime:
    """The present instant."""
    return pendulum.now("UTC")


class Publisher:
    """Publishes the posts of one account.

    :param account: the account's name in the calendar, which is its Airflow connection id.
    :param clock: gives the present instant; tests bring their own.
    :param report: told, in words, what is being done.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        *,
        account: str,
        clock: Callable[[], DateTime] = utc_now,
        report: Progress | None = None,
    ) -> None:
        self.ledger = ledger
        self.client = client
        self.account = account
        self._clock = clock
        self._report = report or silent
        self._media = MediaPreparer(ledger, client, clock=clock, report=report)
        self._sender = f"{socket.gethostname()}:{os.getpid()}"

    def user(self) -> AccountOnX:
        """Who the account is on X."""
        return who_is(self.ledger, self.client, account=self.account, now=self._clock())

    def warm(self) -> None:
        """Open the connection to X ahead of time, so that firing pays no handshake.

        :raises XError: when X cannot be reached; firing will find out for itself.
        """
        self.user()
        self.client.warm()

    def prepare(self, post_id: int) -> list[str]:
        """Upload the post's files ahead of time, and learn who the account is.

        :returns: their media ids, in order.
        :raises MediaUnusableError: when a file is missing or has changed since it was planned.
        :raises XError: when X refuses a file or cannot be reached.
        """
        post = self.ledger.posts.get(post_id)
        if post.state is PartState.POSTED:
            return []
        self.user()
        return self._media.prepare(post)

    def arm(self, post_id: int) -> Post:
        """Make the post's first unsent part ready to fire.

        Repeating it, or calling it for a post that is on X already, changes nothing.
        """
        post = self.ledger.posts.get(post_id)
        part = _next_part(post)
        if part is not None and part.state is PartState.PLANNED:
            self.ledger.sending.arm(post, part)
            return self.ledger.posts.get(post_id)
        return post

    def fire(self, post_id: int) -> Fired:
        """Send what is unsent of the post, part after part, each reply only after its parent is on X.

        A part whose outcome is unknown is looked for on X first. Never raises for what X answers: the answer
        is in the ledger and in the result.

        :raises ReceiptNotStoredError: when X created a part and the ledger could not be told.
        """
        post = self.ledger.posts.get(post_id)
        if self._clock() < post.due_at:
            # Whoever calls may know an older due time: the calendar may have moved the post.
            return Fired(post, post.due_at)
        if self._missed(post):
            return Fired(self.ledger.posts.get(post_id))
        while (part := _next_part(post)) is not None:
            stopped = self._advance(post, part)
            post = self.ledger.posts.get(post_id)
            if stopped is not None:
                return Fired(post, stopped.retry_at)
        return Fired(post)

    def _missed(self, post: Post) -> bool:
        part = _next_part(post)
        late = (self._clock() - post.due_at).total_seconds()
        if (
            part is None
            or part.position > 0
            or late <= post.late_grace_seconds
            or post.late_then == "publish"
        ):
            return False
        if part.state not in (PartState.PLANNED, PartState.ARMED):
            return False
        why = (
            f"post {post.name} was due at {post.due_at.isoformat()} and could not go out within its grace of"
            f" {post.late_grace_seconds} s ({late:.0f} s late); its late policy is {post.late_then!r}, so it"
            " was not sent. Give its entry a new time and apply the calendar to send it after all."
        )
        return self.ledger.sending.give_up(post, PartState.MISSED, why=why)

    def _advance(self, post: Post, part: Part) -> Outcome | None:
        """Bring one part to X, or find it there; None when it is on X now, else what stopped it."""
        if part.state is PartState.PLANNED and not self.ledger.sending.arm(post, part):
            return self._overtaken()
        if part.state is PartState.SENDING:
            return self._wait_for_sender(post, part)
        if part.state is PartState.UNCERTAIN:
            return self._reconcile(post, part)
        if part.state in (PartState.PLANNED, PartState.ARMED):
            return self._send(post, part)
        return Outcome(str(part.state), part.state)

    def _send(self, post: Post, part: Part) -> Outcome | None:
        if (halt := self.ledger.controls.halt_of(post.account)) is not None:
            halted = Outcome("halted", PartState.ARMED, self._clock().add(seconds=HALTED_PAUSE_SECONDS))
            return self._wait(post, part, halted, why=f"{_where(post, part)}: {halt}")
        spec = PartSpec.model_validate(part.content)
        try:
            user = self.user()
            media_ids = self._media.media_ids(post, spec)
        except (XError, MediaUnusableError) as error:
            return self._not_ready(post, part, error)
        parent = _parent(post, part)
        try:
            request = compose(spec, media_ids=media_ids, in_reply_to=parent.x_id if parent else None)
        except ValidationError as error:
            return self._refuse(post, _unsendable(post, part, error))
        attempt = self.ledger.sending.begin(
            post, part, sender=self._sender, clock=self._clock, lease_seconds=LEASE_SECONDS
        )
        if attempt is None:
            return self._overtaken()
        try:
            created = self.client.create_post(request)
        except XError as error:
            return self._record(post, part, attempt, error)
        self._keep(attempt, created.id, user, request_id=created.request_id, http_status=201)
        return None

    def _keep(
        self,
        attempt: Attempt,
        x_id: str,
        user: AccountOnX,
        *,
        request_id: str | None = None,
        http_status: int | None = None,
        adopted: bool = False,
    ) -> None:
        now = self._clock()
        receipt = Receipt(x_id, post_url(user, x_id), created_at(x_id) or now, now, adopted)
        keep(
            self.ledger,
            attempt,
            receipt,
            account=self.account,
            request_id=request_id,
            http_status=http_status,
        )
        self._report(f"{'found' if adopted else 'posted'} {receipt.url}")

    def _record(self, post: Post, part: Part, attempt: Attempt, error: XError) -> Outcome:
        now = self._clock()
        parent = _parent(post, part)
        parent_age = (now - parent.received_at).total_seconds() if parent else None
        outcome = decide(error, now=now, pause=self._pause(post), parent_age=parent_age)
        why = f"{_where(post, part)}: {error}"
        self.ledger.sending.finish(
            attempt,
            outcome.state,
            outcome=outcome.name,
            now=now,
            why=why,
            wake_at=None if outcome.state is PartState.REFUSED else self._wake_at(outcome, now),
            http_status=error.status,
            request_id=error.request_id,
            words=error.detail,
        )
        self._report(f"{outcome.name}: {why}")
        return outcome

    def _not_ready(self, post: Post, part: Part, error: XError | MediaUnusableError) -> Outcome:
        why = f"{_where(post, part)}: {error}"
        self._report(why)
        now = self._clock()
        if isinstance(error, XError):
            outcome = decide_before_sending(error, now=now, pause=self._pause(post))
            if outcome.state is not PartState.REFUSED:
                return self._wait(post, part, outcome, why=why)
        return self._refuse(post, why)

    def _refuse(self, post: Post, why: str) -> Outcome:
        if not self.ledger.sending.give_up(post, PartState.REFUSED, why=why):
            return self._overtaken()
        return Outcome("refused", PartState.REFUSED)

    def _wait(self, post: Post, part: Part, outcome: Outcome, *, why: str) -> Outcome:
        wake_at = self._wake_at(outcome, self._clock())
        if not self.ledger.sending.wait(post, part, why=why, wake_at=wake_at):
            return self._overtaken()
        return outcome

    def _wait_for_sender(self, post: Post, part: Part) -> Outcome:
        why = (
            f"{_where(post, part)}: its sender died between sending and hearing X's answer; it is looked for on"
            " X before anything else is done"
        )
        now = self._clock()
        lease_until = self.ledger.sending.expire(post, part, now=now, why=why)
        if lease_until is None:
            return Outcome("lease_expired", PartState.UNCERTAIN, now)
        return Outcome("sending", PartState.SENDING, lease_until)

    def _reconcile(self, post: Post, part: Part) -> Outcome | None:
        """Look for the part on X; None when it is there, else when to look or send again."""
        attempt = self.ledger.sending.attempt_of(post, part)
        assert attempt is not None  # noqa: S101 - nothing becomes uncertain without an attempt
        now = self._clock()
        parent = _parent(post, part)
        spec = PartSpec.model_validate(part.content)
        try:
            user = self.user()
            found = look_for(
                self.ledger, self.client, user, attempt, spec, parent=parent.x_id if parent else None
            )
        except (XError, WrongAccountError) as error:
            why = f"{_where(post, part)}: cannot look for it on X: {error}"
            outcome = Outcome("unreadable", PartState.UNCERTAIN, now.add(seconds=UNREADABLE_PAUSE_SECONDS))
            return self._wait(post, part, outcome, why=why)
        if found is not None:
            self._keep(attempt, found.id, user, adopted=True)
            return None
        quiet_until = attempt.started_at.add(seconds=QUIET_SECONDS)
        if now < quiet_until:
            return Outcome(
                "not_seen_yet", PartState.UNCERTAIN, min(now.add(seconds=self._pause(post)), quiet_until)
            )
        if attempt.outcome == "duplicate":
            return self._refuse_duplicate(post, part)
        why = f"{_where(post, part)}: not on X {QUIET_SECONDS} s after it was sent without an answer: sent again"
        self.ledger.sending.resend(post, part, why=why)
        self._report(why)
        return Outcome("absent", PartState.ARMED, now)

    def _refuse_duplicate(self, post: Post, part: Part) -> Outcome:
        why = (
            f"{_where(post, part)}: X says that the account has posted this text already, by another post than"
            " this one. Change its text, or remove its entry."
        )
        self.ledger.sending.resend(post, part, why=why)
        self.ledger.sending.give_up(self.ledger.posts.get(post.id), PartState.REFUSED, why=why)
        return Outcome("duplicate", PartState.REFUSED)

    def _pause(self, post: Post) -> float:
        """Seconds before trying again where X says nothing: longer, the longer it goes on."""
        late = (self._clock() - post.due_at).total_seconds()
        return min(max(late / 4, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def _wake_at(self, outcome: Outcome, now: DateTime) -> DateTime:
        # Whoever fires goes on by itself; this is for the case that it dies.
        return (outcome.retry_at or now).add(seconds=ACCOUNT_PAUSE_SECONDS)

    def _overtaken(self) -> Outcome:
        return Outcome("overtaken", PartState.SENDING, self._clock().add(seconds=1))


def _next_part(post: Post) -> Part | None:
    return next((part for part in post.parts if part.state is not PartState.POSTED), None)


def _parent(post: Post, part: Part) -> Receipt | None:
    return post.parts[part.position - 1].receipt if part.position > 0 else None


def _unsendable(post: Post, part: Part, error: ValidationError) -> str:
    wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'post'}: {e['msg']}" for e in error.errors())
    return (
        f"{_where(post, part)}: X would not understand it ({wrong}). Nothing was sent. Correct its entry and apply"
        " the calendar again."
    )


def _where(post: Post, part: Part) -> str:
    return f"post {post.name}" + (f", part {part.position + 1}" if len(post.parts) > 1 else "")
