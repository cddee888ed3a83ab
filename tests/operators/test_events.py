"""From X's delivery to the DAG that somebody scheduled on it."""

from __future__ import annotations

import dataclasses
import json
import os
from functools import partial
from typing import Any

import pendulum
import pytest
import requests
from airflow.sdk import Asset
from airflow_harness import wait_for
from drafting import plan_post
from other_processes import begin_attempt, wake_post
from sqlalchemy import text
from webhook_server import served

from x_provider.client import CreatePost, OAuth1, OAuth2User, Reply, XClient
from x_provider.client.listening import PRIVATE_EVENTS, PUBLIC_EVENTS
from x_provider.client.webhooks import SIGNATURE, signature_of
from x_provider.events.reach import Reach
from x_provider.events.receiving import read_delivery
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import AccountOnX, PartState, Receipt
from x_provider.ledger.events import MOST_TRIES
from x_provider.operators import events
from x_provider.operators.events import XHandleEventsOperator, XSettleEventsOperator, asset_uri
from x_provider.publishing import utc_now
from x_provider.web import webhook

US, THEM = "7", "8"


@pytest.fixture
def known(set_up):
    """The account is known to be user 7 on X."""
    user = AccountOnX(set_up.x_conn_id, "https://api.x.com", US, "museum", "f")
    set_up.ledger.accounts.put(user, now=utc_now())
    return set_up.x_conn_id


@pytest.fixture
def told(set_up, known):
    """X has told a mention of user 7 by this post."""

    def told(post_id: str = "11", *, user: str = US, author: str = THEM, **data: Any) -> None:
        payload = {"id": post_id, "author_id": author, "text": "Hello @museum"}
        event = {
            "event_uuid": post_id,
            "event_type": "post.mention.create",
            "filter": {"user_id": user},
            "payload": payload,
            "includes": {"users": [{"id": author, "username": "mallory"}]},
            **data,
        }
        body = json.dumps({"data": event}).encode()
        set_up.ledger.events.store(read_delivery(body, app=set_up.x_conn_id, received_at=utc_now()))

    return told


@pytest.fixture
def handle(result_of, set_up):
    def handle() -> dict[str, list[int]]:
        return result_of(XHandleEventsOperator, ledger_conn_id=set_up.ledger_conn_id)

    return handle


def asset_events(account: str, kind: str = "mentions") -> list[dict[str, Any]]:
    """What Airflow was told of an account's mentions, as it keeps it."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        uri = f"x://{kind}/{account}"
        return list(session.scalars(query.where(AssetModel.uri == uri).order_by(AssetEvent.id)))


def test_a_mention_becomes_an_asset_event_that_quotes_nobody(handle, told, known, set_up) -> None:
    told()
    assert len(handle()["handled"]) == 1
    (event,) = asset_events(known)
    assert event == {
        "kind": "mention",
        "account": known,
        "post_id": "11",
        "url": "https://x.com/mallory/status/11",
        "author": "mallory",
        "on": None,
        **{name: value for name, value in event.items() if name == "from_rest_api"},
    }
    assert [each.by_x_id for each in set_up.ledger.events.engagement(known)] == ["11"]


def test_each_mention_is_an_event_and_none_is_told_twice(handle, told, known) -> None:
    told("21")
    told("22")
    told("21", filter={"user_id": US, "keyword": "hello"})  # another subscription of the same account
    handle()
    assert [event["post_id"] for event in asset_events(known)] == ["21", "22"]


def test_until_it_is_settled_an_event_comes_back_and_is_emitted_again(handle, told, known, set_up) -> None:
    told("31")
    (event_id,) = handle()["handled"]
    assert handle() == {"handled": [], "ignored": []}
    later = utc_now().add(minutes=11)
    (event,) = set_up.ledger.events.due(later, limit=9)
    # Its claim is over: whoever had it died before Airflow knew of it.
    set_up.ledger.events.failed(event.id, why="died", now=later, wake_at=utc_now())
    assert handle()["handled"] == [event_id]
    assert [told["post_id"] for told in asset_events(known)] == ["31", "31"]


def test_what_is_settled_is_over(handle, told, result_of, set_up) -> None:
    told("41")
    told("42", author=US)
    done = handle()
    assert (len(done["handled"]), len(done["ignored"])) == (1, 1)
    assert result_of(XSettleEventsOperator, events=done, ledger_conn_id=set_up.ledger_conn_id) == 2
    assert set_up.ledger.events.counts() == {"handled": 1, "ignored": 1}
    assert result_of(XSettleEventsOperator, events=done, ledger_conn_id=set_up.ledger_conn_id) == 0


def test_what_cannot_be_handled_keeps_no_other_waiting_and_is_tried_later(
    handle, told, known, set_up
) -> None:
    told("x51")
    told("52")
    assert len(handle()["handled"]) == 1
    (again,) = set_up.ledger.events.due(utc_now().add(minutes=2), limit=1)
    assert again.tries == 1


def test_x_bills_each_event_once(handle, told, known, set_up) -> None:
    told("61")
    told("62", author=US)
    handle()
    (event, *_) = set_up.ledger.events.due(utc_now().add(minutes=11), limit=9)
    set_up.ledger.events.failed(event.id, why="died", now=utc_now(), wake_at=utc_now())
    handle()
    month = set_up.ledger.charges.month(known, now=utc_now())
    (cost,) = set_up.ledger.charges.by_kind(known, month.name)
    assert (cost.kind, cost.units, str(cost.usd)) == ("activity_event", 2, "0.01")


def test_the_webhooks_own_account_is_asked_for_when_nobody_knows_it(set_up, handle, sandbox) -> None:
    user = sandbox.accounts[0]["id"]
    body = {
        "event_uuid": "71",
        "event_type": "post.mention.create",
        "filter": {"user_id": user},
        "payload": {"id": "71", "author_id": THEM},
    }
    delivery = read_delivery(json.dumps({"data": body}).encode(), app=set_up.x_conn_id, received_at=utc_now())
    set_up.ledger.events.store(delivery)
    assert len(handle()["handled"]) == 1
    assert [event["post_id"] for event in asset_events(set_up.x_conn_id)] == ["71"]


@pytest.fixture
def connect(set_up, sandbox, monkeypatch):
    """An account beside the webhook's, user 9 on X, with these fields of a connection; gives its name."""

    def connect(**fields: Any) -> str:
        conn_id = f"{set_up.x_conn_id}_beside"
        described = {**json.loads(sandbox.connection(1)), **fields}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(described))
        user = AccountOnX(conn_id, sandbox.url, "9", "library", "g")
        set_up.ledger.accounts.put(user, now=utc_now())
        return conn_id

    return connect


OTHER_APP = {"login": "another-key", "password": "another-secret"}
NO_APP = {"login": None, "password": None, "extra": {"oauth2_access_token": "pasted"}}


def test_one_webhook_tells_of_all_accounts_of_its_app(handle, told, connect) -> None:
    brand = connect()
    told("81", user="9")
    assert len(handle()["handled"]) == 1
    assert [event["post_id"] for event in asset_events(brand)] == ["81"]


@pytest.mark.parametrize(
    ("fields", "why"), [(OTHER_APP, "is of another app"), (NO_APP, "the app's API key and secret")]
)
def test_whoever_delivers_for_one_app_cannot_speak_of_anothers_account(
    handle, told, connect, set_up, fields, why
) -> None:
    brand = connect(**fields)
    told("82", user="9")
    assert handle() == {"handled": [], "ignored": []}
    assert (asset_events(brand), set_up.ledger.events.engagement(brand)) == ([], [])
    assert f"it is about account {brand}" in why_of(set_up.ledger)
    assert why in why_of(set_up.ledger)


def test_a_delivery_that_one_apps_secret_has_signed_takes_down_no_post_of_another(
    handle, connect, set_up, sandbox, monkeypatch
) -> None:
    brand = connect(**OTHER_APP)
    has_posted(set_up.ledger, brand, "87")
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    deletion = {"event_uuid": "87", "event_type": "post.delete", "filter": {"user_id": "9"}}
    body = json.dumps({"data": {**deletion, "payload": {"id": "87", "author_id": "9"}}}).encode()
    with served() as url:
        for conn_id, status in ((set_up.x_conn_id, 200), (brand, 403)):
            headers = {SIGNATURE: signature_of(sandbox.keys()[1], body)}
            answer = requests.post(f"{url}/x/webhook/{conn_id}", data=body, headers=headers, timeout=30)
            assert answer.status_code == status
    assert handle() == {"handled": [], "ignored": []}
    assert f"it is about account {brand}" in why_of(set_up.ledger)
    assert asset_events(brand, "deleted") == []
    (part,) = set_up.ledger.posts.all()[0].parts
    assert part.receipt.deleted_at is None


def test_once_its_app_is_named_what_was_given_up_is_handled_after_all(handle, told, connect, set_up) -> None:
    connect(**NO_APP)
    told("83", user="9")
    handle()
    (event,) = set_up.ledger.events.due(utc_now().add(minutes=2), limit=9)
    give_up(set_up.ledger, event.id)
    brand = connect()
    assert set_up.ledger.events.retry(now=utc_now()) == {event.id}
    assert handle()["handled"] == [event.id]
    assert [told["post_id"] for told in asset_events(brand)] == ["83"]


def test_a_webhook_without_a_user_of_its_own_says_whose_event_it_cannot_believe(
    handle, told, connect, set_up, sandbox, monkeypatch
) -> None:
    brand = connect(**NO_APP)
    only_app = {**json.loads(sandbox.connection()), "extra": {}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{set_up.x_conn_id.upper()}", json.dumps(only_app))
    told("84", user="9")
    handle()
    assert f"it is about account {brand}" in why_of(set_up.ledger)


def test_no_post_of_another_apps_account_is_named_as_a_new_one(handle, told, connect, set_up) -> None:
    brand = connect(**OTHER_APP)
    has_posted(set_up.ledger, brand, "85")
    told("85", event_type="post.create", author=US)
    assert handle() == {"handled": [], "ignored": []}
    assert asset_events(brand, "created") == []
    assert f"it is about account {brand}" in why_of(set_up.ledger)


def test_what_is_tried_again_days_later_is_not_billed_again(handle, told, known, set_up) -> None:
    told("x86")
    handle()
    (event,) = set_up.ledger.events.due(utc_now().add(minutes=2), limit=9)
    give_up(set_up.ledger, event.id)
    with set_up.ledger.database.write() as connection:
        connection.execute(text("UPDATE x_events SET received_at = '2026-01-01 00:00:00.000000'"))
        connection.execute(text("DELETE FROM x_reads"))
    set_up.ledger.events.retry(now=utc_now())
    handle()
    month = set_up.ledger.charges.month(known, now=utc_now())
    (cost,) = set_up.ledger.charges.by_kind(known, month.name)
    assert cost.units == 1


def has_posted(ledger, account: str, x_id: str) -> None:
    post = plan_post(ledger, "Hello", account=account)
    assert ledger.sending.arm(post, post.parts[0])
    receipt = Receipt(x_id, f"https://x.com/library/status/{x_id}", utc_now(), utc_now())
    attempt = begin_attempt(ledger, post, at=utc_now())
    assert ledger.sending.posted(attempt, receipt, account=account)


def give_up(ledger, event_id: int) -> None:
    """End an event as one that was tried too often."""
    with ledger.database.write() as connection:
        connection.execute(text(f"UPDATE x_events SET tries = {MOST_TRIES} WHERE id = {event_id}"))
    assert not ledger.events.failed(event_id, why="no", now=utc_now(), wake_at=utc_now())


def why_of(ledger) -> str:
    with ledger.database.read() as connection:
        return connection.execute(text("SELECT why FROM x_events")).scalar_one()


def test_what_comes_at_once_is_emitted_by_hundreds_each_once_and_none_has_to_wait(
    handle, told, known, set_up, result_of
) -> None:
    # Airflow's API server takes seconds for a thousand asset events of one task, and is then told them again.
    ids = [str(number) for number in range(1_000, 1_250)]
    for post_id in ids:
        told(post_id)
    sizes = []
    while set_up.ledger.events.at_hand(utc_now()) is not None:
        done = handle()
        sizes.append(len(done["handled"]))
        assert (
            result_of(XSettleEventsOperator, events=done, ledger_conn_id=set_up.ledger_conn_id) == sizes[-1]
        )
    assert sizes == [100, 100, 50]
    assert [event["post_id"] for event in asset_events(known)] == ids
    assert set_up.ledger.events.counts() == {"handled": 250}


@pytest.mark.parametrize(
    ("conn_id", "uri"),
    [
        ("x_default", "x://mentions/x_default"),
        ("X-brand.2", "x://mentions/X-brand.2"),
        ("x_müller", "x://mentions/x_m%C3%BCller"),
        ("x#1/2", "x://mentions/x%231%2F2"),
    ],
)
def test_an_account_is_named_in_an_asset_as_airflow_takes_it(conn_id, uri) -> None:
    assert asset_uri("mentions", conn_id) == uri
    assert Asset(uri).uri == uri
    assert uri.isascii()


def test_an_account_of_any_name_has_its_events(handle, told, set_up, sandbox, monkeypatch) -> None:
    name = f"{set_up.x_conn_id}_müller"
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", sandbox.connection(1))
    set_up.ledger.accounts.put(AccountOnX(name, sandbox.url, "9", "library", "g"), now=utc_now())
    told("91", user="9")
    told("92")
    assert len(handle()["handled"]) == 2
    (event,) = asset_events(name.replace("ü", "%C3%BC"))
    assert (event["account"], event["post_id"]) == (name, "91")


def test_an_event_that_no_asset_can_stand_for_ends_neither_the_task_nor_the_others(
    handle, told, known, set_up, sandbox, monkeypatch
) -> None:
    name = "ü" * 250
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", sandbox.connection(1))
    set_up.ledger.accounts.put(AccountOnX(name, sandbox.url, "9", "library", "g"), now=utc_now())
    told("93", user="9")
    told("94")
    assert len(handle()["handled"]) == 1
    assert [event["post_id"] for event in asset_events(known)] == ["94"]
    with set_up.ledger.database.read() as connection:
        whys = connection.execute(text("SELECT why FROM x_events ORDER BY id")).scalars().all()
    assert "cannot exceed 1500" in whys[0]


def test_however_often_an_event_was_tried_there_is_a_next_time_for_it(handle, told, known, set_up) -> None:
    told("x95")
    change(set_up.ledger, "UPDATE x_events SET tries = 5, why = 'no'")
    operator = XHandleEventsOperator(task_id="handle")
    (event,) = set_up.ledger.events.due(utc_now(), limit=9)
    reach = Reach(set_up.ledger, known, lambda *_: "same")
    assert operator._handled(dataclasses.replace(event, tries=80), reach, {}) is None


def test_what_is_tried_again_after_midnight_is_billed_once_and_when_it_was_told(
    handle, told, known, set_up, monkeypatch
) -> None:
    midnight = pendulum.datetime(2026, 12, 1)
    told("96")
    change(set_up.ledger, "UPDATE x_events SET received_at = '2026-11-30 23:59:50.000000'")
    for seconds in (-10, 30, 60):
        monkeypatch.setattr(events, "utc_now", lambda seconds=seconds: midnight.add(seconds=seconds))
        change(set_up.ledger, "UPDATE x_events SET wake_at = '2026-11-30 23:59:50.000000'")
        assert len(handle()["handled"]) == 1
    charges = set_up.ledger.charges
    assert [cost.units for cost in charges.by_kind(known, "2026-11")] == [1]
    assert charges.by_kind(known, "2026-12") == []


def test_an_event_is_billed_to_the_account_that_it_is_about(handle, told, known, connect, set_up) -> None:
    brand = connect()
    told("97", user="9")
    told("98", user=US)
    told("x99", user="9")
    handle()
    month = set_up.ledger.charges.month(known, now=utc_now())
    units = {
        account: [cost.units for cost in set_up.ledger.charges.by_kind(account, month.name)]
        for account in (known, brand)
    }
    assert {account: sum(each) for account, each in units.items()} == {known: 1, brand: 2}


def test_who_an_event_is_about_may_be_known_only_later_and_it_is_billed_once(
    handle, told, known, connect, set_up
) -> None:
    told("99", user="9")
    handle()
    brand = connect()
    change(set_up.ledger, f"UPDATE x_events SET wake_at = '{utc_now().format('YYYY-MM-DD HH:mm:ss.SSSSSS')}'")
    assert len(handle()["handled"]) == 1
    month = set_up.ledger.charges.month(known, now=utc_now())
    activity = [
        (account, cost.units)
        for account in (known, brand)
        for cost in set_up.ledger.charges.by_kind(account, month.name)
        if cost.kind == "activity_event"
    ]
    assert activity == [(known, 1)]


def test_a_post_that_was_gone_before_the_ledger_knew_it_is_told_to_be_deleted(
    handle, told, known, set_up, result_of
) -> None:
    told("88", event_type="post.delete", payload={"id": "88", "author_id": US})
    settle = partial(result_of, XSettleEventsOperator, ledger_conn_id=set_up.ledger_conn_id)
    settle(events=handle())
    has_posted(set_up.ledger, known, "88")
    settle(events={"handled": [], "ignored": []})
    done = handle()
    assert len(done["handled"]) == 1
    settle(events=done)
    (part,) = set_up.ledger.posts.all()[0].parts
    assert part.receipt.deleted_at is not None
    assert [event["post_id"] for event in asset_events(known, "deleted")] == ["88"]
    assert handle() == {"handled": [], "ignored": []}


def change(ledger, statement: str) -> None:
    with ledger.database.write() as connection:
        connection.execute(text(statement))


def test_from_x_to_the_ledger_and_the_dag_that_waits_for_it(
    set_up, sandbox, handle, run_dag, load_dag, monkeypatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_X_LEDGER", os.environ[f"AIRFLOW_CONN_{set_up.ledger_conn_id.upper()}"])
    monkeypatch.setattr(webhook.route.app, "_loop", None)
    ours, theirs = (XClient(sandbox.url, OAuth1(*sandbox.keys(number))) for number in (0, 1))
    with served() as url:
        hook = ours.register_webhook(f"{url}/x/webhook/{set_up.x_conn_id}")
        user_id = ours.me().id
        login = XClient(sandbox.url, OAuth2User(sandbox.accounts[0]["oauth2"]["access_token"]))
        for event_type in (*PRIVATE_EVENTS, *PUBLIC_EVENTS):
            login.subscribe(event_type, user_id=user_id, webhook_id=hook.id)
        ours.subscribe_account_activity(hook.id)
        sandbox.settings(webhook_copies=2)
        post = ours.create_post(CreatePost(text="What do you see?")).id
        reply = Reply(in_reply_to_tweet_id=post)
        ours.create_post(CreatePost(text="Look closely.", reply=reply))
        sandbox.post(
            "/_sandbox/events",
            {"event_type": "post.reply.create", "user": "alice", "author": "mallory", "post_id": post},
        )
        theirs.create_post(CreatePost(text="Have you seen @alice?"))
        ours.delete_post(post)

        def all_delivered() -> bool:
            counts = sandbox.get("/_sandbox/webhooks?limit=0")["counts"]
            return counts.get("waiting", 0) == 0 and counts["delivered"] >= 10

        wait_for("all events", all_delivered, within=20)
    monkeypatch.setenv("AIRFLOW_CONN_X_DEFAULT", sandbox.connection())
    dag_run = run_dag(load_dag("x_events"))
    assert {ti.task_id: ti.state for ti in dag_run.get_task_instances()} == {
        "handle": "success",
        "settle": "success",
    }
    counts = set_up.ledger.events.counts()
    assert counts.keys() <= {"handled", "ignored"}
    done = {
        (each.kind, each.x_id, each.by_username) for each in set_up.ledger.events.engagement(set_up.x_conn_id)
    }
    # Mallory's reply names us too; our own reply to ourselves does not count.
    assert done == {("reply", post, "mallory"), ("mention", None, "mallory"), ("mention", None, "bob")}
    assert sorted(event["author"] for event in asset_events(set_up.x_conn_id)) == ["bob", "mallory"]
    assert [event["on"] for event in asset_events(set_up.x_conn_id, "replies")] == [post]
    created = asset_events(set_up.x_conn_id, "created")
    assert [(event["author"], event["planned"]) for event in created] == [("alice", False)] * 2


def test_a_post_whose_outcome_nobody_knows_is_looked_for_when_x_tells_of_it(
    set_up, sandbox, handle, told
) -> None:
    publisher = open_publisher(account=set_up.x_conn_id, ledger_conn_id=set_up.ledger_conn_id)
    post = plan_post(set_up.ledger, "Did it arrive?", account=set_up.x_conn_id, on_absent="ask")
    sandbox.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    wake_post(set_up.ledger, post.id, None)
    (on_x,) = sandbox.posts()
    payload = {"id": on_x["id"], "author_id": on_x["author_id"], "text": "Did it arrive?"}
    told(on_x["id"], event_type="post.create", payload=payload)
    set_up.ledger.accounts.put(
        AccountOnX(set_up.x_conn_id, sandbox.url, on_x["author_id"], "alice", "f"), now=utc_now()
    )
    handle()
    (event,) = asset_events(set_up.x_conn_id, "created")
    assert (event["post_id"], event["planned"]) == (on_x["id"], True)
    (due,) = set_up.ledger.posts.due(utc_now(), limit=9)
    assert publisher.fire(due.id).post.parts[0].receipt.x_id == on_x["id"]


def test_the_example_reads_who_mentioned_us(airflow_home, load_dag) -> None:
    from types import SimpleNamespace

    from airflow.sdk import Asset

    dag = load_dag("x_mentions")
    asset = Asset("x://mentions/x_default")
    event = SimpleNamespace(extra={"author": "mallory", "url": "https://x.com/mallory/status/11"})
    look = dag.get_task("look").python_callable
    assert look(triggering_asset_events={asset: [event]}) == ["https://x.com/mallory/status/11"]
