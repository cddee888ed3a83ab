"""Codes and refresh tokens turned into tokens, against the sandbox and against servers that misbehave."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from x_provider.client import (
    OAuth2User,
    Timeouts,
    XAmbiguous,
    XClient,
    XError,
    XNeedsLogin,
    XPermission,
    XRateLimited,
    XUnavailable,
    XUnreachable,
)
from x_provider.client.oauth2 import SCOPES, OAuth2App, Tokens, new_proof

CALLBACK = "http://127.0.0.1:8765/callback"
TOKEN = "/2/oauth2/token"
PLANTED = "planted-refresh-token"


@pytest.fixture(params=["confidential", "public"])
def app(request, sandbox) -> OAuth2App:
    client = sandbox.accounts[0]["oauth2"]
    secret = client["client_secret"] if request.param == "confidential" else None
    return OAuth2App(client["client_id"], secret, base_url=sandbox.url)


@pytest.fixture
def held(sandbox) -> str:
    """Alice's refresh token."""
    return sandbox.accounts[0]["oauth2"]["refresh_token"]


@pytest.fixture
def consent(app) -> Callable[..., tuple[str, str]]:
    """Let Alice consent; the code that X sends back, and the verifier."""

    def consent(scopes: Any = SCOPES) -> tuple[str, str]:
        proof = new_proof()
        url = app.consent_url(
            redirect_uri=CALLBACK, scopes=scopes, state="a-state", challenge=proof.challenge
        )
        form = {"account": "alice", "decision": "allow"}
        answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        assert back["state"] == ["a-state"]
        return back["code"][0], proof.verifier

    return consent


def username(sandbox: Any, tokens: Tokens) -> str:
    client = XClient(sandbox.url, OAuth2User(tokens.access))
    try:
        return client.me().username
    finally:
        client.close()


def test_a_consent_becomes_tokens_that_act_and_can_be_refreshed(app, consent, sandbox) -> None:
    code, verifier = consent()
    tokens = app.exchange(code, redirect_uri=CALLBACK, verifier=verifier)
    assert (set(tokens.scopes), tokens.expires_in) == (set(SCOPES), 7200)
    assert username(sandbox, tokens) == "alice"
    again = app.refresh(tokens.refresh or "")
    assert again.refresh not in (None, tokens.refresh)
    assert username(sandbox, again) == "alice"


def test_without_offline_access_there_is_no_refresh_token(app, consent) -> None:
    code, verifier = consent([scope for scope in SCOPES if scope != "offline.access"])
    assert app.exchange(code, redirect_uri=CALLBACK, verifier=verifier).refresh is None


@pytest.mark.parametrize("base_url", ["https://api.x.com", "https://api.twitter.com/"])
def test_on_x_itself_people_consent_at_x_com(base_url) -> None:
    url = OAuth2App("an-app", base_url=base_url).consent_url(
        redirect_uri=CALLBACK, scopes=["tweet.read", "users.read"], state="s", challenge="c"
    )
    assert url.startswith("https://x.com/i/oauth2/authorize?")
    assert "scope=tweet.read%20users.read" in url  # a plus would be another scope


def test_each_proof_is_another_and_keeps_to_the_rfc() -> None:
    first, second = new_proof(), new_proof()
    assert first.verifier != second.verifier
    assert 43 <= len(first.verifier) <= 128
    assert "=" not in first.challenge


@pytest.mark.parametrize("wrong", ["code", "verifier", "redirect_uri"])
def test_what_belongs_to_another_consent_gets_nothing(app, consent, wrong) -> None:
    code, verifier = consent()
    given = {"code": code, "verifier": verifier, "redirect_uri": CALLBACK, wrong: f"https://wrong/{'x' * 40}"}
    with pytest.raises(XNeedsLogin, match="Value passed for the"):
        app.exchange(given.pop("code"), **given)


def test_a_code_is_good_for_one_use(app, consent) -> None:
    code, verifier = consent()
    app.exchange(code, redirect_uri=CALLBACK, verifier=verifier)
    with pytest.raises(XNeedsLogin) as refused:
        app.exchange(code, redirect_uri=CALLBACK, verifier=verifier)
    assert code not in str(refused.value)


def test_a_code_comes_too_late_after_thirty_seconds(app, consent, sandbox) -> None:
    code, verifier = consent()
    sandbox.settings(clock_ahead_seconds=31.0)
    with pytest.raises(XNeedsLogin):
        app.exchange(code, redirect_uri=CALLBACK, verifier=verifier)


def test_a_refresh_token_is_good_for_one_use(app, held) -> None:
    app.refresh(held)
    with pytest.raises(XNeedsLogin, match="Log the account in again") as refused:
        app.refresh(held)
    assert held not in repr(refused.value) + str(refused.value)


def test_what_is_revoked_is_refused(app, held, sandbox) -> None:
    tokens = app.refresh(held)
    app.revoke(tokens.access)
    with pytest.raises(XNeedsLogin):
        username(sandbox, tokens)
    app.revoke(tokens.refresh or "")
    with pytest.raises(XNeedsLogin):
        app.refresh(tokens.refresh or "")


def test_an_app_that_x_does_not_know_is_no_reason_to_log_in(sandbox, held) -> None:
    client_id = sandbox.accounts[0]["oauth2"]["client_id"]
    with pytest.raises(XPermission, match="client id and client secret again"):
        OAuth2App(client_id, "not-its-client-secret", base_url=sandbox.url).refresh(held)
    client = sandbox.accounts[0]["oauth2"]
    assert OAuth2App(client_id, client["client_secret"], base_url=sandbox.url).refresh(held).refresh


OUTAGES = {
    "503": ({"kind": "status", "status": 503}, XAmbiguous),
    "503 after it was done": ({"kind": "status_after_commit", "status": 503}, XAmbiguous),
    "503 in X's words for a bad token": (
        {"kind": "status", "status": 503, "body": {"error": "invalid_grant"}},
        XAmbiguous,
    ),
    "401 to everybody": (
        {"kind": "status", "status": 401, "body": {"title": "Unauthorized", "status": 401}},
        XUnavailable,
    ),
    "403 of a firewall": ({"kind": "status", "status": 403, "body": "<html>"}, XUnavailable),
    "404": ({"kind": "status", "status": 404}, XUnavailable),
    "429": ({"kind": "status", "problem": "rate-limited"}, XRateLimited),
    "lost before": ({"kind": "drop_before_commit"}, XAmbiguous),
    "reset before": ({"kind": "drop_before_commit", "reset": True}, XAmbiguous),
    "lost after": ({"kind": "drop_after_commit"}, XAmbiguous),
    "cut short": ({"kind": "truncate"}, XAmbiguous),
    "no JSON": ({"kind": "garbage"}, XAmbiguous),
}


@pytest.mark.parametrize(("fault", "error"), OUTAGES.values(), ids=OUTAGES)
def test_an_outage_is_no_refusal_and_nothing_is_sent_twice(app, held, sandbox, fault, error) -> None:
    sandbox.faults(method="POST", path=TOKEN, **fault)
    with pytest.raises(XError) as caught:
        app.refresh(held)
    assert type(caught.value) is error
    assert [seen["path"] for seen in sandbox.requests()] == [TOKEN]


def test_an_x_that_is_not_there_was_told_nothing(held) -> None:
    with pytest.raises(XUnreachable):
        OAuth2App("an-app", base_url="http://127.0.0.1:9").refresh(held)


def test_an_x_that_says_nothing_is_not_waited_for_for_ever(raw_server, behaviours, held) -> None:
    raw_server.steps = [behaviours.say_nothing]
    app = OAuth2App("an-app", base_url=raw_server.url, timeouts=Timeouts(connect=1, read=0.3))
    with pytest.raises(XAmbiguous):
        app.refresh(held)
    assert len(raw_server.bodies) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": ""},
        {"access_token": None, "refresh_token": "r" * 20},
        {"access_token": 7},
        ["no"],
    ],
)
def test_a_success_without_a_token_is_none(raw_server, behaviours, body) -> None:
    raw_server.steps = [behaviours.answer(200, body)]
    with pytest.raises(XAmbiguous):
        OAuth2App("an-app", base_url=raw_server.url).refresh(PLANTED)


@pytest.mark.parametrize("expires_in", [None, "7200", 0, -5, True])
def test_an_odd_lifetime_counts_as_the_documented_one(raw_server, behaviours, expires_in) -> None:
    body = {"access_token": "a" * 20, "expires_in": expires_in, "scope": None}
    raw_server.steps = [behaviours.answer(200, body)]
    tokens = OAuth2App("an-app", base_url=raw_server.url).refresh(PLANTED, scopes=("tweet.read",))
    assert (tokens.expires_in, tokens.refresh, tokens.scopes) == (7200, None, ("tweet.read",))


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_what_x_echoes_of_a_secret_travels_no_further(raw_server, behaviours, caplog, status) -> None:
    secrets = ["a-client-secret", b64encode(b"an-app:a-client-secret").decode(), PLANTED]
    raw_server.steps = [behaviours.answer(status, {"error": "odd", "error_description": " ".join(secrets)})]
    app = OAuth2App("an-app", secrets[0], base_url=raw_server.url)
    with caplog.at_level(logging.DEBUG), pytest.raises(XError) as caught:
        app.refresh(PLANTED)
    error: BaseException | None = caught.value
    shown = [caplog.text, repr(app)]
    while error is not None:
        shown += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert not [secret for secret in secrets if secret in "".join(shown)]


def test_a_public_client_names_itself_and_a_confidential_one_proves_itself(raw_server, behaviours) -> None:
    raw_server.steps = [behaviours.answer(200, {"access_token": "a" * 20})]
    OAuth2App("public", base_url=raw_server.url).refresh(PLANTED)
    OAuth2App("an:app", "s/cret+word", base_url=raw_server.url).refresh(PLANTED)
    public, confidential = raw_server.heads
    assert b"uthorization" not in public
    assert b"client_id=public" in raw_server.bodies[0]
    # RFC 6749, 2.3.1: each half is encoded on its own
    assert b"Basic " + b64encode(b"an%3Aapp:s%2Fcret%2Bword") in confidential
    assert b"client_id" not in raw_server.bodies[1]


@pytest.mark.parametrize("client_id", ["", "two words", "line\nbreak"])
def test_what_can_be_no_client_id_is_refused_before_anything_is_sent(client_id) -> None:
    with pytest.raises(XNeedsLogin, match="client_id"):
        OAuth2App(client_id)


def test_no_token_shows_in_a_repr() -> None:
    tokens = Tokens("planted-access", PLANTED, ("tweet.read",))
    proof = new_proof()
    assert "planted" not in repr(tokens)
    assert proof.verifier not in repr(proof)
