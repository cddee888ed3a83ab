"""The states of a part and the moves between them: the whole promise in one table."""

from __future__ import annotations

from enum import Enum


class PartState(str, Enum):
    """Where one part (one post on X) stands."""

    PLANNED = "planned"
    ARMED = "armed"
    SENDING = "sending"
    POSTED = "posted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"

    def __str__(self) -> str:
        return self.value


MOVES: dict[PartState, frozenset[PartState]] = {
    PartState.PLANNED: frozenset(
        {PartState.ARMED, PartState.MISSED, PartState.WITHDRAWN, PartState.REFUSED, PartState.POSTED}
    ),
    PartState.ARMED: frozenset(
        {
            PartState.SENDING,
            PartState.PLANNED,
            PartState.MISSED,
            PartState.WITHDRAWN,
            PartState.REFUSED,
            PartState.POSTED,
        }
    ),
    PartState.SENDING: frozenset({PartState.POSTED, PartState.ARMED, PartState.REFUSED, PartState.UNCERTAIN}),
    PartState.UNCERTAIN: frozenset({PartState.POSTED, PartState.ARMED, PartState.REFUSED}),
    PartState.REFUSED: frozenset({PartState.PLANNED, PartState.WITHDRAWN, PartState.POSTED}),
    PartState.MISSED: frozenset({PartState.PLANNED, PartState.WITHDRAWN, PartState.POSTED}),
    PartState.WITHDRAWN: frozenset({PartState.PLANNED}),
    PartState.POSTED: frozenset(),
}
"""Every allowed move. Nothing leaves ``posted``; a part leaves ``sending`` only by what X said or did.

``posted`` is reached by proof: X's answer to the newest attempt, however late and whatever was believed meanwhile,
or the post found on X. From ``refused`` also by a person's word, who has found there what X called a duplicate, or
what was given up before anybody knew.
"""

UNDER_WAY = frozenset({PartState.SENDING, PartState.UNCERTAIN})
"""A part in one of these may be on X already, or come there."""
UNSENT = frozenset(PartState) - UNDER_WAY - {PartState.POSTED}
"""A part in one of these is not on X and not on its way there: it may be changed, withdrawn, planned anew."""


def may_move(old: PartState, new: PartState) -> bool:
    """Whether the move from ``old`` to ``new`` exists."""
    return new in MOVES[old]
