"""The shelf of tokens: who may refresh a pair, and what becomes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pendulum
import pytest

from x_provider.ledger import StoredKeys, TokenState, UserOnX
from x_provider.ledger.refusals import CONFIRMED_SECONDS, LONGEST_GAP_SECONDS

NOW = pendulum.datetime(2026, 12, 1, 8)
SOON = NOW.add(seconds=90)


@pytest.fixture
def put(ledger):
    """Keep the tokens of a login."""

    def put(account: str = "x", *, by: str = "put", **changes):
        login = {
            "base_url": "https://api.x.com",
            "client_id": "an-app",
            "user": UserOnX("7", "seven", "Seven", "https://pictures/7"),
            "scopes": ("tweet.read", "tweet.write"),
            "sealed": "sealed 1",
            "expires_at": NOW.add(hours=2),
            "logged_in_by": "eve",
            **changes,
        }
        read = {"read_at": NOW} if by == "plant" else {}
        getattr(ledger.tokens, by)(account, login=login, now=NOW, **read)
        return ledger.tokens.find(account)

    return put


def renew(ledger, tokens, *, by: str = "me", sealed: str = "sealed 2") -> bool:
    return ledger.tokens.renewed(
        tokens,
        by=by,
        sealed=sealed,
        scopes=("tweet.read",),
        expires_at=NOW.add(hours=4),
        now=NOW.add(hours=2),
    )


def test_what_is_put_is_found_whole(ledger, put):
    kept = put(seed="f" * 32)
    assert (kept.account, kept.client_id, kept.sealed, kept.version) == ("x", "an-app", "sealed 1", 1)
    assert (kept.user, kept.scopes) == (
        UserOnX("7", "seven", "Seven", "https://pictures/7"),
        ("tweet.read", "tweet.write"),
    )
    assert (kept.state, kept.expires_at, kept.seeds) == (TokenState.GOOD, NOW.add(hours=2), ("f" * 32,))
    assert "sealed 1" not in repr(kept)
    assert ledger.tokens.find("nobody") is None
    put("a")
    assert [each.account for each in ledger.tokens.all()] == ["a", "x"]


def test_one_of_many_claims_a_pair(ledger, put):
    kept = put()
    with ThreadPoolExecutor(12) as pool:
        won = list(
            pool.map(lambda who: ledger.tokens.claim(kept, by=f"p{who}", until=SOON, now=NOW), range(12))
        )
    assert sum(won) == 1
    assert ledger.tokens.find("x").refreshing_by == f"p{won.index(True)}"


def test_a_claim_is_never_taken_over_however_old_it_is(ledger, put):
    kept = put()
    assert ledger.tokens.claim(kept, by="dead", until=SOON, now=NOW)
    later = NOW.add(days=30)
    claimed = ledger.tokens.find("x")
    assert not ledger.tokens.claim(claimed, by="me", until=later.add(seconds=90), now=later)
    assert not ledger.tokens.lose(claimed, why="it is over", by="me")
    assert ledger.tokens.write_off(claimed, why="it broke off")
    lost = ledger.tokens.find("x")
    assert (lost.state, lost.why, lost.refreshing_until) == (TokenState.NEEDS_LOGIN, "it broke off", None)
    assert not ledger.tokens.claim(lost, by="me", until=later, now=later)


def test_a_new_pair_takes_the_place_of_the_old_one_once(ledger, put):
    kept = put()
    ledger.tokens.claim(kept, by="me", until=SOON, now=NOW)
    assert not renew(ledger, kept, by="another")
    assert renew(ledger, kept)
    assert not renew(ledger, kept)
    new = ledger.tokens.find("x")
    assert (new.sealed, new.version, new.scopes, new.refreshing_by) == ("sealed 2", 2, ("tweet.read",), None)
    assert (new.obtained_at, new.logged_in_at) == (NOW.add(hours=2), NOW)
    assert not ledger.tokens.claim(kept, by="late", until=SOON, now=NOW)


def test_a_pair_that_comes_after_its_claim_was_written_off_is_kept(ledger, put):
    kept = put()
    ledger.tokens.claim(kept, by="me", until=SOON, now=NOW)
    ledger.tokens.write_off(ledger.tokens.find("x"), why="it broke off")
    assert not renew(ledger, kept, by="another")
    assert renew(ledger, kept)
    new = ledger.tokens.find("x")
    assert (new.state, new.why, new.version) == (TokenState.GOOD, None, 2)


def test_a_pair_that_comes_after_a_new_login_is_dropped(ledger, put):
    kept = put()
    ledger.tokens.claim(kept, by="me", until=SOON, now=NOW)
    put(sealed="sealed by a login")
    assert not renew(ledger, kept)
    assert not ledger.tokens.release(kept, by="me", retry_at=SOON, why="503")
    assert not ledger.tokens.lose(kept, why="refused", by="me")
    assert (ledger.tokens.find("x").sealed, ledger.tokens.find("x").version) == ("sealed by a login", 2)


def test_what_is_given_back_waits_for_its_time(ledger, put):
    kept = put()
    ledger.tokens.claim(kept, by="me", until=SOON, now=NOW)
    assert ledger.tokens.release(kept, by="me", retry_at=NOW.add(seconds=4), why="503")
    back = ledger.tokens.find("x")
    assert (back.state, back.failures, back.why) == (TokenState.GOOD, 1, "503")
    assert not ledger.tokens.claim(back, by="you", until=SOON, now=NOW.add(seconds=3))
    assert ledger.tokens.claim(back, by="you", until=SOON, now=NOW.add(seconds=4))
    assert renew(ledger, back, by="you")
    assert (ledger.tokens.find("x").failures, ledger.tokens.find("x").retry_at) == (0, None)


def test_a_seed_is_planted_once_whatever_came_after_it(ledger, put):
    first, second = "a" * 32, "b" * 32
    put(by="plant", seed=first)
    put(by="plant", seed=first, sealed="again")
    assert ledger.tokens.find("x").sealed == "sealed 1"
    put(by="plant", seed=second, sealed="pasted anew")
    put(by="plant", seed=first, sealed="by who has the old connection")
    kept = ledger.tokens.find("x")
    assert (kept.sealed, kept.seeds, kept.version) == ("pasted anew", (second, first), 2)
    put(sealed="a login")
    put(by="plant", seed=second, sealed="again")
    assert ledger.tokens.find("x").sealed == "a login"


def test_many_plant_a_seed_once(ledger, put):
    put()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(by="plant", seed="c" * 32, sealed=f"by {n}"), range(8)))
    assert ledger.tokens.find("x").version == 2


def test_forty_seeds_later_the_newest_are_known(ledger, put):
    seeds = [f"{number:032x}" for number in range(40)]
    for seed in seeds:
        put(by="plant", seed=seed)
    assert ledger.tokens.find("x").seeds[:25] == tuple(reversed(seeds))[:25]


def test_the_need_that_was_told_last_is_known_until_it_is_over(ledger):
    notices = ledger.notices
    notices.say("x", "revoked")
    notices.say("x", "broke off")
    assert notices.told() == {"x": "broke off"}
    notices.forget("x")
    assert notices.told() == {}
    notices.say("x", "broke off")
    notices.say("y", "broke off")
    assert sorted(notices.told()) == ["x", "y"]


def test_an_account_has_one_login(ledger, put):
    put()
    user, now = UserOnX("8", "eight"), pendulum.now("UTC")
    keys = StoredKeys("x", "https://api.x.com", "app", user, "fingerprint", "sealed", now, "eve")
    assert ledger.user_keys.put(keys).account == "x"
    assert (ledger.tokens.find("x"), ledger.user_keys.find("x").user) == (None, user)
    assert ledger.user_keys.put(keys) is None
    put()
    assert (ledger.user_keys.find("x"), ledger.tokens.find("x") is not None) == (None, True)


def test_a_refusal_stands_once_it_was_confirmed(ledger):
    now, refusals = pendulum.now("UTC"), ledger.refusals
    refusals.note("x", credentials="c", why="no", now=now)
    assert refusals.find("x") is None
    refusals.note("x", credentials="c", why="still no", now=now.add(seconds=CONFIRMED_SECONDS))
    assert (refusals.find("x").since, refusals.find("x").why) == (now, "still no")
    refusals.note("x", credentials="others", why="no", now=now.add(seconds=CONFIRMED_SECONDS + 1))
    assert refusals.find("x") is None  # these were refused once
    refusals.forget("x", credentials="c")
    refusals.note("x", credentials="others", why="no", now=now.add(seconds=2 * CONFIRMED_SECONDS + 1))
    assert [each.account for each in refusals.all()] == ["x"]
    refusals.forget("x", credentials="others")
    assert refusals.all() == []


def test_two_odd_answers_far_apart_are_no_refusal(ledger):
    now, refusals = pendulum.now("UTC"), ledger.refusals

    def note(at):
        refusals.note("x", credentials="c", why="no", now=at)
        return refusals.find("x")

    assert note(now) is None
    later = now.add(seconds=LONGEST_GAP_SECONDS + 1)
    assert note(later) is None
    assert note(later.add(seconds=CONFIRMED_SECONDS)).since == later
    assert note(later.add(days=60)).since == later  # what was confirmed stands until a post goes out


def test_what_x_refuses_an_account_that_posts_once_a_day_stands_on_the_second_day(ledger):
    now, refusals = pendulum.now("UTC"), ledger.refusals
    for at in (now, now.add(days=1)):
        refusals.note("x", credentials="c", why="no", now=at)
    assert refusals.find("x").since == now


def test_whose_they_are_can_be_learned_later(ledger, put):
    put(user=UserOnX())
    ledger.tokens.know("x", UserOnX("8", "eight"))
    assert ledger.tokens.find("x").user == UserOnX("8", "eight")


def test_what_is_removed_is_gone(ledger, put):
    put()
    assert ledger.logouts.end("x", now=NOW).tokens.account == "x"
    assert ledger.logouts.end("x", now=NOW).tokens is None
    assert ledger.tokens.find("x") is None


def test_resealing_leaves_a_pair_alone_that_changed_meanwhile(ledger, put):
    kept = put()
    put("y")
    ledger.tokens.claim(kept, by="me", until=SOON, now=NOW)

    def seal(sealed: str, account: str) -> str:
        if account == "x":
            renew(ledger, kept)
        return f"{sealed}, anew"

    assert ledger.tokens.reseal(seal) == 1
    assert ledger.tokens.find("x").sealed == "sealed 2"
    assert ledger.tokens.find("y").sealed == "sealed 1, anew"
