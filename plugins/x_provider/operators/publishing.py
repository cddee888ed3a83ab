"""Operators that bring one post to X: its media ahead of time, then the post at its instant."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import Ledger, PartState, Post
from x_provider.operators.links import XPostLink
from x_provider.publishing import Publisher, utc_now
from x_provider.triggers.publish import XPublishTrigger

_SHORTEST_DEFERRAL_SECONDS = 5
"""A task resumed within about a second of parking may be marked failed (a known race of Airflow 3.3)."""

_DEFERRAL_MARGIN = timedelta(hours=1)


class _XPostOperator(BaseOperator):
    """What the operators on one post of the ledger share."""

    def __init__(
        self, *, post_id: int | str, name: str | None = None, ledger_conn_id: str = "x_ledger", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.post_id = post_id
        self.name = name
        self.ledger_conn_id = ledger_conn_id

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger behind ``ledger_conn_id``."""
        return LedgerHook(self.ledger_conn_id).ledger()

    @cached_property
    def post(self) -> Post:
        """The post as the ledger held it when the task first asked."""
        return self.ledger.posts.get(int(self.post_id))

    @cached_property
    def publisher(self) -> Publisher:
        """The engine for the post's account."""
        return open_publisher(
            account=self.post.account,
            ledger_conn_id=self.ledger_conn_id,
            report=self.log.info,
        )


class XUploadMediaOperator(_XPostOperator):
    """Upload the media of a planned post ahead of its due time, with their alt texts.

    A file that is on X already for that account is used again while its id lives past the due time.

    :param post_id: the post in the ledger, as ``x_publish`` and ``XPlanPostOperator`` hand it on (templated).
    :param name: the post's name, for people who look at the mapped task (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: the media ids of all parts, in order (XCom).
    """

    template_fields: Sequence[str] = ("post_id", "name")

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        return self.publisher.prepare(self.post.id)


class XCreatePostOperator(_XPostOperator):
    """Publish a planned post (or thread) at its due instant, once.

    It arms the post and defers to :class:`XPublishTrigger`, which sends it from the triggerer at the instant;
    what is due within seconds, or with ``deferrable=False``, is sent by the worker. Retrying or clearing the
    task never publishes a second time: the ledger knows what is on X.

    :param post_id: the post in the ledger (templated).
    :param name: the post's name, for people who look at the mapped task (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param deferrable: wait in the triggerer instead of on a worker slot.
    :return: ``{"post", "account", "due_at", "x_ids", "urls", "posted_at", "lateness_ms"}``, times as ISO 8601
        (XCom).
    :raises AirflowFailException: when X refused it for good, or a person must act first; the message says
        what to do.
    :raises AirflowSkipException: when it was too late and the calendar says to skip it then.
    """

    template_fields: Sequence[str] = ("post_id", "name")
    operator_extra_links = (XPostLink(),)

    def __init__(self, *, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        post = self.publisher.arm(self.post.id)
        if post.state is PartState.POSTED:
            self.log.info("post %s is on X already; it is not sent again", post.name)
            return _published(post)
        fire_at = post.due_at
        while True:
            wait = (fire_at - utc_now()).total_seconds()
            if self.deferrable and wait >= _SHORTEST_DEFERRAL_SECONDS:
                self.log.info("post %s is armed; the triggerer sends it at %s", post.name, fire_at)
                self.defer(
                    trigger=XPublishTrigger(
                        post_id=post.id,
                        account=post.account,
                        fire_at=fire_at.isoformat(),
                        ledger_conn_id=self.ledger_conn_id,
                    ),
                    method_name=self.execute_complete.__name__,
                    timeout=timedelta(seconds=wait) + _DEFERRAL_MARGIN,
                )
            if wait > 0:
                time.sleep(wait)
            fired = self.publisher.fire(post.id)
            if fired.retry_at is None:
                return _published(fired.post)
            self.log.warning("%s; trying again at %s", fired.why, fired.retry_at)
            fire_at = fired.retry_at

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Resume after the trigger: the ledger, not the event, says what happened."""
        post = self.ledger.posts.get(int(event["post_id"]))
        if "error" in event and post.state is not PartState.POSTED:
            raise AirflowException(f"post {post.name}: the trigger could not finish: {event['error']}")
        return _published(post)


def _published(post: Post) -> dict[str, Any]:
    if post.state is PartState.MISSED and post.late_then == "skip":
        raise AirflowSkipException(_why(post))
    if post.state is not PartState.POSTED:
        raise AirflowFailException(_why(post))
    receipts = [part.receipt for part in post.parts if part.receipt is not None]
    first = receipts[0]
    return {
        "post": post.name,
        "account": post.account,
        "due_at": post.due_at.isoformat(),
        "x_ids": [receipt.x_id for receipt in receipts],
        "urls": [receipt.url for receipt in receipts],
        "posted_at": first.posted_at.isoformat(),
        "lateness_ms": round((first.posted_at - post.due_at).total_seconds() * 1000),
    }


def _why(post: Post) -> str:
    words = [part.why for part in post.parts if part.why]
    return words[0] if words else f"post {post.name} is {post.state}, not posted"
