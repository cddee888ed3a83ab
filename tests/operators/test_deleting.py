"""Taking a post down."""

from __future__ import annotations

import pytest

from x_provider.operators.deleting import XDeletePostOperator
from x_provider.operators.publishing import XCreatePostOperator


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
    # dag.test() reads a text of digits back as a number.
    assert str(result_of(XDeletePostOperator, **set_up.ids, x_id=published[by])) == published[0]
    assert sandbox.posts() == []
    assert receipt_of(set_up, published[0]).deleted_at is not None


def test_taking_it_down_again_changes_nothing(result_of, set_up, published):
    result_of(XDeletePostOperator, **set_up.ids, x_id=published[0])
    first = receipt_of(set_up, published[0])
    assert str(result_of(XDeletePostOperator, **set_up.ids, x_id=published[0])) == published[0]
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
