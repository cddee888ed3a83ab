"""What a task that works on one post shares with the others: how it parks, and what it finds when it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from airflow.sdk.exceptions import AirflowFailException
from pendulum import DateTime

from x_provider.client import XRateLimited, XRefused
from x_provider.ledger import Ledger, Post
from x_provider.operators.planning import x_publish_wakes_at
from x_provider.publishing import MediaUnusableError, Prepared, Publisher, hand_over_at, utc_now
from x_provider.publishing.engine import AnotherAccountError

SHORTEST_DEFERRAL_SECONDS = 5
"""A task resumed within about a second of parking may be marked failed (a known race of Airflow 3.3)."""
_UNKNOWN_RESET = timedelta(minutes=15)
"""X's short rate window, for a refusal that names no reset."""

_Done = TypeVar("_Done")


class PostOperator(Protocol):
    """An operator that works on one post."""

    task_id: str
    ledger_conn_id: str
    deferrable: bool

    @property
    def ledger(self) -> Ledger:
        """Where the post is."""

    @property
    def log(self) -> Any:
        """The task's log."""

    def defer(self, **how: Any) -> Any:
        """Leave the slot until a trigger fires."""


def known_as(post: Post) -> dict[str, str]:
    """What a task that parks hands to itself: as what it knew the post."""
    return {"name": post.name, "account": post.account}


def is_moved(
    operator: PostOperator,
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


def as_its_account(operator: PostOperator, post: Post, work: Callable[[Post], _Done]) -> _Done:
    """Do the work on the post; anew, as its new account, where its entry is moved to another meanwhile."""
    while True:
        try:
            return work(post)
        except AnotherAccountError:
            now = operator.ledger.posts.get(post.id)
            if not is_moved(operator, now, **known_as(post)):
                raise  # not the post has moved, but the ledger
            post = now


def prepared_files(
    operator: PostOperator,
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
            soonest = utc_now().add(seconds=SHORTEST_DEFERRAL_SECONDS + 1)
            opens_at = max(error.reset_at or utc_now() + _UNKNOWN_RESET, soonest)
            operator.log.warning("post %s: %s The upload goes on at %s", post.name, error, opens_at)
            if opens_at > hand_over_at(post):
                return None
            wait_until(operator, opens_at, resume=resume, **known)
        except (XRefused, MediaUnusableError) as error:
            if isinstance(error, MediaUnusableError) and error.may_pass:
                raise
            raise AirflowFailException(str(error)) from error


def wait_until(operator: PostOperator, instant: DateTime, *, resume: str, **known: str) -> None:
    """Wait on the worker where it is short or the task may not defer, else come back in ``resume`` then."""
    left = seconds_until(instant)
    if operator.deferrable and left >= SHORTEST_DEFERRAL_SECONDS:
        # Airflow's providers are slow to import, and most posts are due sooner.
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger  # noqa: PLC0415

        operator.log.info("%s goes on at %s", operator.task_id, instant)
        operator.defer(trigger=DateTimeTrigger(moment=instant), method_name=resume, kwargs=known)
    time.sleep(max(left, 0))


def why_ended(post: Post) -> str:
    """Why the post is not on X, in words."""
    words = [part.why for part in post.parts if part.why]
    return words[0] if words else f"post {post.name} is {post.state}, not posted"


def checked_id(post_id: int | str | None) -> int:
    """The post's number, which a template gives as text.

    :raises AirflowFailException: when it is none.
    """
    try:
        return int(str(post_id))
    except ValueError:
        raise AirflowFailException(
            f"post_id is {post_id!r}, not a post of the ledger; hand on what XPlanPostOperator returned"
        ) from None


def is_not_due_here(post: Post) -> bool:
    """Whether the post is due so much later that it is left to DAG ``x_publish``."""
    wakes_at = x_publish_wakes_at(post)
    return wakes_at is not None and wakes_at > utc_now()


def seconds_until(instant: DateTime) -> float:
    """Below 0 where it is over."""
    return (instant - utc_now()).total_seconds()
