"""What events mean for the ledger: as the sandbox tells them, and as X's older API does."""

from __future__ import annotations

import json
import re
from typing import Any

import pendulum
import pytest
from drafting import plan_post
from other_processes import begin_attempt

from x_provider.events.handling import Handled, handle, kind_of
from x_provider.events.reach import OtherAppError, Reach, Relation, UnknownAccountError
from x_provider.events.receiving import read_delivery
from x_provider.ledger import AccountOnX, EngagementCounts, Ledger, Receipt

NOW = pendulum.datetime(2026, 12, 1, 8)
OURS, THEIRS, ELSES = "1990000000000000001", "1990000000000000002", "1990000000000000003"
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
    return has_posted(ledger, "x_default", OURS)


def has_posted(ledger, account: str, x_id: str):
    post = plan_post(ledger, "Hello", key=x_id, account=account, due_at=NOW)
    assert ledger.sending.arm(post, post.parts[0])
    attempt = begin_attempt(ledger, post, at=NOW)
    receipt = Receipt(x_id, f"https://x.com/museum/status/{x_id}", NOW, NOW)
    assert ledger.sending.posted(attempt, receipt, account=account)
    return post


def relation(told: str, account: str) -> Relation:
    """Connections of one app have names that begin alike."""
    if "unsaid" in account:
        return "unknown"
    return "same" if told.split("_")[:1] == account.split("_")[:1] else "another"


@pytest.fixture
def tell(ledger):
    """Deliver a body and handle what it holds."""

    def tell(body: dict[str, Any], *, app: str = "x_default", is_met: bool = False) -> Handled:
        ledger.events.store(read_delivery(json.dumps(body).encode(), app=app, received_at=NOW))
        (event,) = ledger.events.claim(NOW, until=NOW.add(minutes=5), limit=9)
        handled = handle(event, Reach(ledger, app, relation), now=NOW, is_met=is_met)
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


@pytest.mark.parametrize("author", [THEM, "9"])
def test_a_reply_that_is_told_after_its_deletion_is_kept_without_its_words(
    ledger, posted, tell, author
) -> None:
    tell(activity("post.delete", {"id": THEIRS, "author_id": author}, user=author))
    replied = [{"type": "replied_to", "id": OURS}]
    (reply,) = tell(
        activity("post.reply.create", post(author_id=author, referenced_tweets=replied))
    ).happenings
    assert (reply.kind, reply.is_new) == ("reply", True)
    tell(account_activity(tweet_create_events=[named()]))
    assert {each.text for each in ledger.events.engagement("x_default")} == {None}


def test_a_deletion_that_another_app_was_told_before_keeps_no_words_back(ledger, other, tell) -> None:
    tell(activity("post.delete", {"id": THEIRS, "author_id": THEM}, user=THEM), app="other_account")
    tell(activity("post.mention.create", post()))
    assert [each.text for each in ledger.events.engagement("x_default")] == ["Hello @museum"]


@pytest.mark.parametrize(
    "told",
    [
        {"for_user_id": int(US), "tweet_create_events": [{"entities": {"user_mentions": [{"id": int(US)}]}}]},
        account_activity(tweet_create_events=[{"in_reply_to_user_id": int(US)}]),
        account_activity(tweet_create_events=[{"retweeted_status": {"id": 5, "user": {"id": int(US)}}}]),
    ],
)
def test_the_deprecated_api_may_tell_ids_as_numbers_only(tell, told) -> None:
    told["tweet_create_events"][0] |= {"id": int(THEIRS), "user": {"id": int(THEM)}, "text": "Hello"}
    (happening,) = tell(told).happenings
    assert (happening.account, happening.by_x_id) == ("x_default", THEIRS)


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        (account_activity(tweet_create_events=["x"]), "its tweet_create_events[].id_str is ''"),
        (account_activity(tweet_delete_events=[5]), "its status.id is ''"),
        ({"tweet_create_events": [named()]}, "its for_user_id is ''"),
        (activity("post.mention.create", post(), user="\ud800"), r"its filter.user_id is '\ud800'"),
    ],
)
def test_what_is_no_object_or_no_id_is_told_as_that(tell, told, missing) -> None:
    with pytest.raises(ValueError, match=re.escape(missing)):
        tell(told)


@pytest.mark.parametrize("member", ["referenced_tweets", "includes"])
@pytest.mark.parametrize("value", [["x"], "x", 5, {"users": 5}, {"users": ["x"]}])
def test_what_is_around_a_post_may_be_anything(ledger, tell, member, value) -> None:
    told = activity("post.mention.create", post(**{member: value}))
    told["data"] |= {"includes": value} if member == "includes" else {}
    assert len(tell(told).happenings) == 1


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


def test_a_new_post_of_somebody_else_is_of_no_concern_once_the_account_is_known(tell) -> None:
    with pytest.raises(UnknownAccountError):
        tell(activity("post.create", post(), user=THEM))
    handled = tell(activity("post.create", post(id="56"), user=THEM), is_met=True)
    assert "no connection is known" in (handled.why or "")


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


@pytest.fixture
def other(ledger):
    """The account of another app, user 9 on X, with a post."""
    know(ledger, "other_account", "9")
    return has_posted(ledger, "other_account", ELSES)


def know(ledger, account: str, user: str, base_url: str = "https://api.x.com") -> None:
    ledger.accounts.put(AccountOnX(account, base_url, user, "library", "g"), now=NOW)


def pretences() -> list[dict[str, Any]]:
    replied = [{"type": "replied_to", "id": ELSES}]
    in_reply = {"in_reply_to_user_id_str": US, "in_reply_to_status_id_str": ELSES}
    return [
        activity("post.delete", {"id": ELSES, "author_id": "9"}, user="9"),
        activity("post.delete", {"id": ELSES, "author_id": US}),
        activity("post.reply.create", post(referenced_tweets=replied), user="9"),
        activity("post.reply.create", post(referenced_tweets=replied)),
        activity("post.mention.create", post(), user="9"),
        activity("post.create", post(author_id="9"), user="9"),
        {"for_user_id": "9", "tweet_create_events": [named_as("9")]},
        account_activity(tweet_create_events=[status(**in_reply)]),
        account_activity(tweet_delete_events=[{"status": {"id": ELSES, "user_id": US}}]),
    ]


def named_as(user: str) -> dict[str, Any]:
    return status(entities={"user_mentions": [{"id_str": user, "screen_name": "library"}]})


@pytest.mark.parametrize("pretence", pretences())
def test_what_one_app_is_told_touches_no_account_of_another(ledger, other, tell, pretence) -> None:
    with pytest.raises(OtherAppError, match="account other_account, whose connection is of another app"):
        tell(pretence)
    assert ledger.posts.get(other.id).parts[0].receipt.deleted_at is None
    assert ledger.events.engagement("other_account") == []
    assert ledger.events.engagement_counts([ELSES]) == {ELSES: EngagementCounts()}


@pytest.mark.parametrize("pretence", pretences())
def test_the_same_is_believed_of_whom_the_accounts_own_app_told(ledger, other, tell, pretence) -> None:
    know(ledger, "other_webhook", US)
    assert tell(pretence, app="other_webhook").happenings


def test_an_app_that_nobody_has_named_is_not_believed_and_what_to_do_is_said(ledger, tell) -> None:
    know(ledger, "x_unsaid", "9")
    for told in (
        activity("post.mention.create", post(), user="9"),
        activity("post.create", post(author_id="9")),
    ):
        with pytest.raises(OtherAppError, match="give connection x_unsaid the app's API key and secret"):
            tell(told, is_met=True)


def test_a_new_post_of_another_apps_account_is_of_no_concern(other, tell) -> None:
    handled = tell(activity("post.create", post(author_id="9"), user="9"), is_met=True)
    assert (handled.happenings, "of another app" in (handled.why or "")) == ((), True)


def test_one_app_may_have_many_accounts_and_is_believed_of_all(ledger, tell) -> None:
    know(ledger, "x_brand", "9")
    brand = has_posted(ledger, "x_brand", ELSES)
    (mention,) = tell(activity("post.mention.create", post(), user="9")).happenings
    (gone,) = tell(activity("post.delete", {"id": ELSES, "author_id": "9"}, user="9")).happenings
    assert (mention.account, gone.account) == ("x_brand", "x_brand")
    assert ledger.posts.get(brand.id).parts[0].receipt.deleted_at == NOW


def test_a_user_of_the_app_may_have_posted_by_another_connection_before(ledger, tell) -> None:
    know(ledger, "other_account", US)
    old = has_posted(ledger, "other_account", ELSES)
    (gone,) = tell(activity("post.delete", {"id": ELSES, "author_id": US})).happenings
    assert (gone.account, ledger.posts.get(old.id).parts[0].receipt.deleted_at) == ("other_account", NOW)


def test_a_user_of_the_same_number_on_another_x_is_somebody_else(ledger, tell) -> None:
    know(ledger, "other_account", US, "http://127.0.0.1:8090")
    old = has_posted(ledger, "other_account", ELSES)
    with pytest.raises(OtherAppError):
        tell(activity("post.delete", {"id": ELSES, "author_id": US}))
    assert ledger.posts.get(old.id).parts[0].receipt.deleted_at is None


def test_what_another_app_was_told_is_forgotten_only_when_that_is_told(ledger, other, posted, tell) -> None:
    replied = {"referenced_tweets": [{"type": "replied_to", "id": ELSES}]}
    tell(activity("post.reply.create", post(**replied), user="9"), app="other_account")
    gone = activity("post.delete", {"id": THEIRS, "author_id": THEM}, user=THEM)
    assert "has a say in" in (tell(gone).why or "")
    assert [each.text for each in ledger.events.engagement("other_account")] == ["Hello @museum"]
    tell(gone, app="other_account")
    assert [each.text for each in ledger.events.engagement("other_account")] == [None]


def test_a_post_that_its_authors_app_says_is_gone_is_forgotten_wherever_it_was_told(
    ledger, other, tell
) -> None:
    ours = post(author_id="9")  # by hand, so it has no receipt
    tell(activity("post.mention.create", ours))
    tell(activity("post.delete", {"id": THEIRS, "author_id": "9"}, user="9"), app="other_account")
    assert [each.text for each in ledger.events.engagement("x_default")] == [None]


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (activity("post.mention.create", post()), "post.mention.create"),
        (account_activity(tweet_create_events=[status()]), "tweet_create_events"),
        (account_activity(names=["for_user_id", "direct_message_events"]), "direct_message_events"),
        ({}, ""),
    ],
)
def test_an_event_has_a_name(told, kind) -> None:
    assert kind_of(json.dumps(told)) == kind
