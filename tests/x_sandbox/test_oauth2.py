from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

REDIRECT = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 60
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def keys(sandbox) -> dict[str, str]:
    return sandbox.accounts[0]["oauth2"]


def consent(
    sandbox, scope: str, *, decision: str = "allow", username: str = "bob", **changes
) -> dict[str, str]:
    """Go through the consent page and return what comes back to the callback."""
    query = {
        "response_type": "code",
        "client_id": keys(sandbox)["client_id"],
        "redirect_uri": REDIRECT,
        "scope": scope,
        "state": "st8",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    url = sandbox.url + "/i/oauth2/authorize"
    page = requests.get(url, params=query, timeout=5)
    assert page.status_code == 200, page.text
    assert "Bob Example" in page.text
    answer = requests.post(
        url, params=query, data={"account": username, "decision": decision}, allow_redirects=False, timeout=5
    )
    assert answer.headers["location"].startswith(REDIRECT)
    back = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert back.pop("state") == "st8"
    return back


def token(sandbox, *, basic: bool = True, **form) -> requests.Response:
    client = keys(sandbox)
    auth = (client["client_id"], client["client_secret"]) if basic else None
    if not basic:
        form["client_id"] = client["client_id"]
    return requests.post(sandbox.url + "/2/oauth2/token", data=form, auth=auth, timeout=5)


def exchanged(sandbox, code: str, **changes) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return token(sandbox, **{**form, **changes})


@pytest.mark.parametrize("basic", [True, False])
def test_a_consent_becomes_tokens_that_act_for_the_account(sandbox, api_of, basic) -> None:
    code = consent(sandbox, "tweet.read tweet.write users.read offline.access")["code"]
    tokens = exchanged(sandbox, code, basic=basic).json()
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 7200
    bob = api_of(sandbox, 1, bearer=tokens["access_token"])
    assert bob.get("/2/users/me").json()["data"]["username"] == "bob"
    bob.create("hello from OAuth 2.0")


def test_a_code_is_good_once_for_thirty_seconds_with_its_verifier_and_address(sandbox) -> None:
    scope = "tweet.read users.read"
    code = consent(sandbox, scope)["code"]
    assert exchanged(sandbox, code).status_code == 200
    assert exchanged(sandbox, code).status_code == 400
    assert exchanged(sandbox, consent(sandbox, scope)["code"], code_verifier="other").status_code == 400
    assert exchanged(sandbox, consent(sandbox, scope)["code"], redirect_uri=REDIRECT + "/").status_code == 400
    late = consent(sandbox, scope)["code"]
    sandbox.settings(clock_ahead_seconds=31)
    assert exchanged(sandbox, late).status_code == 400


def test_without_offline_access_there_is_no_refresh_token(sandbox) -> None:
    assert "refresh_token" not in exchanged(sandbox, consent(sandbox, "tweet.read users.read")["code"]).json()


def test_who_declines_sends_the_app_away(sandbox) -> None:
    assert consent(sandbox, "tweet.read", decision="deny") == {"error": "access_denied"}


def test_wrong_authorization_requests_stay_on_a_page_that_says_why(sandbox) -> None:
    good = {
        "response_type": "code",
        "client_id": keys(sandbox)["client_id"],
        "redirect_uri": REDIRECT,
        "scope": "tweet.read",
        "state": "s",
        "code_challenge": CHALLENGE,
    }
    sandbox.settings(redirect_uris=[REDIRECT])
    for name, wrong in (
        ("response_type", "token"),
        ("client_id", "x"),
        ("redirect_uri", "http://127.0.0.1:9/other"),
        ("scope", "everything"),
        ("state", ""),
        ("code_challenge", ""),
    ):
        page = requests.get(sandbox.url + "/2/oauth2/authorize", params={**good, name: wrong}, timeout=5)
        assert page.status_code == 400
        assert name in page.text.lower() or "scopes" in page.text


def test_a_refresh_token_is_good_for_one_use(sandbox, api_of) -> None:
    first = keys(sandbox)["refresh_token"]
    fresh = token(sandbox, grant_type="refresh_token", refresh_token=first)
    assert fresh.status_code == 200
    again = token(sandbox, grant_type="refresh_token", refresh_token=first)
    assert (again.status_code, again.json()) == (
        400,
        {"error": "invalid_request", "error_description": "Value passed for the token was invalid."},
    )
    api_of(sandbox, bearer=fresh.json()["access_token"]).create("refreshed")
    following = token(
        sandbox, basic=False, grant_type="refresh_token", refresh_token=fresh.json()["refresh_token"]
    )
    assert following.status_code == 200


def test_an_access_token_lives_two_hours(sandbox, api_of) -> None:
    alice = api_of(sandbox, bearer=keys(sandbox)["access_token"])
    sandbox.settings(clock_ahead_seconds=7190)
    assert alice.get("/2/users/me").status_code == 200
    sandbox.settings(clock_ahead_seconds=7201)
    assert alice.get("/2/users/me").status_code == 401


def test_a_token_does_only_what_its_scopes_allow(sandbox, api_of, png) -> None:
    reader = exchanged(sandbox, consent(sandbox, "tweet.read users.read")["code"]).json()["access_token"]
    bob = api_of(sandbox, 1, bearer=reader)
    assert bob.get("/2/users/me").headers["x-access-level"] == "read"
    assert bob.post("/2/tweets", {"text": "no"}).status_code == 403
    assert bob.upload(png, "tweet_image").status_code == 403
    assert "media.write" in sandbox.requests()[-1]["note"]


def test_a_revoked_token_is_dead(sandbox, api_of) -> None:
    client = keys(sandbox)
    revoke = {
        "data": {"token": client["access_token"]},
        "auth": (client["client_id"], client["client_secret"]),
    }
    assert requests.post(sandbox.url + "/2/oauth2/revoke", timeout=5, **revoke).json() == {"revoked": True}
    assert api_of(sandbox, bearer=client["access_token"]).get("/2/users/me").status_code == 401


def test_clients_prove_themselves(sandbox) -> None:
    url, client = sandbox.url + "/2/oauth2/token", keys(sandbox)
    form = {"grant_type": "refresh_token", "refresh_token": client["refresh_token"]}
    assert requests.post(url, data=form, auth=(client["client_id"], "x"), timeout=5).status_code == 401
    assert requests.post(url, data=form, timeout=5).status_code == 400
    assert token(sandbox, grant_type="password").json()["error"] == "unsupported_grant_type"


def test_the_app_gets_its_bearer_token(sandbox) -> None:
    app = sandbox.credentials
    answer = requests.post(
        sandbox.url + "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(app["api_key"], app["api_secret"]),
        timeout=5,
    )
    assert answer.json() == {"token_type": "bearer", "access_token": app["bearer_token"]}
    wrong = requests.post(sandbox.url + "/oauth2/token", auth=("a", "b"), timeout=5)
    assert wrong.status_code == 403


def test_no_secret_is_in_the_request_log(sandbox, api_of) -> None:
    code = consent(sandbox, "tweet.read users.read offline.access")["code"]
    tokens = exchanged(sandbox, code).json()
    api_of(sandbox, bearer=tokens["access_token"]).get("/2/users/me")
    log = str(sandbox.requests())
    app, account = sandbox.credentials, sandbox.accounts[0]
    for secret in (
        code,
        VERIFIER,
        tokens["access_token"],
        tokens["refresh_token"],
        app["api_secret"],
        app["bearer_token"],
        account["access_token_secret"],
        keys(sandbox)["client_secret"],
    ):
        assert secret not in log


def test_what_it_gave_out_is_known_also_after_a_reset(sandbox):
    back = consent(sandbox, "tweet.read users.read offline.access")
    given = exchanged(sandbox, back["code"]).json()
    sandbox.reset()
    issued = sandbox.get("/_sandbox/issued")["issued"]
    assert {back["code"], given["access_token"], given["refresh_token"]} <= set(issued)
