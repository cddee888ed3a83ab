"""What X delivers, read apart and written down."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pendulum
import pytest

from x_provider.events.receiving import EventWriter, NotKeptError, UnreadableDeliveryError, read_delivery
from x_provider.ledger import Ledger, LedgerError, ReceivedEvent

NOW = pendulum.datetime(2026, 12, 1, 8)


def activity(uuid: str = "1", event_type: str = "post.mention.create", **data: Any) -> bytes:
    told = {"event_uuid": uuid, "filter": {"user_id": "7"}, "event_type": event_type, "payload": {}, **data}
    return json.dumps({"data": told}).encode()


def read(body: bytes, app: str = "x_default") -> list[ReceivedEvent]:
    return read_delivery(body, app=app, received_at=NOW)


def key(body: bytes, app: str = "x_default") -> str:
    (event,) = read(body, app)
    return event.key


def test_an_event_is_the_same_however_it_is_delivered() -> None:
    again = json.dumps(json.loads(activity()), indent=2).encode()
    assert key(activity()) == key(again) == key(activity(tag="another", includes={"users": []}))
    assert len(key(activity())) <= 100


@pytest.mark.parametrize(
    "other",
    [
        activity("2"),
        activity(event_type="post.reply.create"),
        activity(filter={"user_id": "8"}),
        activity(filter={"user_id": "7", "keyword": "dome"}),
    ],
)
def test_what_is_told_of_something_else_or_to_another_subscription_is_another_event(other: bytes) -> None:
    # X gives the events that one post causes the post's id, all of them.
    assert key(activity()) != key(other)


def test_another_app_cannot_take_an_events_place() -> None:
    assert key(activity(), "x_default") != key(activity(), "x_other")


def test_several_connections_of_one_app_are_told_one_event() -> None:
    one, other = (
        read_delivery(activity(), app=app, received_at=NOW, scope="the app")
        for app in ("x_default", "x_other")
    )
    assert one[0].key == other[0].key
    assert one[0].key != key(activity())


def nested(levels: int) -> bytes:
    return b'{"data":' + b'{"a":[' * (levels // 2) + b"]}" * (levels // 2) + b"}"


def test_what_is_nested_too_deep_to_be_handled_is_refused() -> None:
    assert len(read(nested(98))) == 1
    together = {"data": [{"event_uuid": str(number), "filter": {}} for number in range(200)]}
    assert len(read(json.dumps(together).encode())) == 200
    for levels in (102, 900, 940):
        with pytest.raises(UnreadableDeliveryError, match="nested more than 100 deep"):
            read(nested(levels))


def test_one_delivery_may_hold_more_than_may_wait(ledger) -> None:
    many = {"data": [{"event_uuid": str(number)} for number in range(5_001)]}
    events = read(json.dumps(many).encode())
    run(ledger.events.store, lambda writer: writer.keep(events))
    assert ledger.events.counts() == {"waiting": 5_001}


def test_it_is_kept_as_it_came() -> None:
    body = '{"data": {"event_uuid":"1",  "payload": {"text": "Grüße 🏛"}}}'.encode()
    (event,) = read(body)
    assert (event.body, event.app, event.received_at) == (body.decode(), "x_default", NOW)


def test_events_that_come_together_are_each_their_own() -> None:
    together = {"data": [json.loads(activity(uuid))["data"] for uuid in "12"]}
    events = read(json.dumps(together).encode())
    assert [event.key for event in events] == [key(activity("1")), key(activity("2"))]
    assert [json.loads(event.body)["data"]["event_uuid"] for event in events] == ["1", "2"]


def test_account_activity_is_told_apart_by_user_kind_and_post() -> None:
    posts = [{"id": 11, "id_str": "11"}, {"id": 12, "id_str": "12"}]
    both = read(json.dumps({"for_user_id": "7", "tweet_create_events": posts}).encode())
    one = {"for_user_id": "7", "tweet_create_events": posts[:1]}
    gone = {"for_user_id": "7", "tweet_delete_events": [{"status": {"id": "11", "user_id": "7"}}]}
    assert len({event.key for event in both}) == 2
    assert key(json.dumps(one).encode()) == both[0].key
    assert key(json.dumps(gone).encode()) not in {event.key for event in both}
    assert key(json.dumps({**one, "for_user_id": "8"}).encode()) != both[0].key
    assert json.loads(both[1].body)["tweet_create_events"] == posts[1:]


def test_private_messages_are_not_kept() -> None:
    body = json.dumps({"for_user_id": "7", "direct_message_events": [{"text": "between us"}]}).encode()
    (event,) = read(body)
    assert "between us" not in event.body
    assert json.loads(event.body)["names"] == ["direct_message_events", "for_user_id"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", activity()[:-5], b"[]", b"7", b'"text"', b"\xff{}", b"[" * 100_000, b'{"a": NaN'],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableDeliveryError):
        read(body)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"data": null}', b'{"data": {"event_uuid": "1"}}', b'{"user_event": {}}']
)
def test_what_means_nothing_to_us_is_an_event_all_the_same(body: bytes) -> None:
    assert len(read(body)) == 1


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    ledger.database.dispose()


def run(store: Callable[..., object], use: Callable[[EventWriter], Any], **limits: Any) -> Any:
    async def inside() -> Any:
        writer = EventWriter(store, **limits)
        try:
            return await use(writer)
        finally:
            writer.close()

    return asyncio.run(inside())


def some(number: int) -> list[ReceivedEvent]:
    return read(activity(str(number)))


def test_what_arrives_while_a_batch_is_written_is_the_next_batch_and_all_of_it_is_kept(ledger) -> None:
    batches: list[int] = []

    def store(events: list[ReceivedEvent]) -> None:
        batches.append(len(events))
        ledger.events.store(events)

    async def use(writer: EventWriter) -> None:
        await asyncio.gather(*(writer.keep(some(number)) for number in range(200)))

    run(store, use, most_a_batch=150)
    assert sum(batches) == 200
    assert len(batches) < 5
    assert max(batches) <= 150
    assert ledger.events.counts() == {"waiting": 200}


def test_nothing_is_acknowledged_before_it_is_in_the_ledger(ledger) -> None:
    async def use(writer: EventWriter) -> None:
        for number in range(20):
            await writer.keep(some(number))
            assert ledger.events.counts() == {"waiting": number + 1}

    run(ledger.events.store, use)


def test_a_ledger_that_is_away_is_said_to_all_who_wait_and_asked_anew_by_the_next() -> None:
    answers: list[Exception | None] = [LedgerError("away"), None]

    def store(_: object) -> None:
        if answer := answers.pop(0):
            raise answer

    async def use(writer: EventWriter) -> list[Any]:
        first = await asyncio.gather(writer.keep(some(1)), return_exceptions=True)
        return [*first, *await asyncio.gather(writer.keep(some(2)), return_exceptions=True)]

    failed, kept = run(store, use)
    assert isinstance(failed, NotKeptError)
    assert kept is None


@pytest.mark.parametrize("limits", [{"most_waiting": 2}, {"most_bytes": 250}])
def test_a_flood_is_refused_and_not_kept_in_memory(limits) -> None:
    go_on = threading.Event()

    async def use(writer: EventWriter) -> list[Any]:
        waiting = [asyncio.create_task(writer.keep(some(number))) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(NotKeptError, match="too many"):
            await writer.keep(some(3))
        go_on.set()
        await asyncio.gather(*waiting)
        await writer.keep(some(4))

    run(lambda _: go_on.wait(10), use, **limits)


def test_a_ledger_that_hangs_keeps_nobody_waiting_and_is_used_again_when_it_is_back() -> None:
    go_on = threading.Event()

    async def use(writer: EventWriter) -> None:
        tasks = [asyncio.create_task(writer.keep(some(number))) for number in range(3)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [NotKeptError] * 3
        with pytest.raises(NotKeptError):
            await writer.keep(some(4))
        go_on.set()
        while True:
            try:
                await writer.keep(some(5))
            except NotKeptError:
                await asyncio.sleep(0.01)
            else:
                return

    run(lambda _: go_on.wait(10), use, patience=0.1)


def test_who_has_gone_meanwhile_disturbs_nobody(ledger) -> None:
    async def use(writer: EventWriter) -> None:
        gone, stays = (asyncio.create_task(writer.keep(some(number))) for number in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        await stays

    run(ledger.events.store, use)
    assert ledger.events.counts()["waiting"] >= 1
