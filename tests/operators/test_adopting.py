"""What a person says a post is on X, X is asked about: by the question's answer as by `airflow x adopt`."""

from __future__ import annotations

import pytest
from drafting import plan_post
from other_processes import send_without_answer

from x_provider.client import CreatePost, OAuth1, XClient
from x_provider.ledger import PartState
from x_provider.operators.asking import XActOnAnswerOperator, XGatherEvidenceOperator
from x_provider.publishing import utc_now
from x_provider.publishing.asking import ADOPT


@pytest.fixture
def post(set_up):
    """A post that was sent without an answer; its calendar says to ask."""
    post = plan_post(set_up.ledger, "Hello", account=set_up.x_conn_id, on_absent="ask")
    return send_without_answer(set_up.ledger, post, at=utc_now())


@pytest.fixture
def say_it_is(post, result_of, run_task, set_up):
    """Answer the question about the post with an address, and give the state of the task that acts on it."""

    def say_it_is(address: str) -> str:
        ids = {"ledger_conn_id": set_up.ledger_conn_id}
        question = result_of(XGatherEvidenceOperator, post=post.name, **ids)
        answer = {"chosen_options": [ADOPT], "params_input": {"address": address}}
        return run_task(XActOnAnswerOperator, question=question, answer=answer, **ids).state

    return say_it_is


def on_x(sandbox, number):
    """The id of a post by the hand of one of the sandbox's accounts."""
    return XClient(sandbox.url, OAuth1(*sandbox.keys(number))).create_post(CreatePost(text="Hello, all")).id


def test_the_account_s_own_post_is_adopted(post, say_it_is, set_up, sandbox):
    x_id = on_x(sandbox, 0)
    assert say_it_is(x_id) == "success"
    assert set_up.ledger.posts.get(post.id).parts[0].receipt.x_id == x_id


def test_somebody_else_s_post_is_not_adopted_and_the_task_says_so(post, say_it_is, set_up, sandbox, capfd):
    assert say_it_is(on_x(sandbox, 1)) == "failed"
    said = "".join(capfd.readouterr())
    assert "it cannot be that one. Nothing was done; clear the task that asks, to be asked again" in said
    assert set_up.ledger.posts.get(post.id).state is PartState.UNCERTAIN


def test_a_post_that_x_does_not_show_is_not_adopted(post, say_it_is, set_up, capfd):
    assert say_it_is("1900000000000000001") == "failed"
    assert "X shows no post 1900000000000000001" in "".join(capfd.readouterr())
    assert set_up.ledger.posts.get(post.id).state is PartState.UNCERTAIN
