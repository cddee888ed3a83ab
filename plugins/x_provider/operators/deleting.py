"""Operator that takes a post down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from x_provider.hooks.publisher import open_publisher
from x_provider.operators.engaging import checked_x_id
from x_provider.operators.retrying import XOperator
from x_provider.publishing import Publisher, utc_now
from x_provider.publishing.taking_down import NotDoneError, TakingDown


class XDeletePostOperator(XOperator):
    """Take a post down from X. What is deleted already counts as done; the ledger keeps its receipts.

    By its name in the ledger a post is taken down with all its parts, the last first: a thread, a first comment. What
    of it was still to come is given up. By its id on X one post is deleted and nothing else.
    https://docs.x.com/x-api/posts/delete-post

    :param post_id: the post in the ledger, as ``XPlanPostOperator`` hands it on, or its name ``calendar/key``
        (templated).
    :param x_id: instead of it: one post's id on X, or its address (templated).
    :param x_conn_id: the Airflow connection of the account that owns it (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"account", "x_ids"}``: what is gone from X, in the order in which it was taken down (XCom).
    :raises ValueError: when it is given both post_id and x_id, or neither.
    """

    template_fields: Sequence[str] = ("post_id", "x_id", "x_conn_id")

    def __init__(
        self,
        *,
        post_id: int | str | None = None,
        x_id: str | None = None,
        x_conn_id: str = "x_default",
        ledger_conn_id: str = "x_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (post_id is None) == (x_id is None):
            raise ValueError(
                f"{self.task_id}: give the post by its post_id in the ledger, or by its x_id on X"
            )
        self.post_id = post_id
        self.x_id = x_id
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        x_id = None if self.x_id is None else checked_x_id("x_id", self.x_id)
        publisher = open_publisher(account=self.x_conn_id, ledger_conn_id=self.ledger_conn_id)
        taking_down = TakingDown(publisher.ledger, publisher.client, clock=utc_now, report=self.log.info)
        try:
            if x_id is None:
                x_ids = self._take_down(publisher, taking_down)
            else:
                taking_down.one(x_id)
                x_ids = [x_id]
        except NotDoneError as error:
            raise AirflowFailException(str(error)) from error
        return {"account": self.x_conn_id, "x_ids": x_ids}

    def _take_down(self, publisher: Publisher, taking_down: TakingDown) -> list[str]:
        post = publisher.ledger.posts.named(str(self.post_id))
        if post.account != self.x_conn_id:
            raise AirflowFailException(
                f"post {post.name} is of account {post.account}, and this task acts as {self.x_conn_id}: give it"
                f" x_conn_id={post.account!r}"
            )
        if not any(part.receipt for part in post.parts):
            raise AirflowException(
                f"post {post.name} is {post.state}: nothing of it is on X (yet). `airflow x void {post.name}` keeps"
                " it from being sent"
            )
        by = f"{self.dag_id}.{self.task_id}"
        done = taking_down.post(post.id, why=f"the post was taken down by task {by}", by=by)
        if done.may_appear:
            # The parts that are on X are gone; tried again, this finds the one that came after them.
            raise AirflowException(
                f"post {post.name} is taken down ({', '.join(done.x_ids)}), but a part of it was being sent or may be"
                " on X: it is looked for, and this task takes it down when it is tried again"
            )
        return list(done.x_ids)
