"""Posts of an account whose tokens are in the ledger, when X does not take these any more, or says nothing."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.fernet import Fernet

from x_provider.accounts import Seed, TokenKeeper
from x_provider.client import NotLoggedIn, OAuth1, OAuth2User, XClient
from x_provider.client.oauth2 import SCOPES, OAuth2App, new_proof
from x_provider.ledger import LedgerError, PartState, Sealer, TokenState, UserOnX
from x_provider.publishing import Publisher
from x_provider.publishing.outcomes import LOGIN_PATIENCE_SECONDS

ACCOUNT = "x_default"
CALLBACK = "http://127.0.0.1:8765/callback"
LIFETIME = 7200
SEALER = Sealer([Fernet.generate_key().decode()], name="the test")


@pytest.fixture
def app(sandbox):
    client = sandbox.accounts[0]["oauth2"]
    return OAuth2App(client["client_id"], client["client_secret"], base_url=sandbox.url)


@pytest.fixture
def publisher_with(ledger, app, clock, sandbox):
    """The publisher of an account that was logged in with this refresh token."""

    def publisher_with(refresh: str) -> Publisher:
        keeper = TokenKeeper(ledger, SEALER, app, account=ACCOUNT, clock=clock, seed=Seed(refresh))
        auth = OAuth2User(keeper.access, identity=keeper.identity, renew=keeper.renew)
        return Publisher(ledger, XClient(sandbox.url, auth), account=ACCOUNT, clock=clock)

    return publisher_with


@pytest.fixture
def publisher(publisher_with, sandbox):
    publisher = publisher_with(sandbox.accounts[0]["oauth2"]["refresh_token"])
    publisher.user()
    return publisher


@pytest.fixture
def publisher_of_keys(ledger, clock, sandbox):
    """The publisher of an account by its OAuth 1.0a keys, one of them another where a test says so."""

    def publisher_of_keys(*, access_token_secret: str = "") -> Publisher:
        *keys, secret = sandbox.keys()
        auth = OAuth1(*keys, access_token_secret or secret)
        return Publisher(ledger, XClient(sandbox.url, auth), account=ACCOUNT, clock=clock)

    return publisher_of_keys


@pytest.fixture
def revoke(ledger, app, sandbox):
    """The user removes the app on X: neither token is taken any more."""

    def revoke() -> None:
        for token in SEALER.open(ledger.tokens.find(ACCOUNT).sealed, what="them").values():
            app.revoke(token)

    return revoke


@pytest.fixture
def log_in_anew(ledger, app, clock):
    """A person logs the account in."""

    def log_in_anew() -> None:
        kept, proof = ledger.tokens.find(ACCOUNT), new_proof()
        url = app.consent_url(redirect_uri=CALLBACK, scopes=SCOPES, state="s", challenge=proof.challenge)
        form = {"account": "alice", "decision": "allow"}
        answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        tokens = app.exchange(code, redirect_uri=CALLBACK, verifier=proof.verifier)
        login = {
            "base_url": kept.base_url,
            "client_id": kept.client_id,
            "user": kept.user,
            "scopes": tokens.scopes,
            "sealed": SEALER.seal({"access": tokens.access, "refresh": tokens.refresh or ""}),
            "expires_at": clock().add(hours=2),
            "logged_in_by": "eve",
        }
        ledger.tokens.put(ACCOUNT, login=login, now=clock())

    return log_in_anew


def fire_until_it_stops(publisher, post, clock):
    while (fired := publisher.fire(post.id)).retry_at is not None:
        clock.ahead += max(1, (fired.retry_at - clock()).total_seconds())
    return fired


def test_a_post_stops_where_it_stands_and_goes_on_after_the_login(
    publisher, revoke, log_in_anew, plan, ledger, clock, sandbox, creates
):
    post = plan("Hello", grace=7200)
    clock.ahead = 61  # X's own token is not so young that its refusal would be an outage
    revoke()
    fired = fire_until_it_stops(publisher, post, clock)
    assert (fired.post.state, [create["status"] for create in creates()]) == (PartState.ARMED, [401])
    assert "account x_default: X does not take its refresh token any more" in fired.why
    assert "Log it in: page X > Accounts in Airflow, or `airflow x login x_default`" in fired.why
    assert ledger.tokens.find(ACCOUNT).state is TokenState.NEEDS_LOGIN
    assert clock.ahead >= LOGIN_PATIENCE_SECONDS
    # It is looked after again by itself, and X is not asked with tokens that it has refused.
    woken = ledger.posts.get(post.id)
    asked = len(sandbox.requests())
    clock.ahead += 600
    assert publisher.fire(post.id).retry_at is None
    assert len(sandbox.requests()) == asked
    assert ledger.posts.get(post.id).state is woken.state

    log_in_anew()
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Hello"]


def test_of_a_thread_what_is_on_x_stays_and_the_rest_follows_after_the_login(
    publisher, revoke, log_in_anew, plan, ledger, clock, sandbox
):
    post = plan("One", "Two", grace=7200)
    clock.ahead = 61
    sandbox.faults("outage_401", method="POST", path="/2/tweets", skip=1, times=1)
    revoked = []

    def renew_after_revoking(rejected, renew=publisher.client._transport._auth._renew):
        if not revoked:
            revoke()
            revoked.append(rejected)
        return renew(rejected)

    publisher.client._transport._auth._renew = renew_after_revoking
    fired = fire_until_it_stops(publisher, post, clock)
    assert [part.state for part in fired.post.parts] == [PartState.POSTED, PartState.ARMED]
    log_in_anew()
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert sorted(on_x["text"] for on_x in sandbox.posts()) == ["One", "Two"]


def test_an_outage_of_the_token_endpoint_stops_nothing_and_the_post_goes_out_afterwards(
    publisher, plan, ledger, clock, sandbox, creates
):
    post = plan("Hello", due_in=LIFETIME, grace=7200)
    clock.ahead = LIFETIME + 1
    sandbox.settings(clock_ahead_seconds=float(LIFETIME + 1))
    sandbox.faults("status", method="POST", path="/2/oauth2/token", status=503, times=6)
    begun, waits = clock.ahead, 0
    while (fired := publisher.fire(post.id)).retry_at is not None:
        assert ledger.tokens.find(ACCOUNT).state is TokenState.GOOD
        clock.ahead += max(1, (fired.retry_at - clock()).total_seconds())
        waits += 1
    assert waits >= 3
    assert clock.ahead - begun > 60
    assert fired.post.state is PartState.POSTED
    assert [create["status"] for create in creates()] == [201]


def test_a_burst_of_401_longer_than_anybodys_patience_passes(publisher, plan, ledger, clock, sandbox, app):
    post = plan("Hello", grace=7200)
    clock.ahead = 61
    sandbox.faults("outage_401", method="POST", path="/2/tweets", times=8)
    sandbox.faults(
        "status", method="POST", path="/2/oauth2/token", status=401, body={"title": "Unauthorized"}, times=8
    )
    while (fired := publisher.fire(post.id)).retry_at is not None:
        clock.ahead += max(1, (fired.retry_at - clock()).total_seconds())
    assert fired.post.state is PartState.POSTED
    assert clock.ahead > LOGIN_PATIENCE_SECONDS
    assert ledger.tokens.find(ACCOUNT).state is TokenState.GOOD


def test_keys_that_x_has_revoked_are_remembered_until_a_post_goes_out(publisher_of_keys, plan, ledger, clock):
    good, revoked = publisher_of_keys(), publisher_of_keys(access_token_secret="revoked-since")
    ledger.accounts.put(good.user(), now=clock())
    post = plan("Hello", grace=7200)
    fired = revoked.fire(post.id)
    assert fired.retry_at is not None
    assert ledger.refusals.find(ACCOUNT) is None  # X says 401 to good keys now and then
    fired = fire_until_it_stops(revoked, post, clock)
    assert fired.post.state is PartState.ARMED
    refusal = ledger.refusals.find(ACCOUNT)
    assert refusal.credentials == revoked.client.digest
    assert refusal.why == "X does not take its credentials any more (Unauthorized)"
    clock.ahead += 900
    fire_until_it_stops(revoked, post, clock)
    assert ledger.refusals.find(ACCOUNT) == refusal  # it stands since it was first seen

    clock.ahead += 1
    assert good.fire(post.id).post.state is PartState.POSTED
    assert ledger.refusals.find(ACCOUNT) is None
    clock.ahead += 1
    ledger.refusals.note(ACCOUNT, credentials=refusal.credentials, why="again", now=clock())
    assert ledger.refusals.find(ACCOUNT) is None  # it was taken meanwhile


def test_one_odd_401_for_a_late_post_is_no_refusal(publisher_of_keys, plan, ledger, clock, sandbox):
    post = plan("Hello", grace=7200)
    clock.ahead = 600
    sandbox.faults("outage_401", method="POST", path="/2/tweets", times=1)
    fired = publisher_of_keys().fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.ARMED, None)
    assert ledger.refusals.find(ACCOUNT) is None


def test_a_refusal_that_cannot_be_written_down_keeps_nothing_else_from_it(
    publisher_of_keys, plan, ledger, clock, monkeypatch
):
    post = plan("Hello", grace=7200)
    clock.ahead = 600
    good, revoked = publisher_of_keys(), publisher_of_keys(access_token_secret="revoked-since")
    ledger.accounts.put(good.user(), now=clock())

    def away(*_: object, **__: object) -> None:
        raise LedgerError("the ledger is away")

    monkeypatch.setattr(ledger.refusals, "note", away)
    fired = revoked.fire(post.id)
    assert (fired.post.state, "Unauthorized" in fired.why) == (PartState.ARMED, True)


def test_an_account_that_waits_for_its_login_stops_where_it_stands_and_asks_x_nothing(
    plan, ledger, clock, sandbox
):
    post = plan("Hello", grace=7200)
    auth = NotLoggedIn(ACCOUNT, why="nobody has logged it in yet", next_step="Log it in.")
    publisher = Publisher(ledger, XClient(sandbox.url, auth), account=ACCOUNT, clock=clock)
    fired = fire_until_it_stops(publisher, post, clock)
    assert fired.post.state is PartState.ARMED
    assert "account x_default: nobody has logged it in yet. Log it in." in fired.why
    assert sandbox.requests() == []
    assert ledger.refusals.find(ACCOUNT) is None


@pytest.fixture
def log_in_as_bob(ledger, app, clock, sandbox):
    """Somebody else logs the account in."""

    def log_in_as_bob() -> None:
        bob = sandbox.accounts[1]
        tokens = bob["oauth2"]
        login = {
            "base_url": app.base_url,
            "client_id": app.client_id,
            "user": UserOnX(bob["id"], bob["username"]),
            "scopes": tuple(SCOPES),
            "sealed": SEALER.seal({"access": tokens["access_token"], "refresh": tokens["refresh_token"]}),
            "expires_at": clock().add(hours=2),
            "logged_in_by": "eve",
        }
        ledger.tokens.put(ACCOUNT, login=login, now=clock())

    return log_in_as_bob


def test_a_post_goes_out_once_and_as_its_attempt_says_where_another_logs_in_while_its_files_are_uploaded(
    publisher, plan, log_in_as_bob, sandbox, ledger, clock, monkeypatch
):
    post, prepare = plan("Hello", grace=7200), publisher._media.prepare

    def prepare_long(*args, **kwargs):
        prepared = prepare(*args, **kwargs)
        monkeypatch.undo()
        log_in_as_bob()
        monkeypatch.setattr("x_provider.accounts.tokens.LOOK_SECONDS", -1)
        return prepared

    monkeypatch.setattr(publisher._media, "prepare", prepare_long)
    sandbox.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)
    fired = fire_until_it_stops(publisher, post, clock)
    assert fired.post.state is PartState.POSTED
    assert [on_x["username"] for on_x in sandbox.posts()] == ["bob"]
    assert "/bob/status/" in fired.post.parts[0].receipt.url


def test_a_post_is_not_sent_again_as_another_after_x_refused_the_token(
    publisher, plan, revoke, log_in_as_bob, sandbox, ledger, clock
):
    post = plan("Hello", grace=7200)
    clock.ahead = 61
    revoke()
    log_in_as_bob()
    fired = fire_until_it_stops(publisher, post, clock)
    assert [on_x["username"] for on_x in sandbox.posts()] == ["bob"]
    assert "/bob/status/" in fired.post.parts[0].receipt.url
