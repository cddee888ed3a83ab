from __future__ import annotations

import pytest
from new_ledger import new_ledger

from x_provider.ledger import Ledger


@pytest.fixture
def connections(sandbox, tmp_path, monkeypatch):
    """The connections of a real set-up, pointing at the sandbox and a ledger of the test's own."""
    monkeypatch.setenv("AIRFLOW_CONN_X_TRIGGERED", sandbox.connection())
    # A name of its own a test: the hooks keep what they looked up for a minute.
    ledger_conn_id = f"x_ledger_{tmp_path.name}"
    url = new_ledger(tmp_path)
    monkeypatch.setenv(f"AIRFLOW_CONN_{ledger_conn_id.upper()}", url)
    return ledger_conn_id, Ledger(url)
