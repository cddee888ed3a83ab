"""The plugin as Airflow loads it."""

from __future__ import annotations

import subprocess
import sys

from airflow import plugins_manager

# What a plugin must not bring into every Airflow process.
HEAVY = ("requests", "requests_oauthlib", "alembic", "PIL", "av", "x_provider.client", "x_provider.ledger")


def test_it_loads_once_from_its_entry_point_and_nothing_fails() -> None:
    plugins_manager.ensure_plugins_loaded()
    assert plugins_manager.get_import_errors() == {}
    sources = [str(plugin["source"]) for plugin in plugins_manager.get_plugin_info() if plugin["name"] == "x"]
    assert len(sources) == 1
    assert "airflow-provider-x" in sources[0]


def test_its_import_and_the_provider_info_bring_nothing_heavy() -> None:
    program = (
        "import sys, airflow.plugins_manager; before = set(sys.modules);"
        "import x_provider.plugin, x_provider.provider_info; x_provider.provider_info.get_provider_info();"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    brought = run.stdout.split()
    assert "x_provider.plugin" in brought
    assert [name for name in brought if name in HEAVY] == []
