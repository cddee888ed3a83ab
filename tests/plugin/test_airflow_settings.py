"""The settings file that `astro dev start` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from x_provider.provider_info import get_provider_info

CONNECTION_KEYS = {
    "conn_id",
    "conn_type",
    "conn_host",
    "conn_schema",
    "conn_login",
    "conn_password",
    "conn_port",
    "conn_extra",
}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parents[2] / "airflow_settings.yaml").read_text())["airflow"]


@pytest.fixture(scope="module")
def connections(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {connection["conn_id"]: connection for connection in settings["connections"]}


def test_it_names_the_connections_and_the_pool(settings, connections) -> None:
    assert set(connections) == {"x_default", "x_ledger"}
    assert [pool["pool_name"] for pool in settings["pools"]] == ["x_api"]


def test_it_has_only_keys_that_astro_reads(connections) -> None:
    assert all(set(connection) == CONNECTION_KEYS for connection in connections.values())


def test_it_holds_no_secret(connections) -> None:
    assert all(connection["conn_password"] is None for connection in connections.values())
    assert connections["x_default"]["conn_login"] is None
    extra = connections["x_default"]["conn_extra"]
    assert {name: value for name, value in extra.items() if value is not None} == {"auth": "auto"}


def test_it_writes_every_field_of_the_form_since_editing_shows_only_stored_ones(connections) -> None:
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    assert set(connections["x_default"]["conn_extra"]) == set(fields)
