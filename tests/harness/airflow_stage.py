"""DAG x_publish in an Airflow of separate components, an X, and the ledger between them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow_harness import REPOSITORY, wait_for
from airflow_parts import AirflowInParts, Component, start_in_parts
from drafting import plan_post
from sandbox_server import SandboxServer, start_sandbox
from sqlalchemy import URL, make_url

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.ledger import Ledger, PartState, Post

ACCOUNTS = ("x_alice", "x_bob", "x_carol")
LEADS = (20, 40, 80, 160)
"""How long before their due time posts are planned: the first that gives this machine time to arm them."""
_HANG_SECONDS = 3


@dataclass
class Stage:
    """What a test plans, breaks and looks at; its accounts are ``ACCOUNTS``."""

    airflow: AirflowInParts
    sandbox: SandboxServer
    ledger: Ledger

    def plan(
        self,
        key: str,
        *,
        account: str,
        due_in: float,
        grace: int = 900,
        then: str = "publish",
        media: MediaSpec | None = None,
    ) -> Post:
        """Plan a post of one part, which x_publish takes on at once."""
        part = PartSpec(text=f"{key} of {account}", media=[media] if media else [])
        return plan_post(
            self.ledger,
            part,
            calendar="stage",
            key=key,
            account=account,
            due_in=due_in,
            grace=grace,
            then=then,
            lead_seconds=600,
        )

    def plan_in_time(self, described: dict[str, dict[str, Any]]) -> list[Post]:
        """Plan posts early enough, as fast as this machine is, to have them wait in a triggerer."""
        for lead in LEADS:
            posts = [
                self.plan(f"{name}-{lead}", due_in=lead, **details) for name, details in described.items()
            ]
            while pendulum.now("UTC") < posts[0].due_at.subtract(seconds=1):
                if self.is_waiting(*(post.key for post in posts)):
                    return posts
                time.sleep(0.3)
        pytest.fail(f"{', '.join(described)}: not with a triggerer {LEADS[-1]} s after being planned")

    def post(self, key: str) -> Post:
        """The post as the ledger holds it now."""
        found = self.ledger.posts.find("stage", key)
        assert found is not None
        return found

    def is_posted(self, *keys: str) -> bool:
        """Whether the ledger says so of all of them."""
        return all(self.post(key).state is PartState.POSTED for key in keys)

    def assert_once(self, *keys: str) -> None:
        """The posts are on X once, and the ledger's receipts are theirs."""
        for key in keys:
            (part,) = self.post(key).parts
            assert part.state is PartState.POSTED, (key, part)
            assert part.receipt is not None
            found = [post["id"] for post in self.on_x(part.content["text"])]
            assert found == [part.receipt.x_id], (key, part)

    def lateness(self, key: str) -> float:
        """Seconds from a post's due time to its creation on X."""
        post = self.post(key)
        (part,) = post.parts
        assert part.receipt is not None
        return (part.receipt.posted_at - post.due_at).total_seconds()

    def on_x(self, text: str) -> list[dict[str, Any]]:
        """The posts on X with that text."""
        return [post for post in self.sandbox.posts() if post["written"] == text]

    def hang(self, kind: str, path: str, account: str) -> str:
        """Let X hang on the account's next such request; the fault's id."""
        username = self.sandbox.accounts[ACCOUNTS.index(account)]["username"]
        described = {"method": "POST", "path": path, "account": username, "seconds": _HANG_SECONDS}
        fault: str = self.sandbox.faults(kind, **described)["id"]
        return fault

    def senders(self, fault: str, component: Component) -> list[int]:
        """The component's processes that wait for X, once it hangs."""

        def is_hanging() -> bool:
            known = self.sandbox.get("/_sandbox/faults")["faults"]
            return any(each["id"] == fault and each["applied"] for each in known)

        wait_for("a request that X hangs on", is_hanging, within=60, every=0.05)
        senders = component.talking_to(self.sandbox.url)
        assert senders, f"X hangs, but on no request of the {component.name}"
        return senders

    def is_waiting(self, *keys: str, or_done: bool = False) -> bool:
        """Whether the triggerers have all of them, or are done with them."""
        tasks = self.creating(*keys)
        wanted = {"deferred", "success"} if or_done else {"deferred"}
        return len(tasks) == len(keys) and all(task["state"] in wanted for task in tasks.values())

    def kill_sender(self, fault: str, component: Component) -> None:
        """SIGKILL the process that waits for X, and no other of the component's."""
        for pid in self.senders(fault, component):
            os.kill(pid, signal.SIGKILL)

    def tasks(self, dag_id: str, **which: Any) -> list[dict[str, Any]]:
        """The task instances of all runs of a DAG."""
        found: list[dict[str, Any]] = self.airflow.get(
            f"/api/v2/dags/{dag_id}/dagRuns/~/taskInstances", limit=1000, **which
        )["task_instances"]
        return found

    def creating(self, *keys: str) -> dict[str, dict[str, Any]]:
        """The task instances of x_publish that send the posts, by key."""
        names = {f"stage/{key}": key for key in keys}
        tasks = self.tasks("x_publish", task_id="publish.create_post")  # with media
        tasks += self.tasks("x_publish", task_id="create_post")
        return {names[name]: task for task in tasks if (name := task["rendered_map_index"]) in names}

    def run(self, dag_id: str, **conf: Any) -> None:
        """Start a run of a DAG."""
        body = {"logical_date": None, "conf": conf}
        answer = self.airflow.request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        assert answer.ok, answer.text


@contextmanager
def open_stage(
    folder: Path, *, dags: str = "", ledger: URL | None = None, reached_by: URL | None = None, **settings: Any
) -> Iterator[Stage]:
    """Start an X, and Airflow with DAG x_publish and those of the test.

    :param folder: an empty directory.
    :param dags: the source of a DAG file.
    :param ledger: its database; a SQLite file in the folder when left out.
    :param reached_by: how Airflow reaches it, where that is another way.
    :param settings: of the sandbox.
    """
    home, of_x = folder / "airflow", folder / "x"
    for empty in (home, of_x, home / "dags"):
        empty.mkdir()
    sandbox = start_sandbox(of_x, "--accounts", str(len(ACCOUNTS)))
    try:
        sandbox.settings(**settings)
        ledger = ledger or make_url(f"sqlite:///{home / 'x_ledger.db'}")
        with _running(home, sandbox, dags, ledger, reached_by or ledger) as stage:
            yield stage
    finally:
        sandbox.stop()


@contextmanager
def _running(home: Path, sandbox: SandboxServer, dags: str, url: URL, reached_by: URL) -> Iterator[Stage]:
    folder = home / "dags"
    (folder / "x_publish.py").write_text((REPOSITORY / "dags" / "x_publish.py").read_text())
    if dags:
        (folder / "of_the_test.py").write_text(dags)
    environment = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "6",
        "AIRFLOW_CONN_X_LEDGER": reached_by.render_as_string(hide_password=False),
        **{
            f"AIRFLOW_CONN_{name.upper()}": sandbox.connection(number) for number, name in enumerate(ACCOUNTS)
        },
    }
    airflow = start_in_parts(home, environment)
    ledger = Ledger(url)
    try:
        airflow.wait_until_healthy()
        wait_for(
            "its DAGs",
            lambda: "x_publish" in (ids := _dag_ids(airflow)) and len(ids) > bool(dags),
            within=60,
        )
        yield Stage(airflow, sandbox, ledger)
    finally:
        airflow.stop()
        ledger.database.dispose()


def _dag_ids(airflow: AirflowInParts) -> list[str]:
    errors = airflow.get("/api/v2/importErrors")["import_errors"]
    assert not errors, errors[0]["stack_trace"]
    return [dag["dag_id"] for dag in airflow.get("/api/v2/dags")["dags"]]
