"""Taking a post down."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from drafting import plan_post

from x_provider.calendar import PartSpec
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import PartState
from x_provider.operators.deleting import XDeletePostOperator
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.publishing import utc_now


@pytest.fixture
def published(result_of, set_up):
    """A post that the ledger knows to be on X: its id and its address."""
    receipt = result_of(XCreatePostOperator, **set_up.ids, text="To be taken down")
    return receipt["x_ids"][0], receipt["urls"][0]


def receipt_of(set_up, x_id):
    (post,) = [p for p in set_up.ledger.posts.all() if p.parts[0].receipt.x_id == x_id]
    return post.parts[0].receipt


@pytest.mark.parametrize("by", [0, 1], ids=["id", "address"])
def test_a_post_is_taken_down_and_its_receipt_says_when(result_of, set_up, sandbox, published, by):
    result = result_of(XDeletePostOperator, **set_up.ids, x_id=published[by])
    assert result == {"account": set_up.x_conn_id, "x_ids": [published[0]]}
    assert sandbox.posts() == []
    assert receipt_of(set_up, published[0]).deleted_at is not None


def test_taking_it_down_again_changes_nothing(result_of, set_up, published):
    result_of(XDeletePostOperator, **set_up.ids, x_id=published[0])
    first = receipt_of(set_up, published[0])
    assert result_of(XDeletePostOperator, **set_up.ids, x_id=published[0])["x_ids"] == [published[0]]
    assert receipt_of(set_up, published[0]) == first


def test_what_is_no_post_is_refused_with_what_it_was(run_task, set_up, sandbox, capfd):
    assert run_task(XDeletePostOperator, **set_up.ids, x_id="https://x.com/noaa").state == "failed"
    assert "x_id is 'https://x.com/noaa'" in "".join(capfd.readouterr())
    assert [r for r in sandbox.requests() if r["method"] == "DELETE"] == []


def test_what_x_did_not_delete_is_not_called_deleted(run_task, set_up, sandbox, published, capfd):
    body = {"data": {"deleted": False}}
    sandbox.faults("status", status=200, body=body, method="DELETE", times=1)
    assert run_task(XDeletePostOperator, **set_up.ids, x_id=published[0]).state == "failed"
    assert "X did not delete" in "".join(capfd.readouterr())
    assert receipt_of(set_up, published[0]).deleted_at is None


@pytest.fixture
def thread(set_up):
    """A thread that is on X but for its first comment: its post in the ledger."""
    comment = PartSpec(text="All dates", after_seconds=7200)
    post = plan_post(set_up.ledger, "One", "Two", comment, account=set_up.x_conn_id)
    open_publisher(account=post.account, ledger_conn_id=set_up.ledger_conn_id).fire(post.id)
    return set_up.ledger.posts.get(post.id)


@pytest.fixture
def delete(set_up):
    """Run the operator as a worker does, and give its result."""

    def delete(**arguments):
        return XDeletePostOperator(task_id="delete", **{**set_up.ids, **arguments}).execute({})

    return delete


@pytest.mark.parametrize("called", ["name", "number"])
def test_a_thread_is_taken_down_from_its_end_by_what_the_ledger_calls_it(
    delete, set_up, sandbox, thread, called
):
    ids = [part.receipt.x_id for part in thread.parts if part.receipt]
    post_id = thread.name if called == "name" else thread.id
    for _ in range(2):
        assert delete(post_id=post_id) == {"account": set_up.x_conn_id, "x_ids": ids[::-1]}
        assert sandbox.posts() == []
    deletions = [seen["path"] for seen in sandbox.requests() if seen["method"] == "DELETE"]
    assert deletions == [f"/2/tweets/{x_id}" for x_id in reversed(ids)]
    comment = set_up.ledger.posts.get(thread.id).parts[2]
    assert comment.state is PartState.REFUSED
    assert comment.why.startswith("the post was taken down by task ")


def test_a_part_that_is_gone_from_x_already_counts(delete, set_up, sandbox, thread):
    sandbox.faults("status", method="DELETE", path="^/2/tweets/", status=404, times=1)
    assert len(delete(post_id=thread.name)["x_ids"]) == 2
    assert all(part.receipt.deleted_at for part in set_up.ledger.posts.get(thread.id).parts[:2])


def test_by_its_id_on_x_only_that_part_of_a_thread_is_deleted(delete, sandbox, thread):
    second = thread.parts[1].receipt.x_id
    assert delete(x_id=second)["x_ids"] == [second]
    assert [post["text"] for post in sandbox.posts()] == ["One"]


def test_another_account_s_post_is_named_with_its_account(delete, sandbox, set_up):
    post = plan_post(set_up.ledger, "Not yours", account="x_partner")
    with pytest.raises(AirflowFailException, match=r"is of account x_partner.* x_conn_id='x_partner'"):
        delete(post_id=post.id)
    assert sandbox.requests() == []


def test_a_post_that_is_planned_stays_planned(delete, set_up, sandbox):
    post = plan_post(set_up.ledger, "Later", account=set_up.x_conn_id, due_in=7200)
    with pytest.raises(AirflowException, match="is planned: nothing of it is on X") as error:
        delete(post_id=post.name)
    assert not isinstance(error.value, AirflowFailException)  # so that the task is tried again
    assert set_up.ledger.posts.get(post.id).state is PartState.PLANNED
    assert sandbox.requests() == []


def test_a_part_that_may_still_appear_keeps_the_task_from_being_done(delete, set_up, sandbox):
    post = plan_post(
        set_up.ledger, "One", PartSpec(text="Two", after_seconds=1), account=set_up.x_conn_id, due_in=-5
    )
    publisher = open_publisher(account=post.account, ledger_conn_id=set_up.ledger_conn_id)
    publisher.fire(post.id)
    publisher._clock = lambda: utc_now().add(seconds=5)
    sandbox.faults("drop_after_commit", method="POST", path="^/2/tweets$", times=1)
    publisher.fire(post.id)
    assert set_up.ledger.posts.get(post.id).parts[1].state is PartState.UNCERTAIN
    with pytest.raises(AirflowException, match="may be on X"):
        delete(post_id=post.name)
    publisher.fire(post.id)  # it is looked for, and found
    assert len(delete(post_id=post.name)["x_ids"]) == 2
    assert sandbox.posts() == []


@pytest.mark.parametrize("given", [{}, {"post_id": 1, "x_id": "2"}])
def test_the_post_is_named_in_one_way(given):
    with pytest.raises(ValueError, match="by its post_id in the ledger, or by its x_id on X"):
        XDeletePostOperator(task_id="delete", **given)
