"""What the tests of the provider inside Airflow share; the Airflow itself comes from tests/harness."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow_harness import RunningAirflow, wait_for


@pytest.fixture
def dag_ids(standalone: RunningAirflow) -> set[str]:
    """The ready DAGs' ids, once the running Airflow has read their files."""
    expected = {file.stem for file in (Path(__file__).parents[2] / "dags").glob("*.py")}

    def all_read() -> bool:
        known = {dag["dag_id"] for dag in standalone.get("/api/v2/dags")["dags"]}
        return expected <= known or bool(standalone.get("/api/v2/importErrors")["import_errors"])

    wait_for("all DAGs read", all_read, within=60)
    return expected
