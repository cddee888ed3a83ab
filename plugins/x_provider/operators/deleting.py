"""Operator that takes a post down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from x_provider.hooks.publisher import open_publisher
from x_provider.operators.retrying import XOperator
from x_provider.publishing import utc_now


class XDeletePostOperator(XOperator):
    """Delete a post from X. What is deleted already counts as done; the ledger keeps its receipt.

    :param x_id: the post's id on X, or its address (templated).
    :param x_conn_id: the Airflow connection of the account that owns it (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: the id on X (XCom).
    """

    template_fields: Sequence[str] = ("x_id", "x_conn_id")

    def __init__(
        self, *, x_id: str, x_conn_id: str = "x_default", ledger_conn_id: str = "x_ledger", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.x_id = x_id
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> str:  # noqa: ARG002
        from x_provider.client import XNotFound  # noqa: PLC0415  (requests, which parsing a DAG does not need)
        from x_provider.client.ids import post_id_of  # noqa: PLC0415  (as above)

        x_id = post_id_of(str(self.x_id))
        if x_id is None:
            raise AirflowFailException(
                f"x_id is {self.x_id!r}, which is neither a post's id on X nor its address"
                " (https://x.com/<user>/status/<id>)"
            )
        publisher = open_publisher(account=self.x_conn_id, ledger_conn_id=self.ledger_conn_id)
        try:
            deleted = publisher.client.delete_post(x_id)
        except XNotFound:
            self.log.info("post %s is not on X (any more)", x_id)
            deleted = True
        if not deleted:
            raise AirflowFailException(f"X did not delete {x_id}, and did not say why: look at it on X")
        publisher.ledger.receipts.deleted(x_id, now=utc_now())
        return x_id
