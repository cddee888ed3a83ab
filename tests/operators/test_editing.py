"""A post that is on X gets a new version."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from drafting import plan_post

from x_provider.hooks.publisher import open_publisher
from x_provider.ids import created_at
from x_provider.ledger import PartState
from x_provider.operators.editing import XEditPostOperator
from x_provider.operators.planning import XPlanPostOperator
from x_provider.publishing import utc_now

_EPOCH_MS = 1_288_834_974_657


@pytest.fixture
def premium(sandbox):
    """The account has X Premium."""
    sandbox.post(f"/_sandbox/accounts/{sandbox.accounts[0]['id']}", {"premium": True})
    yield
    sandbox.post(f"/_sandbox/accounts/{sandbox.accounts[0]['id']}", {"premium": False})


@pytest.fixture
def published(set_up, premium):
    """A post that is on X: its id there."""
    post = plan_post(set_up.ledger, "Open form 9 to 5", account=set_up.x_conn_id)
    publisher = open_publisher(account=post.account, ledger_conn_id=set_up.ledger_conn_id)
    return publisher.fire(post.id).post.parts[0].receipt.x_id


@pytest.fixture
def edit(set_up, tmp_path):
    """Run an edit as a worker does, and give its result."""

    def edit(edit_of, *, run_id="first", **more):
        content = {"text": "Open from 9 to 5", "media_folder": str(tmp_path), **set_up.ids, **more}
        ti = SimpleNamespace(dag_id="shop", task_id="edit", run_id=run_id, map_index=-1)
        return XEditPostOperator(task_id="edit", edit_of=edit_of, **content).execute({"ti": ti})

    return edit


def creations(sandbox):
    return [seen for seen in sandbox.requests() if (seen["method"], seen["path"]) == ("POST", "/2/tweets")]


def x_id_of_age(minutes):
    made_at = utc_now().subtract(minutes=minutes)
    return str(int(made_at.timestamp() * 1000 - _EPOCH_MS) << 22)


def test_a_post_gets_a_new_version_once(result_of, set_up, sandbox, published):
    address = f"{sandbox.url}/alice/status/{{{{ {published} }}}}"
    task = {**set_up.ids, "text": "Open from 9 to 5", "edit_of": address}
    first = result_of(XEditPostOperator, **task)
    assert result_of(XEditPostOperator, **task) == first
    (post,) = sandbox.posts()
    assert post["text"] == "Open from 9 to 5"
    assert post["edits"] == [published]
    assert first["x_ids"] == [post["id"]]
    assert len(creations(sandbox)) == 2


def test_a_post_of_the_ledger_is_edited_by_what_it_is_called_there(edit, set_up, sandbox, published):
    (post,) = set_up.ledger.posts.all()
    edit(post.name)
    edit(post.id, run_id="second", text="Open from 9 to 6")
    (on_x,) = sandbox.posts()
    assert on_x["text"] == "Open from 9 to 6"
    assert on_x["edits"][0] == published
    assert len(on_x["edits"]) == 2


def test_a_new_version_may_bring_another_picture(edit, sandbox, published, picture):
    edit(published, media=[{"file": str(picture()), "alt": "The door"}])
    assert [medium["alt_text"] for medium in sandbox.posts()[0]["media"]] == ["The door"]


@pytest.mark.usefixtures("short_waits")
def test_an_edit_whose_answer_is_lost_is_found_and_not_made_again(edit, set_up, sandbox, published):
    sandbox.faults("drop_after_commit", path="/2/tweets", method="POST", times=1)
    receipt = edit(published, deferrable=False)
    (post,) = sandbox.posts()
    assert (receipt["x_ids"], post["edits"]) == ([post["id"]], [published])
    assert set_up.ledger.posts.named(receipt["post"]).parts[0].receipt.adopted
    assert len(creations(sandbox)) == 2


def test_a_post_older_than_an_hour_is_not_tried(edit, sandbox, published):
    old = x_id_of_age(61)
    assert created_at(old) < utc_now().subtract(minutes=60)
    asked = len(sandbox.requests())
    with pytest.raises(AirflowFailException, match="X takes edits within 60 minutes"):
        edit(old)
    assert len(sandbox.requests()) == asked


def test_a_post_that_was_edited_is_as_old_as_its_first_version(edit, sandbox, premium):
    first, newest = x_id_of_age(61), x_id_of_age(5)
    answer = {"data": [{"id": newest, "text": "Open", "edit_history_tweet_ids": ["", first, newest]}]}
    sandbox.faults("status", method="GET", path="/2/tweets", status=200, body=answer)
    with pytest.raises(AirflowFailException, match="takes edits within 60 minutes, counted from its first"):
        edit(newest)
    assert creations(sandbox) == []


def test_a_post_that_has_used_up_its_edits_is_not_tried(edit, sandbox, published):
    for time in range(5):
        edit(published, run_id=f"run{time}", text=f"Open from {time} to 5")
    with pytest.raises(
        AirflowFailException, match=f"post {published} was edited 5 times, and X takes 5 edits"
    ):
        edit(published, run_id="sixth", text="Open from 6 to 5")
    assert len(creations(sandbox)) == 6


def test_what_x_refuses_fails_the_task_in_its_words(edit, set_up, sandbox, published):
    body = {"title": "Forbidden", "status": 403, "detail": "You are not permitted to edit this Tweet."}
    sandbox.faults("status", method="POST", path="/2/tweets", status=403, body=body)
    with pytest.raises(AirflowFailException, match="You are not permitted to edit this Tweet") as error:
        edit(published)
    assert "for 30 to 60 minutes after the first one and five times" in str(error.value)
    (refused,) = [post for post in set_up.ledger.posts.all() if post.calendar == "dag:shop"]
    assert refused.state is PartState.REFUSED
    assert len(creations(sandbox)) == 2


def test_without_premium_x_is_not_asked(edit, sandbox, published):
    with pytest.raises(AirflowFailException, match="only X Premium edits posts"):
        edit(published, premium=False)
    assert len(creations(sandbox)) == 1


def test_a_post_that_is_gone_is_said_to_be(edit, sandbox, premium):
    gone = x_id_of_age(5)
    with pytest.raises(AirflowFailException, match=f"post {gone} is not on X"):
        edit(gone)


def test_a_post_that_is_to_be_edited_is_not_one_that_is_planned():
    with pytest.raises(ValueError, match="both post_id and"):
        XEditPostOperator(task_id="edit", edit_of="1", post_id=2)


def test_what_it_edits_may_come_from_another_task():
    with DAG("shop", schedule=None):
        plan = XPlanPostOperator(task_id="plan", text="Open form 9 to 5")
        edit = XEditPostOperator(task_id="edit", edit_of=plan.output, text="Open from 9 to 5")
    assert edit.upstream_task_ids == {"plan"}
