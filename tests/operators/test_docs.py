"""The examples of docs/operators.md describe tasks that exist."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from x_provider import notifications, operators, triggers

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def names():
    """What the page's examples take for granted."""
    from airflow import sdk

    taken = ("Asset", "AssetWatcher", "AsyncCallback", "DAG", "DeadlineAlert", "DeadlineReference")
    return {name: getattr(sdk, name) for name in taken} | public(r"X\w+")


def public(pattern):
    """What the provider's modules define by such names."""
    found = {}
    for package in (operators, triggers, notifications):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            found |= {
                name: each
                for name, each in vars(import_module(module.name)).items()
                if re.fullmatch(pattern, name)
            }
    return found


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_makes_its_tasks(names, example):
    from airflow.sdk import DAG

    if "get_conn" in example:
        compile(example, "docs/operators.md", "exec")
        return
    with DAG("docs", schedule=None):
        exec(example, names)


def test_every_operator_trigger_and_notifier_is_on_the_page():
    named = public(r"X\w*(Operator|Trigger|Notifier)").keys() - {"XOperator", "XContentOperator"}
    assert {name for name in named if not re.search(rf"\b{name}\b", PAGE)} == set()
