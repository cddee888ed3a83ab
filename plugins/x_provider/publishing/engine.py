"""The engine: arm a post, fire it at its time, and know afterwards what X did."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pendulum
from pendulum import DateTime

from x_provider.calendar import PartSpec
from x_provider.client import CreatedPost, XClient, XError
from x_provider.client.ids import created_at
from x_provider.ledger import AccountOnX, Attempt, Ledger, Part, PartState, Post, Receipt
from x_provider.publishing.accounts import post_url, who_is
from x_provider.publishing.composing import compose
from x_provider.publishing.media import MediaPreparer, MediaUnusableError, Progress, silent
from x_provider.publishing.outcomes import Outcome, decide

LEASE_SECONDS = 60
"""A sender that has not finished by then counts as dead; well above the client's time-outs."""


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
        return next((part.why for part in self.post.parts if part.state is not PartState.POSTED), None)


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
        """Open the connection to X ahead of time, so that firing pays no handshake."""
        self.user()
        self.client.warm()

    def prepare(self, post_id: int) -> list[str]:
        """Upload the post's files ahead of time.

        :returns: their media ids, in order.
        """
        post = self.ledger.posts.get(post_id)
        if post.state is PartState.POSTED:
            return []
        return self._media.prepare(post)

    def arm(self, post_id: int) -> Post:
        """Check that the post can be sent and make its first unsent part ready to fire.

        Repeating it, or calling it for a post that is on X already, changes nothing.
        """
        post = self.ledger.posts.get(post_id)
        self.user()
        part = _next_part(post)
        if part is not None and part.state is PartState.PLANNED:
            self.ledger.sending.arm(post, part)
            return self.ledger.posts.get(post_id)
        return post

    def fire(self, post_id: int) -> Fired:
        """Send what is unsent of the post, part after part, each reply only after its parent is on X.

        Never raises for what X answers: the answer is in the ledger and in the result.
        """
        post = self.ledger.posts.get(post_id)
        if self._missed(post):
            return Fired(self.ledger.posts.get(post_id))
        while (part := _next_part(post)) is not None:
            stopped = self._send(post, part)
            post = self.ledger.posts.get(post_id)
            if stopped is not None:
                if stopped.retry_at is None:
                    self.ledger.posts.wake(post_id, None)
                return Fired(post, stopped.retry_at)
        self.ledger.posts.wake(post_id, None)
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
        return self.ledger.sending.stop(post, PartState.MISSED, why=why)

    def _send(self, post: Post, part: Part) -> Outcome | None:
        """Send one part; None when it is on X now, else what stopped it."""
        if (stopped := self._made_ready(post, part)) is not None:
            return stopped
        spec = PartSpec.model_validate(part.content)
        try:
            user = self.user()
            media_ids = self._media.media_ids(post, spec)
        except (XError, MediaUnusableError) as error:
            return self._not_ready(post, error)
        request = compose(spec, media_ids=media_ids, in_reply_to=_parent_id(post, part))
        attempt = self.ledger.sending.begin(
            post, part, sender=self._sender, now=self._clock(), lease_seconds=LEASE_SECONDS
        )
        if attempt is None:
            return self._overtaken()
        try:
            created = self.client.create_post(request)
        except XError as error:
            return self._record(post, part, attempt, error)
        self._keep(attempt, created, user)
        return None

    def _made_ready(self, post: Post, part: Part) -> Outcome | None:
        """Arm the part if it is not yet; None when it is armed, else what stands in the way."""
        if part.state is PartState.PLANNED:
            return None if self.ledger.sending.arm(post, part) else self._overtaken()
        if part.state is PartState.SENDING:
            return self._wait_for_sender(post, part)
        return None if part.state is PartState.ARMED else Outcome(str(part.state), part.state)

    def _keep(self, attempt: Attempt, created: CreatedPost, user: AccountOnX) -> None:
        now = self._clock()
        receipt = Receipt(
            x_id=created.id,
            url=post_url(user, created.id),
            posted_at=created_at(created.id) or now,
            received_at=now,
        )
        self._report(f"posted {receipt.url}")
        self.ledger.sending.posted(
            attempt, receipt, account=self.account, request_id=created.request_id, http_status=201
        )

    def _record(self, post: Post, part: Part, attempt: Attempt, error: XError) -> Outcome:
        now = self._clock()
        outcome = decide(error, now=now)
        where = f"post {post.name}" + (f", part {part.position + 1}" if len(post.parts) > 1 else "")
        self.ledger.sending.finish(
            attempt,
            outcome.state,
            outcome=outcome.name,
            now=now,
            why=f"{where}: {error}",
            http_status=error.status,
            request_id=error.request_id,
            words=error.detail,
        )
        self._report(f"{where}: {outcome.name}: {error}")
        return outcome

    def _not_ready(self, post: Post, error: XError | MediaUnusableError) -> Outcome:
        if isinstance(error, XError):
            outcome = decide(error, now=self._clock())
            if outcome.state is not PartState.REFUSED:
                # Nothing was created: the part stays armed whatever the answer means for a create.
                self._report(f"post {post.name}: {error}")
                return Outcome(outcome.name, PartState.ARMED, outcome.retry_at)
        self.ledger.sending.stop(post, PartState.REFUSED, why=str(error))
        return Outcome("refused", PartState.REFUSED)

    def _wait_for_sender(self, post: Post, part: Part) -> Outcome:
        why = (
            f"post {post.name}: its sender died between sending and hearing X's answer, so nobody knows"
            " whether the post is on X. It is not sent again blindly."
        )
        lease_until = self.ledger.sending.expire(post, part, now=self._clock(), why=why)
        state = PartState.UNCERTAIN if lease_until is None else PartState.SENDING
        return Outcome(str(state), state, lease_until)

    def _overtaken(self) -> Outcome:
        return Outcome("overtaken", PartState.SENDING, self._clock().add(seconds=1))


def _next_part(post: Post) -> Part | None:
    return next((part for part in post.parts if part.state is not PartState.POSTED), None)


def _parent_id(post: Post, part: Part) -> str | None:
    if part.position == 0:
        return None
    receipt = post.parts[part.position - 1].receipt
    return receipt.x_id if receipt is not None else None
