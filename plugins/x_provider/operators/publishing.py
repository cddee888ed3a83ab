"""Operators that bring one post to X: its media ahead of time, then the post at its instant."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pendulum import DateTime

from x_provider.client import XRateLimited, XRefused
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import PartState, Post
from x_provider.operators.links import XPostLink
from x_provider.operators.planning import CONTENT_FIELDS, XContentOperator, x_publish_wakes_at
from x_provider.operators.retrying import XOperator, XTriggerFailedError
from x_provider.publishing import (
    MediaUnusableError,
    PostedTwiceError,
    Prepared,
    Publisher,
    ReceiptNotStoredError,
    hand_over_at,
    keep_evidence,
    utc_now,
)
from x_provider.publishing.drafts import LEAD_SECONDS
from x_provider.triggers.media import XMediaProcessedTrigger
from x_provider.triggers.publish import XPublishTrigger
from x_provider.triggers.receipt import XKeepReceiptTrigger

_SHORTEST_DEFERRAL_SECONDS = 5
"""A task resumed within about a second of parking may be marked failed (a known race of Airflow 3.3)."""

_ENDED = frozenset({PartState.REFUSED, PartState.MISSED, PartState.WITHDRAWN})
_LONGEST_LEAD = timedelta(seconds=max(LEAD_SECONDS.values()))
_UNKNOWN_RESET = timedelta(minutes=15)
"""X's short rate window, for a refusal that names no reset."""


class XUploadMediaOperator(XOperator):
    """Upload the media of a planned post ahead of its due time, with their alt texts.

    A file that is on X already for that account is used again while its id lives past the due time. What is
    left to DAG ``x_publish`` is uploaded there, since X forgets an unused file after 24 hours.

    While X processes a file, and until a rate limit opens again, it defers and holds no slot. It does not wait
    beyond the due time: whoever sends the post sees after the rest.

    :param post_id: the post in the ledger, as ``x_publish`` and ``XPlanPostOperator`` hand it on (templated).
    :param name: the post's name, for people who look at the mapped task (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param deferrable: wait in the triggerer instead of on a worker slot.
    :return: the media ids of all parts that are not on X yet, in order (XCom).
    :raises AirflowFailException: when a file is gone or changed, or X refuses it or cannot process it.
    """

    template_fields: Sequence[str] = ("post_id", "name")

    def __init__(
        self,
        *,
        post_id: int | str,
        name: str | None = None,
        ledger_conn_id: str = "x_ledger",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.post_id = post_id
        self.name = name
        self.ledger_conn_id = ledger_conn_id
        self.deferrable = deferrable

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        post = self._post()
        if _is_not_due_here(post):
            self.log.info("post %s is due at %s; DAG x_publish uploads its media", post.name, post.due_at)
            return []
        return self._uploaded(post)

    def execute_later(self, context: Context, event: Any) -> list[str]:  # noqa: ARG002
        """Resume after a trigger: the ledger, not the event, says how far the files are."""
        post = self._post()
        if post.state is PartState.REFUSED:
            raise AirflowFailException(_why(post))
        if isinstance(event, dict) and "error" in event:
            raise XTriggerFailedError(f"post {post.name}: the trigger could not finish: {event['error']}")
        return self._uploaded(post)

    def _post(self) -> Post:
        return LedgerHook(self.ledger_conn_id).ledger().posts.get(_checked_id(self.post_id))

    def _uploaded(self, post: Post) -> list[str]:
        publisher = open_publisher(
            account=post.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )
        until = hand_over_at(post)
        inline_until = utc_now().add(seconds=_SHORTEST_DEFERRAL_SECONDS)
        while True:
            prepared = _prepared(self, publisher, post, resume=self.execute_later.__name__)
            if prepared is None:
                return []
            if prepared.ask_at is None:
                return prepared.media_ids
            if utc_now() >= until:
                self.log.info("X is still processing media of post %s; it goes out once it has", post.name)
                return prepared.media_ids
            ask_at = min(prepared.ask_at, until)
            if self.deferrable and ask_at > inline_until:
                self.log.info("X is processing media of post %s; the triggerer waits for it", post.name)
                self.defer(
                    trigger=XMediaProcessedTrigger(
                        post_id=post.id, account=post.account, ledger_conn_id=self.ledger_conn_id
                    ),
                    method_name=self.execute_later.__name__,
                )
            time.sleep(max(_seconds_until(ask_at), 0))


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

    @cached_property
    def post(self) -> Post:
        """The post as the ledger held it when the task first asked."""
        return self.ledger.posts.get(_checked_id(self.post_id))

    @cached_property
    def publisher(self) -> Publisher:
        """The engine for the post's account."""
        return open_publisher(
            account=self.post.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )

    def execute(self, context: Context) -> dict[str, Any]:
        if self.post_id is None:
            self.post = self.plan_post(context, to_be_sent_here=True)
            return self._prepared_and_published()
        if _is_not_due_here(self.post):
            local = self.post.due_at.in_timezone(self.post.timezone).format("YYYY-MM-DD HH:mm:ss zz")
            raise AirflowSkipException(
                f"post {self.post.name} is planned and due at {local}. DAG x_publish sends it then, if it is"
                " not paused; this task has nothing more to do"
            )
        return self._published()

    def execute_prepared(self, context: Context, event: Any) -> dict[str, Any]:  # noqa: ARG002
        """Resume when it is time to upload the media of the task's own post, or X takes more uploads."""
        self.post = self.planned_post(context)
        return self._prepared_and_published()

    def _prepared_and_published(self) -> dict[str, Any]:
        if self.post.state is PartState.PLANNED and any(
            part.content.get("media") for part in self.post.parts
        ):
            resume = self.execute_prepared.__name__
            # X forgets an unused file after 24 hours.
            _wait_until(self, self.post.due_at - _LONGEST_LEAD, resume=resume)
            _prepared(self, self.publisher, self.post, resume=resume)
        return self._published()

    def _published(self) -> dict[str, Any]:
        post = self.publisher.arm(self.post.id)
        if post.state is PartState.POSTED:
            self.log.info("post %s is on X already; it is not sent again", post.name)
            return _receipt(post)
        if post.state in _ENDED:
            return _receipt(post)
        fire_at = post.due_at
        inline_until = max(fire_at, utc_now()).add(seconds=_SHORTEST_DEFERRAL_SECONDS)
        while True:
            wait = _seconds_until(fire_at)
            if self.deferrable and wait >= _SHORTEST_DEFERRAL_SECONDS:
                self._defer_until(fire_at, post)
            if wait > 0:
                time.sleep(wait)
            try:
                fired = self.publisher.fire(post.id)
            except ReceiptNotStoredError as error:
                self._keep(error)
            if fired.retry_at is None:
                return _receipt(fired.post)
            self.log.warning("%s; trying again at %s", fired.why, fired.retry_at)
            fire_at = fired.retry_at
            if fire_at > inline_until:
                # Waiting for X to come back is not a worker's work.
                fire_at = max(fire_at, utc_now().add(seconds=_SHORTEST_DEFERRAL_SECONDS + 1))

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
        )

    def _keep(self, error: ReceiptNotStoredError) -> NoReturn:
        """The ledger could not be told of a post on X: the triggerer goes on trying, and no retry forgets it."""
        if isinstance(error, PostedTwiceError):
            raise AirflowFailException(str(error)) from error
        self.log.error("%s. The triggerer tells it as soon as it can", error)
        self.defer(
            trigger=XKeepReceiptTrigger(receipt=error.evidence, ledger_conn_id=self.ledger_conn_id),
            method_name=self.execute_complete.__name__,
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Resume after a trigger: the ledger, not the event, says what happened."""
        if "conflict" in event:
            raise AirflowFailException(event["conflict"])
        if "receipt" in event:
            try:
                keep_evidence(self.ledger, event["receipt"])
            except ReceiptNotStoredError as error:
                self._keep(error)
        post = self.ledger.posts.get(int(event["post_id"]))
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


def _prepared(
    operator: XUploadMediaOperator | XCreatePostOperator, publisher: Publisher, post: Post, *, resume: str
) -> Prepared | None:
    """The post's files, uploaded; while a rate limit of X's is used up the task waits without a slot.

    None where the limit opens too late: whoever sends the post tells the ledger so, and uploads them then.
    """
    while True:
        try:
            return publisher.prepare(post.id)
        except XRateLimited as error:
            # By a clock that is ahead of X's the reset may seem to be over.
            soonest = utc_now().add(seconds=_SHORTEST_DEFERRAL_SECONDS + 1)
            opens_at = max(error.reset_at or utc_now() + _UNKNOWN_RESET, soonest)
            operator.log.warning("post %s: %s The upload goes on at %s", post.name, error, opens_at)
            if opens_at > hand_over_at(post):
                return None
            _wait_until(operator, opens_at, resume=resume)
        except (XRefused, MediaUnusableError) as error:
            if isinstance(error, MediaUnusableError) and error.may_pass:
                raise
            raise AirflowFailException(str(error)) from error


def _wait_until(
    operator: XUploadMediaOperator | XCreatePostOperator, instant: DateTime, *, resume: str
) -> None:
    """Wait on the worker where it is short or the task may not defer, else come back in ``resume`` then."""
    left = _seconds_until(instant)
    if operator.deferrable and left >= _SHORTEST_DEFERRAL_SECONDS:
        # Airflow's providers are slow to import, and most posts are due sooner.
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger  # noqa: PLC0415

        operator.log.info("%s goes on at %s", operator.task_id, instant)
        operator.defer(trigger=DateTimeTrigger(moment=instant), method_name=resume)
    time.sleep(max(left, 0))


def _receipt(post: Post) -> dict[str, Any]:
    if post.state is PartState.MISSED and post.late_then == "skip":
        raise AirflowSkipException(_why(post))
    if post.state is PartState.WITHDRAWN:
        raise AirflowSkipException(f"post {post.name} was withdrawn; it is not sent")
    if post.state is not PartState.POSTED and not post.follows_later(utc_now()):
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


def _checked_id(post_id: int | str | None) -> int:
    try:
        return int(str(post_id))
    except ValueError:
        raise AirflowFailException(
            f"post_id is {post_id!r}, not a post of the ledger; hand on what XPlanPostOperator returned"
        ) from None


def _is_not_due_here(post: Post) -> bool:
    wakes_at = x_publish_wakes_at(post)
    return wakes_at is not None and wakes_at > utc_now()


def _seconds_until(instant: DateTime) -> float:
    return (instant - utc_now()).total_seconds()
