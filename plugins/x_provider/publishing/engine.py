"""The engine: arm a post, fire it at its time, and know afterwards what X did."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pendulum
from pendulum import DateTime
from pydantic import ValidationError

from x_provider.calendar import PartSpec
from x_provider.client import (
    CreatedPost,
    CreatePost,
    SignedCall,
    XClient,
    XError,
    XMediaUnknown,
    XNeedsLogin,
    XNotPaidFor,
    XUnreachable,
)
from x_provider.ids import created_at
from x_provider.ledger import (
    OVER_BUDGET,
    AccountOnX,
    Attempt,
    Held,
    Ledger,
    LedgerError,
    Part,
    PartState,
    Post,
    Receipt,
    ReceiptTakenError,
    Uploaded,
)
from x_provider.media import MediaSources
from x_provider.publishing.accounts import post_url, who_is
from x_provider.publishing.composing import compose, sign_ahead
from x_provider.publishing.files import MediaUnusableError
from x_provider.publishing.firing import Aside
from x_provider.publishing.following import FollowedUp, Following
from x_provider.publishing.governor import costs_of, governed, to_go_on, windows_of, windows_of_refusal
from x_provider.publishing.lateness import due_at, too_late
from x_provider.publishing.media import (
    MediaPreparer,
    Prepared,
    Progress,
    forgotten_twice,
    silent,
)
from x_provider.publishing.outcomes import Outcome, decide, decide_before_sending
from x_provider.publishing.receipts import keep
from x_provider.publishing.recovering import Recovery
from x_provider.publishing.stops import OVERTAKEN, Stops, parent_of, where

_log = logging.getLogger(__name__)

LEASE_SECONDS = 90
"""A sender that has not finished by then counts as dead; well above the client's time-outs."""
AT_ONCE_SECONDS = 0.5
"""What leaves later than this after its attempt began asks once more whether everything was stopped."""


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


@dataclass(frozen=True)
class _Ready:
    request: CreatePost | SignedCall
    user: AccountOnX
    uploads: Sequence[Uploaded]


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
        self._sender = f"{socket.gethostname()}:{os.getpid()}"
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
        """
        ahead = self._ahead.pop(post_id, None)
        post = ahead.post if ahead else self._post(post_id)
        if self._clock() < post.due_at:
            # Whoever calls may know an older due time: the calendar may have moved the post.
            return Fired(post, post.due_at)
        if self._missed(post):
            return Fired(self.ledger.posts.get(post_id))
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
        """The post, which must be the account's: a number says nothing in another ledger than the one it is from.

        :raises LedgerError: when it is another account's.
        """
        post = self.ledger.posts.get(post_id)
        if post.account != self.account:
            raise LedgerError(
                f"post {post_id} of {self.ledger!r} is {post.name} of account {post.account}, and account"
                f" {self.account} was to send it: the connection of the ledger names another database than when that"
                " was decided. Run the task again."
            )
        return post

    def _missed(self, post: Post) -> bool:
        part, now = _next_part(post), self._clock()
        if part is None or part.position > 0 or part.state not in (PartState.PLANNED, PartState.ARMED):
            return False
        why = too_late(self.ledger, post, now=now)
        return why is not None and self.ledger.sending.give_up(post, PartState.MISSED, why=why)

    def _advance(self, post: Post, part: Part, request: SignedCall | None) -> Receipt | Outcome:
        """Bring one part to X, or find it there; or say what stopped it."""
        is_waiting = part.state in (PartState.PLANNED, PartState.ARMED)
        if is_waiting and self._clock() < (due := due_at(post, part)):
            return self._stops.postpone(post, part, due)
        if part.state is PartState.PLANNED and not self.ledger.sending.arm(post, part):
            return self._stops.overtaken()
        if part.state is PartState.SENDING:
            return self._recovery.await_sender(post, part)
        if part.state is PartState.UNCERTAIN:
            return self._recovery.find_out(post, part)
        if part.state in (PartState.PLANNED, PartState.ARMED):
            return self._send(post, part, request)
        return Outcome(str(part.state), part.state)

    def _send(self, post: Post, part: Part, request: SignedCall | None) -> Receipt | Outcome:
        if (why := _answers_nothing(post, part)) is not None:
            return self._stops.refuse(post, why=why)
        ready = self._ready(post, part, request)
        if isinstance(ready, Outcome):
            return ready
        cost, thread_usd = costs_of(post, part, at=self._clock())
        attempt = self.ledger.sending.begin(
            post,
            part,
            user_id=ready.user.user_id,
            sender=self._sender,
            clock=self._clock,
            lease_seconds=LEASE_SECONDS,
            cost=cost,
            thread_usd=thread_usd,
        )
        if attempt is None:
            return self._stops.overtaken()
        if isinstance(attempt, Held):
            return self._stops.hold(post, part, attempt)
        if attempt.warning is not None:
            _log.warning("%s", attempt.warning)
        try:
            created = self.client.create_post(ready.request, may_leave=lambda: self._may_leave(attempt))
        except XError as error:
            return self._not_created(post, part, attempt, ready, error)
        return self._created(post, part, attempt, ready.user, created)

    def _may_leave(self, attempt: Attempt) -> bool:
        """Asked when the connection to X stands.

        A sender that was suspended may wake when somebody else has long sent its post, and one that had to wait
        for its connection when everything was stopped meanwhile.
        """
        now = self._clock()
        if (now - attempt.started_at).total_seconds() < AT_ONCE_SECONDS:
            return True
        return now < attempt.lease_until and self.ledger.controls.halt_of(self.account, now) is None

    def _ready(self, post: Post, part: Part, signed: SignedCall | None) -> _Ready | Outcome:
        """All that a part's request needs, or what keeps it from being sent."""
        try:
            user = self.user()
            # All files of the post: a thread must not be cut in half by one.
            media = self._media.prepare(post, ask_now=True)
        except (XError, MediaUnusableError) as error:
            return self._not_ready(post, part, error)
        if media.ask_at is not None:
            processing = Outcome("media_processing", part.state, media.ask_at)
            why = f"{where(post, part)}: X is still processing its media; next look at {media.ask_at.isoformat()}"
            return self._stops.wait(post, part, processing, why=why)
        uploads = media.uploads.get(part.position, ())
        if signed is not None:
            return _Ready(signed, user, uploads)
        spec = PartSpec.model_validate(part.content)
        ids = [uploaded.x_media_id for uploaded in uploads]
        carried = len(spec.media)
        try:
            request = compose(
                spec,
                media_ids=ids[:carried],
                preview_media_id=next(iter(ids[carried:]), None),
                in_reply_to=parent_of(post, part),
            )
        except ValidationError as error:
            return self._stops.refuse(post, why=_unsendable(post, part, error))
        return _Ready(request, user, uploads)

    def _not_ready(self, post: Post, part: Part, error: XError | MediaUnusableError) -> Outcome:
        if isinstance(error, XNotPaidFor):
            return self._stops.hold(post, part, Held(OVER_BUDGET, str(error).rstrip("."), error.until))
        why = f"{where(post, part)}: {error}"
        now = self._clock()
        if isinstance(error, MediaUnusableError) and error.may_pass and not self._is_too_late(post, part):
            retry_at = now.add(seconds=self._stops.pause(post))
            return self._stops.wait(post, part, Outcome("not_ready", part.state, retry_at), why=why)
        if isinstance(error, XError):
            why += to_go_on(error, self.account)
            late = (now - due_at(post, part)).total_seconds()
            outcome = decide_before_sending(error, now=now, pause=self._stops.pause(post), late=late)
            if outcome.state is not PartState.REFUSED:
                outcome = self._stops.wait(post, part, outcome, why=why)
                self._note_refusal(error)
                return outcome
        return self._stops.refuse(post, why=why)

    def _is_too_late(self, post: Post, part: Part) -> bool:
        return (self._clock() - due_at(post, part)).total_seconds() > post.late_grace_seconds

    def _created(
        self, post: Post, part: Part, attempt: Attempt, user: AccountOnX, created: CreatedPost
    ) -> Receipt | Outcome:
        now = self._clock()
        receipt = Receipt(created.id, post_url(user, created.id), created_at(created.id) or now, now)
        try:
            keep(
                self.ledger,
                attempt,
                receipt,
                account=self.account,
                request_id=created.request_id,
                http_status=201,
                windows=windows_of(created.windows),
            )
        except ReceiptTakenError as error:
            # Another part that says the same has taken it: which of the two is missing, the timeline tells.
            taken = Outcome("receipt_taken", PartState.UNCERTAIN, now.add(seconds=self._stops.pause(post)))
            return self._finish(post, attempt, taken, why=f"{where(post, part)}: {error}")
        self._report(f"posted {receipt.url}")
        return receipt

    def _not_created(self, post: Post, part: Part, attempt: Attempt, ready: _Ready, error: XError) -> Outcome:
        now = self._clock()
        parent = post.parts[part.position - 1].receipt if part.position > 0 else None
        may_upload_again = isinstance(error, XMediaUnknown) and self._media.forget(ready.uploads)
        outcome = decide(
            error,
            now=now,
            pause=self._stops.pause(post),
            late=(now - due_at(post, part)).total_seconds(),
            parent_age=(now - parent.received_at).total_seconds() if parent else None,
            may_upload_again=may_upload_again,
        )
        why = f"{where(post, part)}: {error}{to_go_on(error, self.account)}"
        if isinstance(error, XMediaUnknown) and not may_upload_again:
            why += f" {forgotten_twice(post)}"
        outcome = self._finish(post, attempt, outcome, why=why, error=error)
        self._note_refusal(error)
        return outcome

    def _note_refusal(self, error: XError) -> None:
        """What X does not take the account's page has to say, once X has said it for long enough."""
        digest = self.client.digest
        if digest is None or error.status is None or not isinstance(error, XNeedsLogin):
            return
        why = f"X does not take its credentials any more ({(error.detail or error.summary).rstrip('.')})"
        try:
            self.ledger.refusals.note(self.account, credentials=digest, why=why, now=self._clock())
        except LedgerError as away:
            _log.warning("account %s: that X refused it is not written down: %s", self.account, away)

    def _finish(
        self, post: Post, attempt: Attempt, outcome: Outcome, *, why: str, error: XError | None = None
    ) -> Outcome:
        self.ledger.sending.finish(
            attempt,
            outcome.state,
            outcome=outcome.name,
            now=self._clock(),
            why=why,
            wake_at=self._stops.wake_at(post, outcome),
            http_status=error.status if error else None,
            request_id=error.request_id if error else None,
            words=error.detail if error else None,
            windows=windows_of_refusal(error) if error else (),
            never_sent=isinstance(error, XUnreachable),
        )
        self._report(f"{outcome.name}: {why}")
        return outcome


def _next_part(post: Post) -> Part | None:
    return next((part for part in post.parts if part.state is not PartState.POSTED), None)


def _answers_nothing(post: Post, part: Part) -> str | None:
    """Why nothing is left on X for the part to answer, in words; None as a rule."""
    parent = post.parts[part.position - 1].receipt if part.position > 0 else None
    if parent is None or parent.deleted_at is None:
        return None
    return (
        f"{where(post, part)}: {parent.url}, which it answers, was deleted at {parent.deleted_at.isoformat()}, so it"
        f" was not sent. `airflow x void {post.name}` settles it."
    )


def _unsendable(post: Post, part: Part, error: ValidationError) -> str:
    wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'post'}: {e['msg']}" for e in error.errors())
    return (
        f"{where(post, part)}: X would not understand it ({wrong}). Nothing was sent. Correct its entry and apply"
        " the calendar again."
    )
