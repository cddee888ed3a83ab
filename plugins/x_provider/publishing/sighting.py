"""When X tells of a new post of an account: whoever does not know what became of such a post looks at once.

What X tells wakes, and proves nothing: the post is looked for on X as ever, and adopted there.
"""

from __future__ import annotations

from pendulum import DateTime

from x_provider.calendar import PartSpec
from x_provider.client import Post as PostOnX
from x_provider.ledger import Ledger, PartState
from x_provider.publishing.reconciling import matches
from x_provider.publishing.recovering import ANSWER_SECONDS
from x_provider.publishing.stops import parent_of


def planned_as(ledger: Ledger, seen: PostOnX, *, now: DateTime) -> str | None:
    """The account that planned a post which X tells of, as far as is known; None for one posted by hand.

    It is some part's, as its receipt says; or what a part says that is being sent or that nobody knows the outcome
    of: then its post is woken, in a moment where its sender may still hear X's answer.

    :param seen: with its ``author_id``.
    """
    versions = [seen.id, *seen.edit_history_post_ids]
    if known := ledger.receipts.known(versions):
        return ledger.receipts.account_of(next(iter(known)))
    for flight in ledger.sweeping.in_flight(seen.author_id or ""):
        post = ledger.posts.get(flight.post_id)
        part = next(part for part in post.parts if part.id == flight.part_id)
        if not matches(PartSpec.model_validate(part.content), seen, parent=parent_of(post, part)):
            continue
        answered_by = flight.started_at.add(seconds=ANSWER_SECONDS)
        at = max(now, answered_by) if part.state is PartState.SENDING else now
        ledger.sweeping.hasten(flight, at)
        return post.account
    return None
