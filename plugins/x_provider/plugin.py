"""The Airflow plugin."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class XPlugin(AirflowPlugin):
    """Registers what the Airflow UI shows of this provider."""

    name = "x"
