"""What follows posts, as DAG x_follow_up does it."""

from __future__ import annotations

import pytest
from drafting import plan_post

from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import FollowUpDraft
from x_provider.operators.following import XFollowUpOperator

DELETION = FollowUpDraft(None, None, repost=False, content=None, after_seconds=0, delete=True)


@pytest.fixture
def due(set_up):
    """A post on X whose time to be taken down has come."""
    post = plan_post(set_up.ledger, "Ten seats left", account=set_up.x_conn_id, follow_ups=[DELETION])
    open_publisher(account=post.account, ledger_conn_id=set_up.ledger_conn_id).fire(post.id)
    return post


def test_what_was_done_is_the_task_s_result(result_of, set_up, sandbox, due):
    result = result_of(XFollowUpOperator, **set_up.ids)
    assert result == {
        "done": [f"follow-up 1 of {due.name}"],
        "waiting": [],
        "expired": [],
        "failed": [],
    }
    assert sandbox.posts() == []


def test_what_x_refuses_fails_the_task_and_is_named(run_task, set_up, sandbox, due, capfd):
    sandbox.faults("status", method="DELETE", path="^/2/tweets/", problem="not-permitted", times=1)
    assert run_task(XFollowUpOperator, **set_up.ids).state == "failed"
    assert f"follow-up 1 of {due.name}: " in "".join(capfd.readouterr())


def test_the_dag_looks_at_accounts_that_have_something_to_do(
    load_dag, run_dag, set_up, sandbox, due, monkeypatch
):
    monkeypatch.setattr("x_provider.hooks.ledger.LedgerHook.ledger", lambda _: set_up.ledger)
    dag_run = run_dag(load_dag("x_follow_up"))
    assert dag_run.state == "success"
    assert sandbox.posts() == []
