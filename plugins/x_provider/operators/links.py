"""Links from a task in the Airflow UI to what it made on X."""

from __future__ import annotations

from airflow.sdk import BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom


class XPostLink(BaseOperatorLink):
    """The post on X that the task published."""

    name = "Open on X"

    def get_link(self, operator, *, ti_key) -> str:  # type: ignore[no-untyped-def]  # noqa: ARG002
        published = XCom.get_value(ti_key=ti_key, key="return_value")
        urls = published.get("urls") if isinstance(published, dict) else None
        return urls[0] if urls else ""
