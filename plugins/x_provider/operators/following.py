"""Operator that acts on the likes of posts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from x_provider.client import XRateLimited
from x_provider.hooks.publisher import open_publisher
from x_provider.operators.retrying import XOperator


class XFollowUpOperator(XOperator):
    """Do what follows an account's posts by their entries (``follow_ups``): at a time, or once people like them.

    They are reposted, taken down, or answered; a repost is taken back. An answer is planned as a post of its own,
    which DAG ``x_publish`` sends. Likes are read once an hour, however often this runs. Repeating it does nothing
    twice.

    :param x_conn_id: the account's Airflow connection (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"done", "waiting", "expired", "failed"}``, each a list of names (XCom).
    :raises AirflowFailException: when X refused one for good; the others are done.
    :raises XError: when X did not take one that is tried again at the next run; the others are done.
    """

    template_fields: Sequence[str] = ("x_conn_id",)

    def __init__(
        self, *, x_conn_id: str = "x_default", ledger_conn_id: str = "x_ledger", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, list[str]]:  # noqa: ARG002
        publisher = open_publisher(
            account=self.x_conn_id, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )
        told = publisher.follow_up()
        self.log.info(
            "%s: %s done, %s waiting for likes or their time, %s in vain, %s refused by X",
            self.x_conn_id,
            *map(len, (told.done, told.waiting, told.expired, told.failed)),
        )
        if told.failed:
            raise AirflowFailException(f"X refused for good: {', '.join(told.failed)}; its words are above")
        if isinstance(told.trouble, XRateLimited):
            self.log.warning("X's rate limit is used up; the next run goes on: %s", told.trouble)
        elif told.trouble is not None:
            raise told.trouble
        return {name: getattr(told, name) for name in ("done", "waiting", "expired", "failed")}
