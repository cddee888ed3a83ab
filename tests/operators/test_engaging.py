"""Hiding replies, reposting, taking reposts back."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from drafting import plan_post

from x_provider.client import CreatePost, Reply, XForbidden, XNotFound, XRateLimited
from x_provider.hooks.publisher import open_publisher
from x_provider.hooks.x import XHook
from x_provider.operators.engaging import XHideReplyOperator, XRepostOperator, XUndoRepostOperator
from x_provider.operators.links import XPostLink
from x_provider.publishing import utc_now


@pytest.fixture
def published(set_up, sandbox):
    """A post of the account that is on X: its id there, its number in the ledger."""
    text = f"We are open, @{sandbox.accounts[1]['username']}"
    post = plan_post(set_up.ledger, text, account=set_up.x_conn_id)
    (part,) = (
        open_publisher(account=post.account, ledger_conn_id=set_up.ledger_conn_id).fire(post.id).post.parts
    )
    return part.receipt.x_id, post.id


@pytest.fixture
def do(set_up):
    """Run an operator as a worker does, and give its result."""

    def do(operator, **arguments):
        return operator(task_id="only", **{**set_up.ids, **arguments}).execute({})

    return do


@pytest.fixture
def another(set_up, sandbox, monkeypatch):
    """The Airflow connection of another account."""
    conn_id = f"{set_up.x_conn_id}_another"
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", sandbox.connection(1))
    return conn_id


@pytest.fixture
def reply(another, published):
    """What somebody answers to the post: its id on X."""
    answer = CreatePost(text="Boo", reply=Reply(in_reply_to_tweet_id=published[0]))
    return XHook(another).get_conn().create_post(answer).id


def hidden(sandbox):
    """The ids of the replies that nobody sees at once."""
    return [post["id"] for post in sandbox.posts() if post["hidden"]]


def reposts(sandbox):
    """Who has reposted what."""
    return [(repost["username"], post["id"]) for post in sandbox.posts() for repost in post["reposts"]]


def test_a_reply_is_hidden_and_shown_again(do, sandbox, reply):
    address = f"https://x.com/bob/status/{reply}"
    for _ in range(2):
        result = do(XHideReplyOperator, reply_id=address)
        assert hidden(sandbox) == [reply]
    assert (result["x_id"], result["hidden"]) == (reply, True)
    for _ in range(2):
        result = do(XHideReplyOperator, reply_id=address, hidden="false")
        assert hidden(sandbox) == []
    assert result["hidden"] is False


def test_a_reply_that_is_gone_is_as_good_as_hidden(do, sandbox, reply):
    sandbox.faults("status", method="PUT", path="/2/tweets/", status=404)
    assert do(XHideReplyOperator, reply_id=reply)["hidden"] is True


def test_a_reply_in_somebody_else_s_conversation_is_refused_in_x_s_words(do, another, sandbox, reply):
    with pytest.raises(XForbidden, match="You are not permitted to perform this action"):
        do(XHideReplyOperator, x_conn_id=another, reply_id=reply)
    assert hidden(sandbox) == []


def test_a_post_is_reposted_once_by_whatever_it_is_called(do, set_up, sandbox, published, another):
    x_id, post_id = published
    for called in (
        {"x_id": x_id},
        {"x_id": f"https://x.com/alice/status/{x_id}?s=20"},
        {"post_id": post_id},
        {"post_id": set_up.ledger.posts.get(post_id).name},
    ):
        result = do(XRepostOperator, x_conn_id=another, **called)
        assert (result["x_id"], result["reposted"], result["account"]) == (x_id, True, another)
        assert result["urls"][0].endswith(f"/status/{x_id}")
        assert reposts(sandbox) == [(sandbox.accounts[1]["username"], x_id)]


def test_a_repost_is_taken_back_once(do, sandbox, published):
    do(XRepostOperator, post_id=published[1])
    assert len(reposts(sandbox)) == 1
    for _ in range(2):
        assert do(XUndoRepostOperator, post_id=published[1])["reposted"] is False
        assert reposts(sandbox) == []


def test_the_task_takes_templates_and_links_to_the_post(run_task, set_up, published):
    post_id = f"{{{{ {published[1]} }}}}"
    ti = run_task(XRepostOperator, **set_up.ids, post_id=post_id)
    assert ti.xcom_pull(task_ids="only", key=XPostLink().xcom_key).endswith(f"/status/{published[0]}")


def test_taking_back_the_repost_of_a_post_that_is_gone_is_done(do, sandbox, published):
    sandbox.faults("status", method="DELETE", path=r"^/2/users/\d+/retweets/", status=404)
    assert do(XUndoRepostOperator, x_id=published[0])["reposted"] is False


def test_a_post_that_is_not_there_cannot_be_reposted(do, sandbox):
    with pytest.raises(XNotFound):
        do(XRepostOperator, x_id="1460323737035677698")


def test_a_post_that_is_planned_is_not_reposted_yet(do, set_up, sandbox):
    planned = plan_post(set_up.ledger, "Later", account=set_up.x_conn_id, due_in=7200)
    with pytest.raises(AirflowException, match="is planned: it is not on X") as error:
        do(XRepostOperator, post_id=planned.id)
    assert not isinstance(error.value, AirflowFailException)  # so that the task is tried again
    assert sandbox.requests() == []


def test_a_stopped_account_reposts_nothing_and_may_still_take_back(do, set_up, sandbox, published):
    do(XRepostOperator, x_id=published[0])
    set_up.ledger.controls.stop(account=set_up.x_conn_id, why="Wrong price", by="ann", now=utc_now())
    assert do(XUndoRepostOperator, x_id=published[0])["reposted"] is False
    with pytest.raises(AirflowFailException, match="Wrong price"):
        do(XRepostOperator, x_id=published[0])
    assert reposts(sandbox) == []


def test_a_used_up_limit_is_kept_for_whoever_asks_next(do, sandbox, published):
    reset = str(int(utc_now().timestamp()) + 600)
    windows = {"x-rate-limit-limit": "50", "x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
    path = r"^/2/users/\d+/retweets"
    sandbox.faults("status", method="POST", path=path, status=429, headers=windows)
    for _ in range(2):
        with pytest.raises(XRateLimited):
            do(XRepostOperator, x_id=published[0])
    asked = [seen for seen in sandbox.requests() if seen["path"].endswith("/retweets")]
    assert len(asked) == 1


@pytest.mark.parametrize("given", [{}, {"post_id": 1, "x_id": "2"}])
@pytest.mark.parametrize("operator", [XRepostOperator, XUndoRepostOperator])
def test_the_post_is_named_in_one_way(operator, given):
    with pytest.raises(ValueError, match="by its post_id in the ledger, or by its x_id on X"):
        operator(task_id="repost", **given)


@pytest.mark.parametrize(
    ("operator", "field"),
    [(XHideReplyOperator, "reply_id"), (XRepostOperator, "x_id"), (XUndoRepostOperator, "x_id")],
)
def test_what_is_no_post_is_refused_with_what_it_was(do, sandbox, operator, field):
    with pytest.raises(AirflowFailException, match=f"{field} is 'https://x.com/noaa'"):
        do(operator, **{field: "https://x.com/noaa"})
    assert sandbox.requests() == []
