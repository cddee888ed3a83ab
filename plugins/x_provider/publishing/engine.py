"""The engine: what is done for a post ahead of its time, and at it: sent, looked for on X, or held back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import pendulum
from pendulum import DateTime

from x_provider.client import SignedCall, XClient
from x_provider.ledger import AccountOnX, Ledger, LedgerError, Part, PartState, Post, Receipt
from x_provider.media import MediaSources
from x_provider.publishing.accounts import who_is
from x_provider.publishing.composing import sign_ahead
from x_provider.publishing.firing import Aside
from x_provider.publishing.following import FollowedUp, Following
from x_provider.publishing.governor import costs_of, governed
from x_provider.publishing.lateness import due_at, too_late
from x_provider.publishing.media import MediaPreparer, Prepared, Progress, silent
from x_provider.publishing.outcomes import Outcome
from x_provider.publishing.recovering import Recovery
from x_provider.publishing.sending import Sender
from x_provider.publishing.stops import OVERTAKEN, Stops, parent_of, where


class AnotherAccountError(LedgerError):
    """The post is another account's than the one that was to work on it, which did nothing."""


@dataclass(frozen=True)
class Fired:
    """How firing a post ended.

    :param post: the post as the ledger holds it now.
    :param retry_at: when to fire it again; None when it is all posted, when a person must act first, or when the
        rest follows so much later that it is taken on anew.
    """

    post: Post
    retry_at: DateTime | None = None

    @property
    def why(self) -> str | None:
        """What the post waits for or what stopped it, in words; None when nothing did."""
        if (words := next((part.why for part in self.post.parts if part.why), None)) is not None:
            return words
        part = _next_part(self.post)
        return f"{where(self.post, part)} follows later" if part is not None and part.due_at else None


@dataclass(frozen=True)
class _Ahead:
    """A post as it was read ahead of its due time, and the request for its next part where that is known."""

    post: Post
    request: SignedCall | None


def utc_now() -> DateTime:
    """The present instant."""
    return pendulum.now("UTC")


class Publisher:
    """Publishes the posts of one account.

    :param account: the account's name in the calendar, which is its Airflow connection id.
    :param sources: where the posts' files come from; local files and https URLs when left out.
    :param clock: gives the present instant; tests bring their own.
    :param report: told, in words, what is being done.
    :param aside: surrounds uploads, and looking for posts on X.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        *,
        account: str,
        sources: MediaSources | None = None,
        clock: Callable[[], DateTime] = utc_now,
        report: Progress | None = None,
        aside: Aside = nullcontext,
    ) -> None:
        self.ledger = ledger
        self.client = governed(client, ledger, account=account, clock=clock)
        self.account = account
        self._clock = clock
        self._report = report or silent
        self._media = MediaPreparer(
            ledger, self.client, sources=sources, clock=clock, report=report, aside=aside
        )
        self._stops = Stops(ledger, clock=clock, report=self._report)
        self._recovery = Recovery(
            ledger,
            governed(client, ledger, account=account, clock=clock, beyond_budget=True),
            self._stops,
            user=self.user,
            clock=clock,
            report=self._report,
            aside=aside,
        )
        self._sender = Sender(
            ledger,
            self.client,
            self._media,
            self._stops,
            account=account,
            user=self.user,
            clock=clock,
            report=self._report,
        )
        self._user: AccountOnX | None = None
        self._ahead: dict[int, _Ahead] = {}

    def user(self) -> AccountOnX:
        """Who the account is on X."""
        if self._user is None or self._user.credentials != self.client.credentials:
            self._user = who_is(self.ledger, self.client, account=self.account, now=self._clock())
        return self._user

    def look_ahead(self, post_id: int) -> None:
        """Do shortly before the due time what firing the post would have to do then: read, compose, sign.

        What changes afterwards is noticed all the same: an attempt is recorded only for the post that was read.

        :raises XError: when X cannot say who the account is; firing will find out for itself.
        """
        self.user()
        post = self._post(post_id)
        part = _next_part(post)
        if part is not None and part.state is PartState.ARMED:
            costs_of(post, part, at=self._clock())  # what is in a text is found out once, and slowly
            self._ahead[post_id] = _Ahead(
                post, sign_ahead(self.client, part, in_reply_to=parent_of(post, part))
            )

    def prepare(self, post_id: int) -> Prepared:
        """Upload the post's files ahead of time, and learn who the account is. Waits for no processing.

        :raises MediaUnusableError: when a file is missing or has changed since it was planned.
        :raises XError: when X refuses a file, which ends the post, or cannot be reached.
        """
        post = self._post(post_id)
        if post.state not in (PartState.PLANNED, PartState.ARMED):
            return Prepared({})
        self.user()
        return self._media.prepare_ahead(post)

    def ask_about_media(self, post_id: int) -> DateTime | None:
        """Ask X how far it is with processing the post's files, if it is time to, and record it.

        :returns: when to ask again; None when there is nothing to wait for ahead of the due time.
        """
        return self._media.ask(self._post(post_id))

    def arm(self, post_id: int) -> Post:
        """Make the post's first unsent part ready to fire.

        Repeating it, or calling it for a post that is on X already, changes nothing.
        """
        post = self._post(post_id)
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
        :raises AnotherAccountError: when the post is another account's, as it may be since it was looked at ahead.
        """
        ahead = self._ahead.pop(post_id, None)
        post = ahead.post if ahead else self._post(post_id)
        if self._clock() < post.due_at:
            # Whoever calls may know an older due time: the calendar may have moved the post.
            return Fired(post, post.due_at)
        if (why := self._too_late(post)) is not None:
            if self.ledger.sending.give_up(post, PartState.MISSED, why=why):
                return Fired(self.ledger.posts.get(post_id))
            return self.fire(post_id)  # it has changed since it was read: somebody has resumed it, perhaps
        while (part := _next_part(post)) is not None:
            seen = ahead if ahead and ahead.post is post else None
            done = self._advance(post, part, seen.request if seen else None)
            if isinstance(done, Outcome):
                if seen and done.name == OVERTAKEN:
                    return self.fire(post_id)  # it has changed since somebody looked ahead
                return Fired(self.ledger.posts.get(post_id), done.retry_at)
            post = post.with_receipt(part, done)
        return Fired(post)

    def follow_up(self) -> FollowedUp:
        """Look at the likes of the account's posts that something waits for, and do what is to be done.

        :raises XError: when X cannot be asked, or the account cannot act; what was done before stays done.
        """
        following = Following(
            self.ledger,
            self.client,
            account=self.account,
            user=self.user,
            clock=self._clock,
            report=self._report,
        )
        return following.look()

    def _post(self, post_id: int) -> Post:
        """The post, which must be the account's.

        Its entry may have been moved to another account, and a number says nothing in another ledger than the one
        it is from.

        :raises AnotherAccountError: when it is another account's.
        """
        post = self.ledger.posts.get(post_id)
        if post.account != self.account:
            raise AnotherAccountError(
                f"post {post_id} of {self.ledger!r} is {post.name} of account {post.account}, and account"
                f" {self.account} was to send it, which it did not. Either its entry was moved to {post.account}"
                f" since that was decided: then it goes out as {post.account}, and there is nothing to do. Or the"
                " connection of the ledger names another database than when that was decided: point it at the former"
                " one and run the task again."
            )
        return post

    def _too_late(self, post: Post) -> str | None:
        part = _next_part(post)
        if part is None or part.position > 0 or part.state not in (PartState.PLANNED, PartState.ARMED):
            return None
        return too_late(self.ledger, post, now=self._clock())

    def _advance(self, post: Post, part: Part, request: SignedCall | None) -> Receipt | Outcome:
        """Bring one part to X, or find it there; or say what stopped it."""
        if part.state is PartState.SENDING:
            return self._recovery.await_sender(post, part)
        if part.state is PartState.UNCERTAIN:
            return self._recovery.find_out(post, part)
        if part.state not in (PartState.PLANNED, PartState.ARMED):
            return Outcome(str(part.state), part.state)
        if self._clock() < (due := due_at(post, part)):
            return self._stops.postpone(post, part, due)
        if part.state is PartState.PLANNED and not self.ledger.sending.arm(post, part):
            return self._stops.overtaken()
        return self._sender.send(post, part, request)


def _next_part(post: Post) -> Part | None:
    return next((part for part in post.parts if part.state is not PartState.POSTED), None)
