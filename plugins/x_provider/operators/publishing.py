"""Operators that bring one post to X: its media ahead of time, then the post at its instant."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, NoReturn, TypeAlias, TypeVar

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pendulum import DateTime

from x_provider.client import XRateLimited, XRefused
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import Ledger, PartState, Post
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
from x_provider.publishing.engine import AnotherAccountError
from x_provider.triggers.media import XMediaProcessedTrigger
from x_provider.triggers.publish import XPublishTrigger
from x_provider.triggers.receipt import XKeepReceiptTrigger

_SHORTEST_DEFERRAL_SECONDS = 5
"""A task resumed within about a second of parking may be marked failed (a known race of Airflow 3.3)."""

_ENDED = frozenset({PartState.REFUSED, PartState.MISSED, PartState.WITHDRAWN})
_LONGEST_LEAD = timedelta(seconds=max(LEAD_SECONDS.values()))
_UNKNOWN_RESET = timedelta(minutes=15)
"""X's short rate window, for a refusal that names no reset."""

_Done = TypeVar("_Done")
_PostOperator: TypeAlias = "XUploadMediaOperator | XCreatePostOperator"


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

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger behind ``ledger_conn_id``."""
        return LedgerHook(self.ledger_conn_id).ledger()

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002
        post = self._post()
        if _is_not_due_here(post):
            self.log.info("post %s is due at %s; DAG x_publish uploads its media", post.name, post.due_at)
            return []
        return _as_its_account(self, post, self._uploaded)

    def execute_later(
        self,
        context: Context,  # noqa: ARG002
        event: Any,
        name: str | None = None,
        account: str | None = None,
    ) -> list[str]:
        """Resume after a trigger: the ledger, not the event, says how far the files are.

        :param name: of the post that the task waited for; None from a task that an older release parked.
        :param account: whose post it was then.
        """
        post = self._post()
        is_moved = _is_moved(self, post, name=name, account=account)
        if post.state is PartState.REFUSED:
            raise AirflowFailException(_why(post))
        if isinstance(event, dict) and "error" in event and not is_moved:
            raise XTriggerFailedError(f"post {post.name}: the trigger could not finish: {event['error']}")
        return _as_its_account(self, post, self._uploaded)

    def _post(self) -> Post:
        return self.ledger.posts.get(_checked_id(self.post_id))

    def _uploaded(self, post: Post) -> list[str]:
        publisher = open_publisher(
            account=post.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )
        until = hand_over_at(post)
        inline_until = utc_now().add(seconds=_SHORTEST_DEFERRAL_SECONDS)
        while True:
            prepared = _prepared(self, publisher, post, resume=self.execute_later.__name__, **_known_as(post))
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
                    kwargs=_known_as(post),
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

    def execute(self, context: Context) -> dict[str, Any]:
        if self.post_id is None:
            own = self.plan_post(context, to_be_sent_here=True)
            return _as_its_account(self, own, self._prepared_and_published)
        return _as_its_account(self, self.ledger.posts.get(_checked_id(self.post_id)), self._published)

    def execute_prepared(self, context: Context, event: Any) -> dict[str, Any]:  # noqa: ARG002
        """Resume when it is time to upload the media of the task's own post, or X takes more uploads."""
        return _as_its_account(self, self.planned_post(context), self._prepared_and_published)

    def _prepared_and_published(self, post: Post) -> dict[str, Any]:
        publisher = self._open(post)
        if post.state is PartState.PLANNED and any(part.content.get("media") for part in post.parts):
            resume = self.execute_prepared.__name__
            # X forgets an unused file after 24 hours.
            _wait_until(self, post.due_at - _LONGEST_LEAD, resume=resume)
            _prepared(self, publisher, post, resume=resume)
        return self._sent(publisher, post)

    def _published(self, post: Post) -> dict[str, Any]:
        if _is_not_due_here(post):
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
        inline_until = max(fire_at, utc_now()).add(seconds=_SHORTEST_DEFERRAL_SECONDS)
        while True:
            wait = _seconds_until(fire_at)
            if self.deferrable and wait >= _SHORTEST_DEFERRAL_SECONDS:
                self._defer_until(fire_at, post)
            if wait > 0:
                time.sleep(wait)
            try:
                fired = publisher.fire(post.id)
            except ReceiptNotStoredError as error:
                self._keep(error, **_known_as(post))
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
            kwargs=_known_as(post),
        )

    def _keep(self, error: ReceiptNotStoredError, **known: str | None) -> NoReturn:
        """The ledger could not be told of a post on X: the triggerer goes on trying, and no retry forgets it."""
        if isinstance(error, PostedTwiceError):
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
                keep_evidence(self.ledger, event["receipt"])
            except ReceiptNotStoredError as error:
                self._keep(error, name=name, account=account)
        post = self.ledger.posts.get(int(event["post_id"]))
        if _is_moved(self, post, name=name, account=account):
            return _as_its_account(self, post, self._published)
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


def _known_as(post: Post) -> dict[str, str]:
    """What a task that parks hands to itself: as what it knew the post."""
    return {"name": post.name, "account": post.account}


def _is_moved(
    operator: _PostOperator,
    post: Post,
    *,
    name: str | None,
    account: str | None,
) -> bool:
    """Whether the post is another account's than when the task last saw it, which is said then.

    :raises AirflowFailException: when it is another post: a number says nothing in another ledger.
    """
    if name not in (None, post.name):
        conn_id = operator.ledger_conn_id
        raise AirflowFailException(
            f"post {post.id} of the ledger is {post.name}, and this task waited for {name}: the connection {conn_id}"
            " names another database than when it began to wait. Nothing was done about the post found there. Point"
            f" {conn_id} at the former database and clear the task; what is on X already is not sent again"
        )
    if account in (None, post.account):
        return False
    operator.log.warning(
        "post %s is account %s's by now; when this task last saw it, it was %s's. The task goes on as %s",
        post.name,
        post.account,
        account,
        post.account,
    )
    return True


def _as_its_account(operator: _PostOperator, post: Post, work: Callable[[Post], _Done]) -> _Done:
    """Do the work on the post; anew, as its new account, where its entry is moved to another meanwhile."""
    while True:
        try:
            return work(post)
        except AnotherAccountError:
            now = operator.ledger.posts.get(post.id)
            if not _is_moved(operator, now, **_known_as(post)):
                raise  # not the post has moved, but the ledger
            post = now


def _prepared(
    operator: _PostOperator,
    publisher: Publisher,
    post: Post,
    *,
    resume: str,
    **known: str,
) -> Prepared | None:
    """The post's files, uploaded; while a rate limit of X's is used up the task waits without a slot.

    None where the limit opens too late: whoever sends the post tells the ledger so, and uploads them then.

    :param resume: the method that the task comes back in, and ``known`` what that is handed.
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
            _wait_until(operator, opens_at, resume=resume, **known)
        except (XRefused, MediaUnusableError) as error:
            if isinstance(error, MediaUnusableError) and error.may_pass:
                raise
            raise AirflowFailException(str(error)) from error


def _wait_until(operator: _PostOperator, instant: DateTime, *, resume: str, **known: str) -> None:
    """Wait on the worker where it is short or the task may not defer, else come back in ``resume`` then."""
    left = _seconds_until(instant)
    if operator.deferrable and left >= _SHORTEST_DEFERRAL_SECONDS:
        # Airflow's providers are slow to import, and most posts are due sooner.
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger  # noqa: PLC0415

        operator.log.info("%s goes on at %s", operator.task_id, instant)
        operator.defer(trigger=DateTimeTrigger(moment=instant), method_name=resume, kwargs=known)
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
