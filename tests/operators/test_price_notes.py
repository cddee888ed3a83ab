"""Whoever posts without a calendar reads in the log what it costs, before anything is sent."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from x_provider.notifications.post import XNotifier
from x_provider.operators.planning import XPlanPostOperator
from x_provider.operators.publishing import XCreatePostOperator

LINK = "Tickets: example.com"
PRICE = "costs $0.200 instead of $0.015 because of its link example.com"


@pytest.fixture
def told(capsys):
    """What the log says of prices, and of what was sent."""

    def told() -> list[str]:
        lines = re.findall(r"\](?:\x1b\[0m)? (.*?) +\[", capsys.readouterr().out)
        return [line for line in lines if re.match(r"post .* costs |posted |refused: ", line)]

    return told


@pytest.fixture
def context():
    ti = SimpleNamespace(
        dag_id="d", run_id="r", task_id="t", map_index=-1, state="failed", xcom_push=lambda **_: None
    )
    return {"ti": ti, "run_id": "r", "exception": RuntimeError("the dome is shut")}


def test_planning_a_post_says_its_price(told, context, set_up, tmp_path):
    content = {"text": LINK, "at": "now + 1 day", "media_folder": str(tmp_path)}
    XPlanPostOperator(task_id="t", **content, **set_up.ids).execute(context)
    assert told() == [f"post dag:d/t/r {PRICE}"]


def test_a_post_of_its_own_says_its_price_before_it_is_sent(told, context, set_up, tmp_path, sandbox):
    task = {
        "task_id": "t",
        "text": LINK,
        "media_folder": str(tmp_path),
        "deferrable": False,
        **set_up.ids,
    }
    sandbox.faults("status", problem="not-permitted", method="POST", path="/2/tweets", times=1)
    with pytest.raises(AirflowFailException):
        XCreatePostOperator(**task).execute(context)
    price, refused = told()
    assert (price, refused[:8]) == (f"post dag:d/t/r {PRICE}", "refused:")
    XCreatePostOperator(**task).execute(context)
    price, posted = told()
    assert (price, posted[:7]) == (f"post dag:d/t/r {PRICE}", "posted ")
    XCreatePostOperator(**task).execute(context)
    assert told() == []


def test_a_notice_says_its_price_once(told, context, set_up):
    for _ in range(2):
        XNotifier(text=LINK, **set_up.ids)(context)
    price, posted = told()
    assert price.startswith("post dag:d/notice:failed:t/r~")
    assert price.endswith(PRICE)
    assert posted.startswith("posted ")
