"""The operator that brings a post's media to X ahead of its time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import Ledger, PartState, Post
from x_provider.operators.parking import (
    SHORTEST_DEFERRAL_SECONDS,
    as_its_account,
    checked_id,
    is_moved,
    is_not_due_here,
    known_as,
    prepared_files,
    seconds_until,
    why_ended,
)
from x_provider.operators.retrying import XOperator, XTriggerFailedError
from x_provider.publishing import hand_over_at, utc_now
from x_provider.triggers.media import XMediaProcessedTrigger


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
        if is_not_due_here(post):
            self.log.info("post %s is due at %s; DAG x_publish uploads its media", post.name, post.due_at)
            return []
        return as_its_account(self, post, self._uploaded)

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
        has_moved = is_moved(self, post, name=name, account=account)
        if post.state is PartState.REFUSED:
            raise AirflowFailException(why_ended(post))
        if isinstance(event, dict) and "error" in event and not has_moved:
            raise XTriggerFailedError(f"post {post.name}: the trigger could not finish: {event['error']}")
        return as_its_account(self, post, self._uploaded)

    def _post(self) -> Post:
        return self.ledger.posts.get(checked_id(self.post_id))

    def _uploaded(self, post: Post) -> list[str]:
        publisher = open_publisher(
            account=post.account, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )
        until = hand_over_at(post)
        inline_until = utc_now().add(seconds=SHORTEST_DEFERRAL_SECONDS)
        while True:
            prepared = prepared_files(
                self, publisher, post, resume=self.execute_later.__name__, **known_as(post)
            )
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
                    kwargs=known_as(post),
                )
            time.sleep(max(seconds_until(ask_at), 0))
