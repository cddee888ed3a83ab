"""Upkeep: whatever was dropped on the way is picked up again, or said to be missed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from pendulum import DateTime

from x_provider.ledger import Ledger, PartState
from x_provider.publishing.lateness import too_late


@dataclass(frozen=True)
class Swept:
    """What a sweep did, by the names of the posts.

    :param dead_sends: their sender died between sending and hearing X's answer; they are looked for on X.
    :param uncertain: they were uncertain and nobody looked after them.
    :param unsent: they were to be sent and nobody was to send them.
    :param missed: they were past their grace and nobody had taken them on; they are not sent any more.
    """

    dead_sends: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = [
            f"{len(names)} {_WORDS[kind]}: {', '.join(names)}"
            for kind, names in asdict(self).items()
            if names
        ]
        return "; ".join(found) or "nothing was left lying"


_WORDS = {
    "dead_sends": "whose sender died, looked for on X now",
    "uncertain": "uncertain and forgotten, looked for on X now",
    "unsent": "to be sent and forgotten, woken now",
    "missed": "too late, not sent any more",
}


def sweep(ledger: Ledger, *, now: DateTime) -> Swept:
    """Wake the posts that are stuck, and end those that are too late. Nothing is sent here.

    It may run beside senders and beside itself: each post is looked at again while it is held, and waking
    one that is awake changes nothing.
    """
    return Swept(
        dead_sends=ledger.sweeping.wake_dead_sends(now),
        uncertain=ledger.sweeping.wake_uncertain(now),
        unsent=ledger.sweeping.wake_unsent(now),
        missed=_end_what_is_too_late(ledger, now),
    )


def _end_what_is_too_late(ledger: Ledger, now: DateTime) -> list[str]:
    missed = []
    for post_id in ledger.sweeping.overdue(now):
        post = ledger.posts.get(post_id)
        first = next(iter(post.parts), None)
        if first is None or first.state not in (PartState.PLANNED, PartState.ARMED):
            continue
        why = too_late(ledger, post, now=now)
        if why is not None and ledger.sending.give_up(post, PartState.MISSED, why=why):
            missed.append(post.name)
    return missed
