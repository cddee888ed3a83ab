"""What keeps a part from X, written down where everybody finds it: the ledger and the log."""

from __future__ import annotations

from collections.abc import Callable

from pendulum import DateTime

from x_provider.ledger import OVER_BUDGET, Held, Ledger, Part, PartState, Post
from x_provider.publishing.drafts import LEAD_SECONDS
from x_provider.publishing.lateness import too_late
from x_provider.publishing.outcomes import Outcome
from x_provider.publishing.queue import AFTER_DUE_SECONDS

SHORTEST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 60
HALTED_PAUSE_SECONDS = 10
LONGEST_ACCOUNT_PAUSE_SECONDS = 900
LONGEST_WAIT_SECONDS = 3600
"""For a part that follows later than that its sender does not wait."""
OVERTAKEN = "overtaken"
"""Somebody else moved or changed the post since it was read."""


class Stops:
    """Records what stops a part, and says when trying again makes sense.

    :param report: told, in words, what stopped it.
    """

    def __init__(
        self, ledger: Ledger, *, clock: Callable[[], DateTime], report: Callable[[str], None]
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._report = report

    def wait(self, post: Post, part: Part, outcome: Outcome, *, why: str) -> Outcome:
        """The part waits for what the outcome says; without a time in it, for a person."""
        self._report(why)
        wake_at = self.wake_at(post, outcome)
        if not self._ledger.sending.wait(post, part, why=why, wake_at=wake_at):
            return self.overtaken()
        return outcome

    def hold(self, post: Post, part: Part, held: Held) -> Outcome:
        """The part waits for the end of a halt or of a rate window, or until there is money for it.

        What got no money within its grace waits for a person: a new month must not let the old one's posts loose.
        """
        now = self._clock()
        if held.name == OVER_BUDGET and part.position == 0:
            missed = too_late(self._ledger, post, now=now, held=held)
            if missed is not None:
                return self._end(post, PartState.MISSED, why=missed)
        retry_at = now.add(seconds=HALTED_PAUSE_SECONDS)
        if held.until is not None:
            # Somebody may lift a halt early; a rate window ends when it ends.
            soon = now.add(seconds=LONGEST_PAUSE_SECONDS)
            retry_at = held.until if held.name == "rate_limited" else min(held.until, soon)
        why = f"{where(post, part)}: {held.why}; next try at {retry_at.isoformat()}"
        return self.wait(post, part, Outcome(held.name, PartState.ARMED, retry_at), why=why)

    def postpone(self, post: Post, part: Part, due_at: DateTime) -> Outcome:
        """The part follows later than the one before it, which is on X.

        Nobody waits for days, nor keeps files on X for them: what follows much later is taken on anew, in time.
        """
        is_soon = due_at <= self._clock().add(seconds=LONGEST_WAIT_SECONDS)
        then = "" if is_soon else "; DAG x_publish sends it"
        self._report(f"{where(post, part)} follows at {due_at.isoformat()}{then}")
        wake_at = due_at.add(seconds=AFTER_DUE_SECONDS if is_soon else -max(LEAD_SECONDS.values()))
        if not self._ledger.sending.postpone(post, part, due_at=due_at, wake_at=wake_at):
            return self.overtaken()
        return Outcome("postponed", part.state, due_at if is_soon else None)

    def refuse(self, post: Post, *, why: str) -> Outcome:
        """Nothing more of the post is sent until a person has done something about it."""
        return self._end(post, PartState.REFUSED, why=why)

    def overtaken(self) -> Outcome:
        """Somebody else moved the post: read it again."""
        return Outcome(OVERTAKEN, PartState.SENDING, self._clock().add(seconds=1))

    def pause(self, post: Post) -> float:
        """Seconds before trying again where X says nothing: longer, the longer it goes on."""
        late = (self._clock() - post.due_at).total_seconds()
        return min(max(late / 4, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    def wake_at(self, post: Post, outcome: Outcome) -> DateTime | None:
        """When somebody else must look after the post.

        Whoever fires it goes on by itself, unless it dies. A post whose account cannot post is tried again after a
        while, and later and later: a person may have mended it.
        """
        if outcome.state is PartState.REFUSED or outcome.name == "ask":
            return None
        if outcome.retry_at is not None:
            return outcome.retry_at.add(seconds=AFTER_DUE_SECONDS)
        late = (self._clock() - post.due_at).total_seconds()
        return self._clock().add(seconds=min(max(late, AFTER_DUE_SECONDS), LONGEST_ACCOUNT_PAUSE_SECONDS))

    def _end(self, post: Post, state: PartState, *, why: str) -> Outcome:
        self._report(why)
        if not self._ledger.sending.give_up(post, state, why=why):
            return self.overtaken()
        return Outcome(str(state), state)


def where(post: Post, part: Part) -> str:
    """The part as people speak of it."""
    return f"post {post.name}" + (f", part {part.position + 1}" if len(post.parts) > 1 else "")


def parent_of(post: Post, part: Part) -> str | None:
    """X id of the thread's previous part."""
    receipt = post.parts[part.position - 1].receipt if part.position > 0 else None
    return receipt.x_id if receipt else None
