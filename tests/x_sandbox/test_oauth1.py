"""The three-legged login of OAuth 1.0a, as requests-oauthlib goes through it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from requests_oauthlib import OAuth1, OAuth1Session
from requests_oauthlib.oauth1_session import TokenRequestDenied

CALLBACK = "http://127.0.0.1:9/callback"


def session(sandbox, **options) -> OAuth1Session:
    app = sandbox.credentials
    return OAuth1Session(app["api_key"], app["api_secret"], **options)


def begun(sandbox, callback: str = CALLBACK) -> dict[str, str]:
    return session(sandbox, callback_uri=callback).fetch_request_token(f"{sandbox.url}/oauth/request_token")


def consent(sandbox, token: str, *, username: str = "bob", decision: str = "allow") -> requests.Response:
    return requests.post(
        f"{sandbox.url}/oauth/authorize",
        params={"oauth_token": token},
        data={"account": username, "decision": decision},
        allow_redirects=False,
        timeout=5,
    )


def back_of(answer: requests.Response) -> dict[str, str]:
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def exchanged(sandbox, begun: dict[str, str], verifier: str) -> dict[str, str]:
    ending = session(
        sandbox,
        resource_owner_key=begun["oauth_token"],
        resource_owner_secret=begun["oauth_token_secret"],
        verifier=verifier,
    )
    return ending.fetch_access_token(f"{sandbox.url}/oauth/access_token")


def test_a_consent_becomes_the_accounts_keys(sandbox) -> None:
    login = begun(sandbox)
    assert login["oauth_callback_confirmed"] == "true"
    page = requests.get(
        f"{sandbox.url}/oauth/authorize", params={"oauth_token": login["oauth_token"]}, timeout=5
    )
    assert "Bob Example (@bob)" in page.text
    back = back_of(consent(sandbox, login["oauth_token"]))
    assert back["oauth_token"] == login["oauth_token"]
    keys, bob = exchanged(sandbox, login, back["oauth_verifier"]), sandbox.accounts[1]
    assert keys == {
        "oauth_token": bob["access_token"],
        "oauth_token_secret": bob["access_token_secret"],
        "user_id": bob["id"],
        "screen_name": "bob",
    }
    app = sandbox.credentials
    auth = OAuth1(app["api_key"], app["api_secret"], keys["oauth_token"], keys["oauth_token_secret"])
    assert requests.get(f"{sandbox.url}/2/users/me", auth=auth, timeout=5).json()["data"]["username"] == "bob"


def test_without_a_callback_the_user_carries_a_pin(sandbox) -> None:
    login = begun(sandbox, "oob")
    (pin,) = re.findall(r"<code>(\d{7})</code>", consent(sandbox, login["oauth_token"]).text)
    with pytest.raises(TokenRequestDenied, match="Invalid oauth_verifier"):
        exchanged(sandbox, login, "1" * 7 if pin != "1" * 7 else "2" * 7)
    assert exchanged(sandbox, login, pin)["screen_name"] == "bob"


def test_a_login_is_good_for_one_consent_and_one_exchange(sandbox) -> None:
    login = begun(sandbox)
    verifier = back_of(consent(sandbox, login["oauth_token"]))["oauth_verifier"]
    assert consent(sandbox, login["oauth_token"], username="alice").status_code == 400
    assert exchanged(sandbox, login, verifier)["screen_name"] == "bob"
    with pytest.raises(TokenRequestDenied, match="Request token missing"):
        exchanged(sandbox, login, verifier)


def test_a_login_nobody_consented_to_brings_nothing(sandbox) -> None:
    login = begun(sandbox)
    with pytest.raises(TokenRequestDenied, match="Invalid oauth_verifier"):
        exchanged(sandbox, login, "made up")
    denied = back_of(consent(sandbox, login["oauth_token"], decision="deny"))
    assert denied == {"denied": login["oauth_token"]}
    assert consent(sandbox, login["oauth_token"]).status_code == 400


def test_it_ends_after_ten_minutes(sandbox) -> None:
    login = begun(sandbox)
    verifier = back_of(consent(sandbox, login["oauth_token"]))["oauth_verifier"]
    sandbox.settings(clock_ahead_seconds=601)
    with pytest.raises(TokenRequestDenied, match="Request token missing"):
        exchanged(sandbox, login, verifier)


def test_signatures_are_checked(sandbox) -> None:
    app, url = sandbox.credentials, f"{sandbox.url}/oauth/request_token"
    assert requests.post(url, timeout=5).status_code == 401
    wrong = OAuth1(app["api_key"], "wrong", callback_uri=CALLBACK)
    refused = requests.post(url, auth=wrong, timeout=5)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, 32)
    login = begun(sandbox)
    verifier = back_of(consent(sandbox, login["oauth_token"]))["oauth_verifier"]
    with pytest.raises(TokenRequestDenied):
        exchanged(sandbox, {**login, "oauth_token_secret": "wrong"}, verifier)
    assert exchanged(sandbox, login, verifier)["screen_name"] == "bob"


def test_only_registered_callbacks_are_gone_back_to(sandbox) -> None:
    sandbox.settings(redirect_uris=["https://app.example/back"])
    with pytest.raises(TokenRequestDenied, match="Callback URL not approved"):
        begun(sandbox)
    assert begun(sandbox, "https://app.example/back")["oauth_token"]
    sandbox.settings(redirect_uris=[])
    with pytest.raises(TokenRequestDenied, match="Callback URL not approved"):
        begun(sandbox, "javascript:alert(1)")


def test_the_answers_are_forms_that_nobody_keeps(sandbox) -> None:
    app = sandbox.credentials
    auth = OAuth1(app["api_key"], app["api_secret"], callback_uri=CALLBACK)
    answer = requests.post(f"{sandbox.url}/oauth/request_token", auth=auth, timeout=5)
    assert answer.headers["cache-control"] == "no-store"
    assert [name for name, _ in parse_qsl(answer.text)] == [
        "oauth_token",
        "oauth_token_secret",
        "oauth_callback_confirmed",
    ]


def test_keys_that_were_invalidated_are_refused_until_the_next_login(sandbox) -> None:
    auth = OAuth1(*sandbox.keys(1))
    invalidated = requests.post(f"{sandbox.url}/1.1/oauth/invalidate_token", auth=auth, timeout=5)
    assert invalidated.json() == {"access_token": sandbox.accounts[1]["access_token"]}
    assert requests.get(f"{sandbox.url}/2/users/me", auth=auth, timeout=5).status_code == 401
    login = begun(sandbox)
    verifier = back_of(consent(sandbox, login["oauth_token"]))["oauth_verifier"]
    exchanged(sandbox, login, verifier)
    assert requests.get(f"{sandbox.url}/2/users/me", auth=auth, timeout=5).status_code == 200
