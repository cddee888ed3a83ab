"""The examples of docs/operators.md describe tasks that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def names():
    """What the page's examples take for granted."""
    from airflow.sdk import Asset, AssetWatcher

    from x_provider.notifications import stopped
    from x_provider.operators import asking, calendar, deleting, insights, planning, publishing, upkeep
    from x_provider.triggers import due

    modules = (asking, calendar, deleting, insights, planning, publishing, upkeep, due, stopped)
    return {"Asset": Asset, "AssetWatcher": AssetWatcher} | {
        k: v for m in modules for k, v in vars(m).items()
    }


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_makes_its_tasks(names, example):
    from airflow.sdk import DAG

    if "get_conn" in example:
        compile(example, "docs/operators.md", "exec")
        return
    with DAG("docs", schedule=None):
        exec(example, names)


def test_every_operator_and_trigger_is_on_the_page():
    from x_provider.operators import asking, calendar, deleting, insights, planning, publishing, upkeep
    from x_provider.triggers import due, media, publish

    modules = (asking, calendar, deleting, insights, planning, publishing, upkeep, due, media, publish)
    public = {name for m in modules for name in vars(m) if re.fullmatch(r"X\w+(Operator|Trigger)", name)}
    assert {name for name in public - {"XContentOperator"} if name not in PAGE} == set()
