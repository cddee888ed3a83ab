"""What Airflow makes of the provider's description."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

import airflow
from x_provider.provider_info import get_provider_info

SCHEMAS = Path(airflow.__file__).parent
SECRETS = {
    "access_token",
    "access_token_secret",
    "oauth2_access_token",
    "oauth2_refresh_token",
    "client_secret",
    "bearer_token",
}


@pytest.fixture(scope="module")
def connection_type() -> dict[str, Any]:
    return get_provider_info()["connection-types"][0]


def test_it_follows_airflows_schema_for_installed_providers() -> None:
    jsonschema.validate(get_provider_info(), json.loads((SCHEMAS / "provider_info.schema.json").read_text()))


@pytest.mark.parametrize("key", sorted(get_provider_info().keys() - {"package-name", "name", "description"}))
def test_each_part_follows_airflows_schema_for_provider_sources(key: str) -> None:
    schema = json.loads((SCHEMAS / "provider.yaml.schema.json").read_text())
    part = {**schema["properties"][key], "definitions": schema["definitions"]}
    jsonschema.validate(get_provider_info()[key], part)


def test_every_named_module_and_class_exists() -> None:
    info = get_provider_info()
    for part in ("hooks", "operators", "triggers"):
        for modules in info[part]:
            assert all(find_spec(module) for module in modules["python-modules"])
    for path in (
        info["connection-types"][0]["hook-class-name"],
        *info["extra-links"],
        *info["notifications"],
    ):
        module, _, name = path.rpartition(".")
        assert getattr(import_module(module), name).__name__ == name


@pytest.mark.parametrize("part", ["operators", "triggers"])
def test_no_module_is_forgotten(part: str) -> None:
    folder = Path(import_module(f"x_provider.{part}").__path__[0])
    on_disk = {f"x_provider.{part}.{file.stem}" for file in folder.glob("[!_]*.py")}
    (listed,) = get_provider_info()[part]
    shared = {
        f"x_provider.{m}"
        for m in ("operators.links", "operators.parking", "operators.retrying", "triggers.waiting")
    }
    assert set(listed["python-modules"]) == on_disk - shared


def test_airflow_lists_the_provider() -> None:
    assert "airflow-provider-x" in ProvidersManager().providers


def test_airflow_knows_the_connection_type_and_imports_its_hook() -> None:
    hook = ProvidersManager().hooks["x"]
    assert hook is not None
    assert (hook.hook_class_name, hook.hook_name) == ("x_provider.hooks.x.XHook", "X (Twitter)")
    assert hook.connection_id_attribute_name == "x_conn_id"
    assert hook.connection_testable


def test_no_field_of_the_form_is_required(connection_type: dict[str, Any]) -> None:
    assert all("null" in field["schema"]["type"] for field in connection_type["conn-fields"].values())


def test_exactly_the_secret_fields_are_passwords(connection_type: dict[str, Any]) -> None:
    fields = connection_type["conn-fields"].items()
    assert {name for name, field in fields if field["schema"].get("format") == "password"} == SECRETS


def test_every_field_of_the_form_is_explained(connection_type: dict[str, Any]) -> None:
    assert all(field["description"].endswith(".") for field in connection_type["conn-fields"].values())
