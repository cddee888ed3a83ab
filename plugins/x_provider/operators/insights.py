"""Operator that brings the numbers back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pendulum
from airflow.sdk import Context

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.x import XHook
from x_provider.insights import collect
from x_provider.operators.retrying import XOperator
from x_provider.publishing import governed, utc_now


class XFetchMetricsOperator(XOperator):
    """Store the metrics of an account's posts of the last 30 days in the ledger, one row a post and run.

    The run's data interval names the row: running the same night again, or backfilling it, adds what is
    missing and changes nothing.

    :param x_conn_id: the account's Airflow connection (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"account", "asked", "stored", "silent"}`` (XCom).
    """

    template_fields: Sequence[str] = ("x_conn_id",)

    def __init__(
        self, *, x_conn_id: str = "x_default", ledger_conn_id: str = "x_ledger", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        # A run by hand has no interval: it covers all until it was asked for, in each of its tries alike.
        end = context.get("data_interval_end") or context["dag_run"].run_after
        ledger = LedgerHook(self.ledger_conn_id).ledger()
        collected = collect(
            ledger,
            governed(
                XHook(self.x_conn_id, self.ledger_conn_id).get_conn(),
                ledger,
                account=self.x_conn_id,
                clock=utc_now,
            ),
            account=self.x_conn_id,
            covers_until=pendulum.instance(end),
            clock=utc_now,
        )
        self.log.info(
            "%s: %s posts to measure, %s rows stored", self.x_conn_id, collected.asked, collected.stored
        )
        if collected.silent:
            self.log.warning("X said nothing about %s; deleted there?", ", ".join(collected.silent))
        return {
            "account": self.x_conn_id,
            "asked": collected.asked,
            "stored": collected.stored,
            "silent": list(collected.silent),
        }
