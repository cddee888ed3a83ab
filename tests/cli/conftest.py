from __future__ import annotations

import json

import pytest
from new_ledger import new_ledger

from x_provider.ledger import Ledger


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """The ledger that the commands find under ``x_ledger``."""
    url = new_ledger(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", url)
    ledger = Ledger(url)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def account(sandbox, monkeypatch):
    """An account on the sandbox as the connection ``x_cli``."""
    monkeypatch.setenv("AIRFLOW_CONN_X_CLI", sandbox.connection())
    return sandbox


@pytest.fixture
def airflow_x(airflow_home, capsys):
    """Run ``airflow x …`` in this process; give what it printed."""
    from airflow.cli.cli_parser import get_parser

    def run(*words: str) -> str:
        arguments = get_parser().parse_args(["x", *words])
        arguments.func(arguments)
        return capsys.readouterr().out

    return run


@pytest.fixture
def doctor(airflow_home, airflow_x, capsys):
    """Run it; give its exit code and its checks by name."""

    def run(*words: str) -> tuple[int, dict[str, dict[str, str]]]:
        code = 0
        try:
            printed = airflow_x("doctor", "--output", "json", *words)
        except SystemExit as ended:
            code, printed = int(ended.code or 0), capsys.readouterr().out
        return code, {check["name"]: check for check in json.loads(printed)["checks"]}

    return run
