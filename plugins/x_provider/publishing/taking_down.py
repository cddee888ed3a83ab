"""Taking a post down: all of its parts that are on X, the last first, and what is still to come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pendulum import DateTime

from x_provider.client import XClient, XNotFound
from x_provider.ledger import UNDER_WAY, Ledger


class NotDoneError(RuntimeError):
    """X answered that it did not do what it was asked for, and did not say why."""


@dataclass(frozen=True)
class TakenDown:
    """A post that was taken down.

    :param x_ids: the ids of its parts that were on X, in the order in which they were taken down.
    :param may_appear: whether more of it may be on X yet: a part was being sent at that moment, or nobody knows
        whether X created it.
    """

    x_ids: tuple[str, ...]
    may_appear: bool


class TakingDown:
    """Deletes an account's posts. What is gone from X already counts as done, so that it can be repeated.

    :param report: told, in words, what is being done.
    :param may_leave: asked at the last moment before each deletion; False keeps it from leaving.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: XClient,
        *,
        clock: Callable[[], DateTime],
        report: Callable[[str], None],
        may_leave: Callable[[], bool] | None = None,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._clock = clock
        self._report = report
        self._may_leave = may_leave

    def post(self, post_id: int, *, why: str, by: str) -> TakenDown:
        """Take a post of the ledger down; what of it is not on X yet is given up first.

        Nothing happens to a post of which nothing is on X. After a crash the rest is taken down by repeating it.

        :param why: what the ledger says of the parts that are not sent.
        :param by: who decided it, for the evidence trail.
        :raises NotDoneError: when X kept a part and did not say why.
        :raises XError: when X refuses to delete a part, or cannot be asked; those after it are gone already.
        """
        post = self._ledger.taking_down.give_up_rest(post_id, why=why, by=by, now=self._clock())
        on_x = [part.receipt for part in reversed(post.parts) if part.receipt is not None]
        for receipt in on_x:
            if receipt.deleted_at is None:
                self.one(receipt.x_id)
        may_appear = any(part.state in UNDER_WAY for part in post.parts)
        return TakenDown(tuple(receipt.x_id for receipt in on_x), may_appear)

    def one(self, x_id: str) -> None:
        """Take one post down, by its id on X.

        :raises NotDoneError: when X kept it and did not say why.
        :raises XError: when X refuses to delete it, or cannot be asked.
        """
        try:
            if not self._client.delete_post(x_id, may_leave=self._may_leave):
                raise NotDoneError(f"X did not delete {x_id}, and did not say why: look at it on X")
            self._report(f"{x_id} is deleted")
        except XNotFound:
            self._report(f"post {x_id} is not on X (any more)")
        self._ledger.receipts.deleted(x_id, now=self._clock())
