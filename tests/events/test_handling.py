"""What events mean for the ledger: as the sandbox tells them, and as X's older API does."""

from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest
from drafting import plan_post
from other_processes import begin_attempt

from x_provider.events.handling import Handled, UnknownAccountError, handle
from x_provider.events.receiving import read_delivery
from x_provider.ledger import AccountOnX, EngagementCounts, Ledger, Receipt

NOW = pendulum.datetime(2026, 12, 1, 8)
OURS, THEIRS = "1990000000000000001", "1990000000000000002"
US, THEM = "7", "8"


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.accounts.put(AccountOnX("x_default", "https://api.x.com", US, "museum", "f"), now=NOW)
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def posted(ledger):
    """One of our posts, with its receipt."""
    post = plan_post(ledger, "Hello", account="x_default", due_at=NOW)
    assert ledger.sending.arm(post, post.parts[0])
    attempt = begin_attempt(ledger, post, at=NOW)
    receipt = Receipt(OURS, f"https://x.com/museum/status/{OURS}", NOW, NOW)
    assert ledger.sending.posted(attempt, receipt, account="x_default")
    return post


@pytest.fixture
def tell(ledger):
    """Deliver a body and handle what it holds."""

    def tell(body: dict[str, Any], *, app: str = "x_default") -> Handled:
        ledger.events.store(read_delivery(json.dumps(body).encode(), app=app, received_at=NOW))
        (event,) = ledger.events.claim(NOW, until=NOW.add(minutes=5), limit=9)
        handled = handle(ledger, event, now=NOW)
        assert ledger.events.handled([event.id], now=NOW) == 1
        return handled

    return tell


def activity(event_type: str, payload: dict[str, Any], *, user: str = US, **filters: str) -> dict[str, Any]:
    author = {"id": payload.get("author_id"), "username": "mallory"}
    return {
        "data": {
            "event_uuid": payload["id"],
            "filter": {"user_id": user, **filters},
            "event_type": event_type,
            "payload": payload,
            "includes": {"users": [author]},
        }
    }


def post(**members: Any) -> dict[str, Any]:
    return {"id": THEIRS, "author_id": THEM, "text": "Hello @museum", **members}


def status(**members: Any) -> dict[str, Any]:
    user = {"id": int(THEM), "id_str": THEM, "screen_name": "mallory"}
    return {"id": int(THEIRS), "id_str": THEIRS, "text": "Hello @museum", "user": user, **members}


def account_activity(**events: Any) -> dict[str, Any]:
    return {"for_user_id": US, **events}


def summary(ledger) -> list[tuple[Any, ...]]:
    return [
        (each.kind, each.x_id, each.by_x_id, each.by_username)
        for each in ledger.events.engagement("x_default")
    ]


@pytest.mark.parametrize(
    ("event_type", "reference", "kind"),
    [
        ("post.reply.create", "replied_to", "reply"),
        ("post.quote.create", "quoted", "quote"),
        ("post.repost.create", "retweeted", "repost"),
    ],
)
@pytest.mark.parametrize("member", ["referenced_tweets", "referenced_posts"])
def test_what_people_do_with_our_post_is_kept_and_told(
    ledger, posted, tell, event_type, reference, kind, member
) -> None:
    payload = post(**{member: [{"type": reference, "id": OURS}]})
    (happening,) = tell(activity(event_type, payload)).happenings
    assert (happening.kind, happening.account, happening.x_id, happening.is_new) == (
        kind,
        "x_default",
        OURS,
        True,
    )
    assert happening.url == f"https://x.com/mallory/status/{THEIRS}"
    assert summary(ledger) == [(kind, OURS, THEIRS, "mallory")]
    assert ledger.events.engagement_counts([OURS]) == {OURS: EngagementCounts(**{kind: 1})}


def test_a_mention_is_about_the_account(ledger, tell) -> None:
    (happening,) = tell(activity("post.mention.create", post())).happenings
    assert (happening.kind, happening.x_id) == ("mention", None)
    (kept,) = ledger.events.engagement("x_default")
    assert (kept.text, kept.by_user_id) == ("Hello @museum", THEM)


def test_told_twice_it_counts_once(ledger, tell) -> None:
    tell(activity("post.mention.create", post()))
    (again,) = tell(activity("post.mention.create", post(), keyword="hello")).happenings
    (old,) = tell(account_activity(tweet_create_events=[named()])).happenings
    assert (again.is_new, old.is_new) == (False, False)
    assert len(ledger.events.engagement("x_default")) == 1


def named(**members: Any) -> dict[str, Any]:
    return status(entities={"user_mentions": [{"id_str": US, "screen_name": "museum"}]}, **members)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (named(), [("mention", None)]),
        (status(in_reply_to_user_id_str=US, in_reply_to_status_id_str=OURS), [("reply", OURS)]),
        (
            named(in_reply_to_user_id_str=US, in_reply_to_status_id_str=OURS),
            [("mention", None), ("reply", OURS)],
        ),
        (status(quoted_status_id_str=OURS), [("quote", OURS)]),
        (status(quoted_status_id_str=OURS, quoted_status={"user": {"id_str": US}}), [("quote", OURS)]),
        (named(quoted_status_id_str="5", quoted_status={"user": {"id_str": "9"}}), [("mention", None)]),
        (named(retweeted_status={"id_str": OURS, "user": {"id_str": US}}), [("repost", OURS)]),
        (named(retweeted_status={"id_str": "5", "user": {"id_str": "9"}}), []),
        (status(), []),
    ],
)
def test_the_deprecated_api_tells_the_same(ledger, posted, tell, told, expected) -> None:
    handled = tell(account_activity(tweet_create_events=[told]))
    assert sorted((each.kind, each.x_id or "") for each in handled.happenings) == sorted(
        (kind, x_id or "") for kind, x_id in expected
    )
    assert len(ledger.events.engagement("x_default")) == len(expected)
    assert bool(handled.why) is not bool(expected)


def test_what_the_account_does_itself_is_no_engagement(ledger, posted, tell) -> None:
    own = post(author_id=US, referenced_tweets=[{"type": "replied_to", "id": OURS}])
    handled = tell(activity("post.reply.create", own))
    assert handled.happenings == ()
    assert "itself" in (handled.why or "")
    user = {"id_str": US, "screen_name": "museum"}
    handled = tell(account_activity(tweet_create_events=[named(in_reply_to_user_id_str=US, user=user)]))
    assert handled.happenings == ()
    assert summary(ledger) == []


def test_a_post_of_ours_deleted_on_x_is_known_once(ledger, posted, tell) -> None:
    (gone,) = tell(activity("post.delete", {"id": OURS, "author_id": US})).happenings
    assert (gone.kind, gone.account, gone.x_id, gone.is_new) == ("deleted", "x_default", OURS, True)
    part = ledger.posts.get(posted.id).parts[0]
    assert part.receipt is not None
    assert part.receipt.deleted_at == NOW
    (again,) = tell(
        account_activity(tweet_delete_events=[{"status": {"id": OURS, "user_id": US}}])
    ).happenings
    assert again.is_new is False


def test_a_deleted_reply_is_forgotten_and_still_counts(ledger, posted, tell) -> None:
    tell(activity("post.reply.create", post(referenced_tweets=[{"type": "replied_to", "id": OURS}])))
    handled = tell(activity("post.delete", {"id": THEIRS, "author_id": THEM}, user=THEM))
    assert handled == Handled()
    (kept,) = ledger.events.engagement("x_default")
    assert (kept.text, kept.by_x_id) == (None, THEIRS)
    assert ledger.events.engagement_counts([OURS]) == {OURS: EngagementCounts(reply=1)}


def test_a_deleted_post_that_nobody_knows_is_of_no_concern(tell) -> None:
    handled = tell(activity("post.delete", {"id": "55", "author_id": THEM}, user=THEM))
    assert "knows nothing" in (handled.why or "")


@pytest.mark.parametrize(
    "body",
    [
        activity("profile.update.bio", post()),
        {"data": {"event_uuid": "1"}},
        {"for_user_id": US, "favorite_events": [{}]},
        {},
    ],
)
def test_what_nothing_here_acts_on_is_ignored(tell, body) -> None:
    assert "nothing here acts on" in (tell(body).why or "")


def test_a_new_post_of_the_account_is_told_and_looked_at(ledger, tell) -> None:
    own = post(author_id=US, referenced_tweets=[{"type": "replied_to", "id": "5"}])
    handled = tell(activity("post.create", own))
    (happening,) = handled.happenings
    assert (happening.kind, happening.account, happening.x_id, happening.by_x_id) == (
        "created",
        "x_default",
        None,
        THEIRS,
    )
    assert handled.seen is not None
    assert (handled.seen.author_id, handled.seen.in_reply_to_post_id) == (US, "5")
    assert summary(ledger) == []


def test_a_repost_by_the_account_is_no_new_post(tell) -> None:
    repost = post(author_id=US, referenced_tweets=[{"type": "retweeted", "id": "5"}])
    assert "the account itself did it" in (tell(activity("post.create", repost)).why or "")


def test_a_new_post_of_somebody_else_is_of_no_concern_once_the_account_is_known(ledger) -> None:
    body = json.dumps(activity("post.create", post(), user=THEM)).encode()
    ledger.events.store(read_delivery(body, app="x_default", received_at=NOW))
    (event,) = ledger.events.claim(NOW, until=NOW.add(minutes=5), limit=9)
    with pytest.raises(UnknownAccountError):
        handle(ledger, event, now=NOW)
    assert "no connection is known" in (handle(ledger, event, now=NOW, is_met=True).why or "")


def test_an_account_that_nobody_knows_is_named_with_what_to_do(ledger, tell) -> None:
    with pytest.raises(UnknownAccountError, match="webhooks subscribe"):
        tell(activity("post.mention.create", post(), user="99"))


def test_of_several_connections_the_webhooks_own_is_meant(ledger, tell) -> None:
    ledger.accounts.put(AccountOnX("x_again", "https://api.x.com", US, "museum", "g"), now=NOW)
    (happening,) = tell(activity("post.mention.create", post()), app="x_default").happenings
    assert happening.account == "x_default"


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "x", "author_id": THEM},
        {"id": THEIRS},
        {"id": THEIRS, "author_id": "1" * 20},
        {"id": "../../etc", "author_id": THEM},
    ],
)
def test_what_is_not_as_x_documents_it_says_what_is_missing(tell, broken) -> None:
    with pytest.raises(ValueError, match="no id of X"):
        tell(activity("post.mention.create", broken))


def test_characters_that_no_database_takes_do_no_harm(ledger, tell) -> None:
    tell(activity("post.mention.create", post(text="a\ud800b\0c")))
    (kept,) = ledger.events.engagement("x_default")
    assert kept.text == "a?bc"
