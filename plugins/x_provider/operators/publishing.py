"""The operator that brings one post to X at its instant."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pendulum import DateTime

from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import PartState, Post
from x_provider.operators.links import XPostLink
from x_provider.operators.parking import (
    SHORTEST_DEFERRAL_SECONDS,
    as_its_account,
    checked_id,
    is_moved,
    is_not_due_here,
    known_as,
    prepared_files,
    seconds_until,
    wait_until,
    why_ended,
)
from x_provider.operators.planning import CONTENT_FIELDS, XContentOperator
from x_provider.operators.retrying import XTriggerFailedError
from x_provider.publishing import (
    AnotherLedgerError,
    PostedTwiceError,
    Publisher,
    ReceiptNotStoredError,
    keep_evidence,
    utc_now,
)
from x_provider.publishing.drafts import LEAD_SECONDS
from x_provider.triggers.publish import XPublishTrigger
from x_provider.triggers.receipt import XKeepReceiptTrigger
from x_provider.triggers.waiting import next_try

_ENDED = frozenset({PartState.REFUSED, PartState.MISSED, PartState.WITHDRAWN})
_LONGEST_LEAD = timedelta(seconds=max(LEAD_SECONDS.values()))


class XCreatePostOperator(XContentOperator):
    """Publish a post (or thread) at its due instant, once.

    Either one that is planned, by ``post_id``, or one of the task's own, by its content: ``text``, ``media``
    and what else :class:`XContentOperator` takes. The latter is planned, and its media uploaded, here.

    It arms the post and defers to :class:`XPublishTrigger`, which sends it from the triggerer at the instant;
    what is due within seconds, or with ``deferrable=False``, is sent by the worker. Retrying or clearing the
    task never publishes a second time: the ledger knows what is on X.

    :param post_id: the post in the ledger (templated).
    :param name: the post's name, for people who look at the mapped task (templated).
    :param deferrable: wait in the triggerer instead of on a worker slot.
    :return: ``{"post", "account", "due_at", "x_ids", "urls", "posted_at", "lateness_ms"}``, times as ISO 8601
        (XCom). What follows more than an hour later, such as a first comment, is left to DAG ``x_publish``.
    :raises ValueError: when it is given both a post_id and content, or neither.
    :raises AirflowFailException: when a field is wrong, when X refused it for good, or when a person must act
        first; the message says what to do.
    :raises AirflowSkipException: when it was too late and its late policy says to skip it then; or when
        ``post_id`` is due later and so left to DAG ``x_publish``.
    """

    template_fields: Sequence[str] = ("post_id", "name", *XContentOperator.template_fields)
    operator_extra_links = (XPostLink(),)

    def __init__(
        self,
        *,
        post_id: int | str | None = None,
        name: str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = [
            field for field in CONTENT_FIELDS if field != "timezone" and getattr(self, field) is not None
        ]
        if (post_id is None) == (not given):
            wrong = f"both post_id and {', '.join(given)}" if given else "neither post_id nor content"
            raise ValueError(
                f"{self.task_id}: {wrong}. Give the post_id of a planned post, or text, media and so on"
            )
        self.post_id = post_id
        self.name = name
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        if self.post_id is None:
            own = self.plan_post(context, to_be_sent_here=True)
            return as_its_account(self, own, self._prepared_and_published)
        return as_its_account(self, self.ledger.posts.get(checked_id(self.post_id)), self._published)

    def execute_prepared(self, context: Context, event: Any) -> dict[str, Any]:  # noqa: ARG002
        """Resume when it is time to upload the media of the task's own post, or X takes more uploads."""
        return as_its_account(self, self.planned_post(context), self._prepared_and_published)

    def _prepared_and_published(self, post: Post) -> dict[str, Any]:
        publisher = self._open(post)
        if post.state is PartState.PLANNED and any(part.content.get("media") for part in post.parts):
            resume = self.execute_prepared.__name__
            # X forgets an unused file after 24 hours.
            wait_until(self, post.due_at - _LONGEST_LEAD, resume=resume)
            prepared_files(self, publisher, post, resume=resume)
        return self._sent(publisher, post)

    def _published(self, post: Post) -> dict[str, Any]:
        if is_not_due_here(post):
            local = post.due_at.in_timezone(post.timezone).format("YYYY-MM-DD HH:mm:ss zz")
            raise AirflowSkipException(
                f"post {post.name} is planned and due at {local}. DAG x_publish sends it then, if it is"
                " not paused; this task has nothing more to do"
            )
        return self._sent(self._open(post), post)

    def _open(self, post: Post) -> Publisher:
        return open_publisher(account=post.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info)

    def _sent(self, publisher: Publisher, post: Post) -> dict[str, Any]:
        post = publisher.arm(post.id)
        if post.state is PartState.POSTED:
            self.log.info("post %s is on X already; it is not sent again", post.name)
            return _receipt(post)
        if post.state in _ENDED:
            return _receipt(post)
        fire_at = post.due_at
        inline_until = max(fire_at, utc_now()).add(seconds=SHORTEST_DEFERRAL_SECONDS)
        while True:
            wait = seconds_until(fire_at)
            if self.deferrable and wait >= SHORTEST_DEFERRAL_SECONDS:
                self._defer_until(fire_at, post)
            if wait > 0:
                time.sleep(wait)
            try:
                fired = publisher.fire(post.id)
            except ReceiptNotStoredError as error:
                self._keep(error, **known_as(post))
            if fired.retry_at is None:
                return _receipt(fired.post)
            self.log.warning("%s", next_try(fired))
            fire_at = fired.retry_at
            if fire_at > inline_until:
                # Waiting for X to come back is not a worker's work.
                fire_at = max(fire_at, utc_now().add(seconds=SHORTEST_DEFERRAL_SECONDS + 1))

    def _defer_until(self, fire_at: DateTime, post: Post) -> NoReturn:
        self.log.info("post %s is armed; the triggerer sends it at %s", post.name, fire_at)
        self.defer(
            trigger=XPublishTrigger(
                post_id=post.id,
                account=post.account,
                fire_at=fire_at.isoformat(),
                ledger_conn_id=self.ledger_conn_id,
            ),
            method_name=self.execute_complete.__name__,
            kwargs=known_as(post),
        )

    def _keep(self, error: ReceiptNotStoredError, **known: str | None) -> NoReturn:
        """The ledger could not be told of a post on X: the triggerer goes on trying, and no retry forgets it."""
        if isinstance(error, (PostedTwiceError, AnotherLedgerError)):
            raise AirflowFailException(str(error)) from error
        self.log.error("%s. The triggerer tells it as soon as it can", error)
        self.defer(
            trigger=XKeepReceiptTrigger(receipt=error.evidence, ledger_conn_id=self.ledger_conn_id),
            method_name=self.execute_complete.__name__,
            kwargs=known,
        )

    def execute_complete(
        self,
        context: Context,  # noqa: ARG002
        event: dict[str, Any],
        name: str | None = None,
        account: str | None = None,
    ) -> dict[str, Any]:
        """Resume after a trigger: the ledger, not the event, says what happened.

        :param name: of the post that the task waited for; None from a task that an older release parked.
        :param account: whose post it was then; another's by now is published as that one's.
        """
        if "conflict" in event:
            raise AirflowFailException(event["conflict"])
        if "receipt" in event:
            try:
                # An older release's evidence does not say which post it is of.
                keep_evidence(self.ledger, {"post": name} | event["receipt"])
            except ReceiptNotStoredError as error:
                self._keep(error, name=name, account=account)
        post = self.ledger.posts.get(int(event["post_id"]))
        if is_moved(self, post, name=name, account=account):
            return as_its_account(self, post, self._published)
        if "error" in event and post.state is not PartState.POSTED:
            raise XTriggerFailedError(f"post {post.name}: the trigger could not finish: {event['error']}")
        published = _receipt(post)
        self.log.info(
            "%s is on X, %s ms after its time: %s",
            post.name,
            published["lateness_ms"],
            " ".join(published["urls"]),
        )
        return published


def _receipt(post: Post) -> dict[str, Any]:
    if post.state is PartState.MISSED and post.late_then == "skip":
        raise AirflowSkipException(why_ended(post))
    if post.state is PartState.WITHDRAWN:
        raise AirflowSkipException(f"post {post.name} was withdrawn; it is not sent")
    if post.state is not PartState.POSTED and not post.follows_later(utc_now()):
        raise AirflowFailException(why_ended(post))
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
