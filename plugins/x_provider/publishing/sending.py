"""Sending a part: what its request needs, the attempt, the one request, and what X's answer means."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from x_provider.publishing.accounts import post_url
from x_provider.publishing.composing import compose
from x_provider.publishing.files import MediaUnusableError
from x_provider.publishing.governor import costs_of, to_go_on, windows_of, windows_of_refusal
from x_provider.publishing.lateness import due_at
from x_provider.publishing.media import MediaPreparer, forgotten_twice
from x_provider.publishing.outcomes import Outcome, decide, decide_before_sending
from x_provider.publishing.receipts import keep
from x_provider.publishing.stops import Stops, parent_of, where

_log = logging.getLogger(__name__)

LEASE_SECONDS = 90
"""A sender that has not finished by then counts as dead; well above the client's time-outs."""
AT_ONCE_SECONDS = 0.5
"""What leaves later than this after its attempt began asks once more whether everything was stopped."""


@dataclass(frozen=True)
class _Ready:
    request: CreatePost | SignedCall
    user: AccountOnX
    uploads: Sequence[Uploaded]


class Sender:
    """Brings one armed part to X and writes down what came of it.

    :param account: the account's name in the calendar, whose posts these are.
    :param user: who the account is on X.
    :param report: told, in words, what is being done.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        media: MediaPreparer,
        stops: Stops,
        *,
        account: str,
        user: Callable[[], AccountOnX],
        clock: Callable[[], DateTime],
        report: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._media = media
        self._stops = stops
        self._account = account
        self._user = user
        self._clock = clock
        self._report = report
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    def send(self, post: Post, part: Part, signed: SignedCall | None = None) -> Receipt | Outcome:
        """Send an armed part, once: its receipt, or what came of it instead.

        :param signed: its request, where it was signed ahead of time.
        :raises ReceiptNotStoredError: when X created the part and the ledger could not be told.
        """
        if (why := _answers_nothing(post, part)) is not None:
            return self._stops.refuse(post, why=why)
        ready = self._ready(post, part, signed)
        if isinstance(ready, Outcome):
            return ready
        cost, thread_usd = costs_of(post, part, at=self._clock())
        attempt = self._ledger.sending.begin(
            post,
            part,
            user_id=ready.user.user_id,
            sender=self._name,
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
            created = self._client.create_post(
                ready.request, may_leave=lambda: self._may_leave(attempt, ready.user)
            )
        except XError as error:
            return self._not_created(post, part, attempt, ready, error)
        return self._created(post, part, attempt, ready.user, created)

    def _may_leave(self, attempt: Attempt, user: AccountOnX) -> bool:
        """Asked when the connection to X stands.

        A sender that was suspended may wake when somebody else has long sent its post, and one that had to wait
        for its connection when everything was stopped meanwhile. Or somebody else has logged the account in since
        the attempt was recorded for its user.
        """
        if self._client.credentials != user.credentials:
            return False
        now = self._clock()
        # The one clock may be set meanwhile, the other stands still while the machine sleeps.
        passed = (now - attempt.started_at).total_seconds()
        if 0 <= passed < AT_ONCE_SECONDS and time.monotonic() - attempt.began < AT_ONCE_SECONDS:
            return True
        return now < attempt.lease_until and self._ledger.controls.halt_of(self._account, now) is None

    def _ready(self, post: Post, part: Part, signed: SignedCall | None) -> _Ready | Outcome:
        """All that a part's request needs, or what keeps it from being sent."""
        try:
            user = self._user()
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
            why += to_go_on(error, self._account)
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
                self._ledger,
                attempt,
                receipt,
                account=self._account,
                name=post.name,
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
        why = f"{where(post, part)}: {error}{to_go_on(error, self._account)}"
        if isinstance(error, XMediaUnknown) and not may_upload_again:
            why += f" {forgotten_twice(post)}"
        outcome = self._finish(post, attempt, outcome, why=why, error=error)
        self._note_refusal(error)
        return outcome

    def _note_refusal(self, error: XError) -> None:
        """What X does not take the account's page has to say, once X has said it for long enough."""
        digest = self._client.digest
        if digest is None or error.status is None or not isinstance(error, XNeedsLogin):
            return
        why = f"X does not take its credentials any more ({error.words.rstrip('.')})"
        try:
            self._ledger.refusals.note(self._account, credentials=digest, why=why, now=self._clock())
        except LedgerError as away:
            _log.warning("account %s: that X refused it is not written down: %s", self._account, away)

    def _finish(
        self, post: Post, attempt: Attempt, outcome: Outcome, *, why: str, error: XError | None = None
    ) -> Outcome:
        self._ledger.sending.finish(
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
