"""Do something when somebody mentions us: an example to copy."""

from __future__ import annotations

import logging

from airflow.sdk import Asset, dag, task

mentions = Asset("x://mentions/x_default")


@dag(
    schedule=[mentions],
    catchup=False,
    tags=["x", "listening", "example"],
    default_args={"owner": "marketing", "retries": 2, "retry_delay": 20},
    doc_md="""
    Runs when DAG `x_events` has learnt that somebody mentioned the account of connection `x_default`. One run may
    bring several mentions. For another account, or for replies, quotes, reposts and deletions, change the asset:
    `x://replies/x_brand`; `x://created/x_brand` for its own new posts. What was said is in the ledger's table
    `x_engagement`.
    """,
)
def x_mentions():
    @task
    def look(triggering_asset_events=None) -> list[str]:
        """Where people have mentioned us; put your own doing here."""
        told = [event.extra for event in triggering_asset_events[mentions]]
        for mention in told:
            logging.getLogger(__name__).info("@%s mentioned us: %s", mention["author"], mention["url"])
        return [mention["url"] for mention in told]

    look()


x_mentions()
