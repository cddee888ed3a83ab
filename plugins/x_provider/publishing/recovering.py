"""After an attempt without an answer: what X did is found out before anything else is sent."""

from __future__ import annotations

from collections.abc import Callable

from pendulum import DateTime

from x_provider.calendar import PartSpec
from x_provider.client import XClient, XError
from x_provider.ids import created_at
from x_provider.ledger import (
    CREATE_FAMILY,
    OVER_BUDGET,
    AccountOnX,
    Attempt,
    Ledger,
    Part,
    PartState,
    Post,
    Receipt,
    ReceiptTakenError,
)
from x_provider.publishing.accounts import post_url
from x_provider.publishing.firing import Aside
from x_provider.publishing.governor import costs_of
from x_provider.publishing.outcomes import Outcome
from x_provider.publishing.receipts import keep
from x_provider.publishing.reconciling import (
    QUIET_SECONDS,
    TooManyPostsError,
    UndecidedError,
    hidden_by,
    look_for,
)
from x_provider.publishing.stops import LONGEST_PAUSE_SECONDS, Stops, parent_of, where

UNREADABLE_PAUSE_SECONDS = 60
ANSWER_SECONDS = 10
"""A sender that lives has X's answer by then, as a rule."""


class Recovery:
    """Finds out what became of attempts that nobody has an answer to.

    :param user: who the account is on X.
    :param aside: surrounds every look.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        stops: Stops,
        *,
        user: Callable[[], AccountOnX],
        clock: Callable[[], DateTime],
        report: Callable[[str], None],
        aside: Aside,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._stops = stops
        self._user = user
        self._clock = clock
        self._report = report
        self._aside = aside

    def await_sender(self, post: Post, part: Part) -> Receipt | Outcome:
        """See after a part that is being sent.

        Its sender may be dead: then the part may be on X all the same, and finding it harms nobody. To anything
        else it is bound by its lease; once that has run out, nobody knows the outcome.
        """
        attempt = self._attempt_of(post, part)
        now = self._clock()
        if now < attempt.lease_until:
            if now < (look_at := attempt.started_at.add(seconds=ANSWER_SECONDS)):
                return Outcome("sending", PartState.SENDING, look_at)
            found = self._look(post, part, attempt)
            if isinstance(found, Receipt):
                return found
            return Outcome("sending", PartState.SENDING, attempt.lease_until)
        why = (
            f"{where(post, part)}: its sender died between sending and hearing X's answer; it is looked for on"
            " X before anything else is done"
        )
        lease_until = self._ledger.sending.expire(post, part, now=now, why=why)
        if lease_until is not None:
            return self._stops.overtaken()
        return Outcome("lease_expired", PartState.UNCERTAIN, now)

    def find_out(self, post: Post, part: Part) -> Receipt | Outcome:
        """Look for the part on X: its receipt when it is there, else when to look or send again."""
        attempt, asked_at = self._attempt_of(post, part), self._clock()
        found = self._look(post, part, attempt)
        if found is not None:
            return found
        quiet_until = attempt.left_by.add(seconds=QUIET_SECONDS)
        if asked_at < quiet_until:  # however late X answered: what it has created since it does not show
            now = self._clock()
            look_at = max(now, min(now.add(seconds=self._stops.pause(post)), quiet_until))
            return Outcome("not_seen_yet", PartState.UNCERTAIN, look_at)
        return self._absent(post, part, duplicate=attempt.outcome == "duplicate")

    def _attempt_of(self, post: Post, part: Part) -> Attempt:
        attempt = self._ledger.sending.attempt_of(post, part)
        assert attempt is not None  # noqa: S101 - nothing is sent, or becomes uncertain, without an attempt
        return attempt

    def _look(self, post: Post, part: Part, attempt: Attempt) -> Receipt | Outcome | None:
        """The receipt of the attempt's post if X shows it; None while it does not; or why nobody can tell."""
        now = self._clock()
        spec = PartSpec.model_validate(part.content)
        try:
            user = self._user()
            parent = parent_of(post, part)
            with self._aside():
                found = look_for(self._ledger, self._client, user, attempt, spec, parent=parent, now=now)
        except TooManyPostsError as error:
            return self._too_many(post, part, error)
        except (XError, UndecidedError) as error:
            retry_at = now.add(seconds=UNREADABLE_PAUSE_SECONDS)
            why = f"{where(post, part)}: cannot look for it on X: {error}"
            return self._stops.wait(post, part, Outcome("unreadable", PartState.UNCERTAIN, retry_at), why=why)
        if found is None:
            return None
        receipt = Receipt(found.id, post_url(user, found.id), created_at(found.id) or now, now, adopted=True)
        try:
            keep(self._ledger, attempt, receipt, account=post.account, name=post.name)
        except ReceiptTakenError:
            return self._stops.overtaken()
        self._report(f"found {receipt.url}")
        return receipt

    def _too_many(self, post: Post, part: Part, error: TooManyPostsError) -> Outcome:
        if error.again_at is None:
            return self._leave_to_a_person(post, part, f"{error}. Look at the account")
        why = f"{where(post, part)}: {error}; next look at {error.again_at.isoformat()}, when there are fewer"
        return self._stops.wait(
            post, part, Outcome("unreadable", PartState.UNCERTAIN, error.again_at), why=why
        )

    def _absent(self, post: Post, part: Part, *, duplicate: bool) -> Outcome:
        if (hidden := hidden_by(part.content, root=post.parts[0].content)) is not None:
            return self._ask_about_hidden(post, part, *hidden)
        if self._ledger.deciding.is_given_up(part):
            return self._refuse_given_up(post, part)
        if duplicate:
            return self._refuse_duplicate(post, part)
        if post.on_absent == "ask":
            return self._ask(post, part)
        return self._resend(post, part)

    def _resend(self, post: Post, part: Part) -> Outcome:
        absent = f"{where(post, part)}: not on X {QUIET_SECONDS} s after it had left, and no answer came"
        now = self._clock()
        held = self._held(post, part, now)
        if held is not None:
            # Once it is armed nobody looks again, and X may show it before it may be sent.
            outcome, words = held
            why = f"{absent}; {words}, when it is looked for once more before it is sent again"
            return self._stops.wait(post, part, outcome, why=why)
        why = f"{absent}: sent again"
        if not self._ledger.sending.resend(post, part, why=why):
            return self._stops.overtaken()
        self._report(why)
        return Outcome("absent", PartState.ARMED, now)

    def _held(self, post: Post, part: Part, now: DateTime) -> tuple[Outcome, str] | None:
        """What would hold the part if it were armed now, and until when; in words, too."""
        halt = self._ledger.controls.halt_of(post.account, now)
        soon = now.add(seconds=LONGEST_PAUSE_SECONDS)  # somebody may lift it early, or raise the budget
        if halt is not None:
            until, name, words = min(halt.ends_at or soon, soon), "halted", str(halt)
        elif (unpaid := self._unpaid(post, part, now)) is not None:
            until, name, words = soon, OVER_BUDGET, unpaid
        else:
            reset_at = self._ledger.limits.blocked_until(post.account, [CREATE_FAMILY], now=now)
            if reset_at is None:
                return None
            until, name, words = reset_at, "rate_limited", f"X's rate limit of {post.account} is used up"
        return Outcome(name, PartState.UNCERTAIN, until), f"{words}; next try at {until.isoformat()}"

    def _unpaid(self, post: Post, part: Part, now: DateTime) -> str | None:
        """Why the budget would not let the part and the rest of its thread leave; its own money is held already."""
        month = self._ledger.charges.month(post.account, now=now)
        if month.budget is None:
            return None
        _, rest = costs_of(post, part, at=now)
        return None if month.used + rest <= month.budget else month.held(rest).why

    def _ask(self, post: Post, part: Part) -> Outcome:
        return self._leave_to_a_person(
            post,
            part,
            f"sent without an answer, and not on X {QUIET_SECONDS} s later. The post is set to ask a person then"
            " (on_absent): look at the account",
        )

    def _ask_about_hidden(self, post: Post, part: Part, why: str, look: str) -> Outcome:
        return self._leave_to_a_person(
            post,
            part,
            f"nobody knows whether it is on X: {why}, so not finding it there proves nothing, and it is not sent"
            f" again of itself. {look}",
        )

    def _leave_to_a_person(self, post: Post, part: Part, words: str) -> Outcome:
        why = f"{where(post, part)}: {words}, and answer the question in DAG x_ask"
        return self._stops.wait(post, part, Outcome("ask", PartState.UNCERTAIN), why=why)

    def _refuse_given_up(self, post: Post, part: Part) -> Outcome:
        if not self._ledger.sending.refuse_given_up(post, part):
            return self._stops.overtaken()
        self._report(f"{where(post, part)}: given up while it was being sent, and not on X")
        return Outcome("given_up", PartState.REFUSED)

    def _refuse_duplicate(self, post: Post, part: Part) -> Outcome:
        why = (
            f"{where(post, part)}: X says that the account has posted this text already, by another post than"
            " this one. Change the text in its entry, or remove the entry; where it has none (of the form, of a DAG),"
            " post another text anew."
        )
        if not self._ledger.sending.refuse(post, part, why=why):
            return self._stops.overtaken()
        self._report(why)
        return Outcome("duplicate", PartState.REFUSED)
