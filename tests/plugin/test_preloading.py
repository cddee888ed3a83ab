"""The listener that loads in Airflow's long-lived processes what their forks need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from airflow.listeners.listener import get_listener_manager

from x_provider import preloading

DAGS = Path(__file__).parents[2] / "dags"

# In a process of its own, since everything of ours is loaded in this one.
_PROGRAM = """
import json, runpy, sys
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
from x_provider.preloading import on_starting

def ours():
    return {name for name in sys.modules if name.startswith("x_provider.")}

known = ours()
on_starting(component=TaskRunnerMarker())
in_task = ours() - known
on_starting(component=object())
known = ours()
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps({"in_task": sorted(in_task), "in_dags": sorted(ours() - known)}))
"""


def test_airflow_has_it_as_a_listener() -> None:
    assert get_listener_manager().pm.is_registered(preloading)


def test_a_component_loads_all_that_the_ready_dags_need_and_a_task_nothing() -> None:
    dags = sorted(map(str, DAGS.glob("*.py")))
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *dags], capture_output=True, text=True, check=True, timeout=120
    )
    assert json.loads(run.stdout.splitlines()[-1]) == {"in_task": [], "in_dags": []}
