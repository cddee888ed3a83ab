"""Logging in, against the sandbox and on both databases: what comes of it, and what is refused."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
import requests
from sqlalchemy import text

from x_provider.accounts import LoggedIn, LoginRefused, TokenKeeper
from x_provider.accounts.login import begin_oauth2, finish_oauth2
from x_provider.accounts.login_oauth1 import begin_oauth1, finish_oauth1
from x_provider.accounts.logout import log_out
from x_provider.accounts.pending import expected_user, state_hash
from x_provider.accounts.tokens import Seed, fingerprint
from x_provider.accounts.user_keys import opened
from x_provider.client import OAuth1, OAuth2User, XClient, XNeedsLogin, XUnreachable
from x_provider.client.oauth1_login import PIN, OAuth1App
from x_provider.client.oauth2 import SCOPES, OAuth2App
from x_provider.ledger import AccountOnX, Ledger, Sealer, TokenState
from x_provider.publishing.accounts import who_is

NOW = pendulum.now("UTC")
CALLBACK = "https://airflow.example/x/login/callback"
ACCOUNT = "x_brand"


class Dance:
    """An account's login, its steps to be taken one by one."""

    def __init__(self, ledger: Ledger, sealer: Sealer, sandbox: Any) -> None:
        self.ledger, self.sealer, self.sandbox = ledger, sealer, sandbox
        client = sandbox.accounts[0]["oauth2"]
        self.app = OAuth2App(client["client_id"], client["client_secret"], base_url=sandbox.url)
        self.app1 = OAuth1App(
            sandbox.credentials["api_key"], sandbox.credentials["api_secret"], base_url=sandbox.url
        )

    def begin(self, scheme: str = "oauth2", **changes: Any) -> str:
        common = {"account": ACCOUNT, "started_by": "eve", "expected_user_id": None, "now": NOW, **changes}
        if scheme == "oauth1":
            return begin_oauth1(self.ledger, self.sealer, self.app1, **{"redirect_uri": CALLBACK, **common})
        options = {"redirect_uri": CALLBACK, "scopes": SCOPES, **common}
        return begin_oauth2(self.ledger, self.sealer, self.app, **options)

    @staticmethod
    def consent(url: str, *, account: str = "bob", decision: str = "allow") -> dict[str, str]:
        form = {"account": account, "decision": decision}
        answer = requests.post(url, data=form, allow_redirects=False, timeout=10)
        location = urlsplit(answer.headers["location"])
        return {name: values[0] for name, values in parse_qs(location.query).items()}

    def finish(self, back: dict[str, str], **changes: Any) -> LoggedIn:
        common = {"redirect_uri": CALLBACK, "started_by": "eve", "now": NOW.add(minutes=1), **changes}
        if "state" not in back:
            token = back.get("oauth_token") or back["denied"]
            verifier = back.get("oauth_verifier")
            return finish_oauth1(
                self.ledger, self.sealer, lambda _: self.app1, token=token, verifier=verifier, **common
            )
        return finish_oauth2(self.ledger, self.sealer, lambda _: self.app, **back, **common)

    def tokens(self) -> dict[str, str]:
        stored = self.ledger.tokens.find(ACCOUNT)
        assert stored is not None
        return self.sealer.open(stored.sealed, what="the tokens")


@pytest.fixture
def dance(ledger, sealer, sandbox) -> Dance:
    return Dance(ledger, sealer, sandbox)


def refused(dance: Dance, back: dict[str, str], **changes: Any) -> str:
    with pytest.raises(LoginRefused) as caught:
        dance.finish(back, **changes)
    assert caught.value.next_step
    for secret in back.values():
        assert len(secret) < 20 or secret not in str(caught.value)
    return str(caught.value)


def calls(sandbox: Any, path: str) -> int:
    return sum(request["path"] == path for request in sandbox.requests())


def test_who_logged_in_is_known_and_acts_without_another_paid_read(dance, ledger, sealer, sandbox) -> None:
    who = dance.finish(dance.consent(dance.begin()))
    bob = sandbox.accounts[1]
    assert (who.account, who.user.user_id, who.user.username, who.lacking) == (ACCOUNT, bob["id"], "bob", ())
    stored = ledger.tokens.find(ACCOUNT)
    assert (stored.state, stored.user, stored.logged_in_by) == (TokenState.GOOD, who.user, "eve")
    assert (set(stored.scopes), stored.base_url) == (set(SCOPES), sandbox.url)
    assert stored.expires_at == NOW.add(minutes=1, seconds=7200)

    keeper = TokenKeeper(ledger, sealer, dance.app, account=ACCOUNT, clock=lambda: NOW.add(minutes=2))
    client = XClient(sandbox.url, OAuth2User(keeper.access, identity=keeper.identity(), renew=keeper.renew))
    assert who_is(ledger, client, account=ACCOUNT, now=NOW).username == "bob"
    client.close()
    assert calls(sandbox, "/2/users/me") == 1
    assert ledger.charges.month(ACCOUNT, now=NOW).spent == Decimal("0.010")


def test_nothing_secret_is_kept_in_clear(dance, ledger) -> None:
    url = dance.begin()
    state = parse_qs(urlsplit(url).query)["state"][0]
    back = dance.consent(url)
    dance.finish(back)
    with ledger.database.read() as connection:
        rows = [
            repr(connection.execute(text(f"SELECT * FROM {table}")).all())
            for table in ("x_logins", "x_tokens", "x_accounts")
        ]
    for secret in (state, back["code"], *dance.tokens().values()):
        assert len(secret) >= 43
        assert all(secret not in row for row in rows)
    login = ledger.logins.find(state_hash(state))
    assert (login.sealed, login.used_at) == ("", NOW.add(minutes=1))


@pytest.mark.parametrize("scheme", ["oauth2", "oauth1"])
def test_an_answer_is_good_for_one_use_of_who_began_it_in_time_and_place(dance, sandbox, scheme) -> None:
    back = dance.consent(dance.begin(scheme))
    name = "state" if scheme == "oauth2" else "oauth_token"
    assert "belongs to no login" in refused(dance, {**back, name: "x" * 43})
    assert "begun by somebody else than mallory" in refused(dance, back, started_by="mallory")
    assert "came back to https://else.example/" in refused(dance, back, redirect_uri="https://else.example/")
    late = {"now": NOW.add(minutes=10)}
    assert "took more than 10 minutes and has expired" in refused(dance, back, **late)
    assert calls(sandbox, "/2/oauth2/token") + calls(sandbox, "/oauth/access_token") == 0
    assert dance.finish(back, now=NOW.add(minutes=9, seconds=59)).user.username == "bob"
    assert "was ended before" in refused(dance, back)
    assert calls(sandbox, "/2/oauth2/token") + calls(sandbox, "/oauth/access_token") == 1


def test_an_answer_of_one_scheme_is_none_of_the_other(dance) -> None:
    state = parse_qs(urlsplit(dance.begin()).query)["state"][0]
    assert "belongs to no login" in refused(dance, {"oauth_token": state, "oauth_verifier": "1"})


def test_of_many_that_come_with_one_answer_one_logs_in(dance, sandbox) -> None:
    back, outcomes = dance.consent(dance.begin()), []

    def come() -> None:
        try:
            outcomes.append(dance.finish(back).user.username)
        except LoginRefused as error:
            outcomes.append("refused" if "was ended before" in str(error) else str(error))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["bob", *["refused"] * 7]
    assert calls(sandbox, "/2/oauth2/token") == 1


@pytest.mark.parametrize("scheme", ["oauth2", "oauth1"])
def test_a_denied_consent_is_said_and_ends_the_login(dance, ledger, scheme) -> None:
    back = dance.consent(dance.begin(scheme), decision="deny")
    assert "consent for account x_brand was denied" in refused(dance, back)
    assert "was ended before" in refused(dance, back)
    assert ledger.tokens.find(ACCOUNT) is None


@pytest.mark.parametrize("scheme", ["oauth2", "oauth1"])
def test_somebody_else_is_refused_and_what_was_before_stands(dance, ledger, sandbox, scheme) -> None:
    dance.finish(dance.consent(dance.begin()))
    before, met = ledger.tokens.find(ACCOUNT), ledger.accounts.find(ACCOUNT, sandbox.url)
    expected = expected_user(ledger, ACCOUNT, base_url=sandbox.url, user_id=None)
    assert expected == sandbox.accounts[1]["id"]
    back = dance.consent(dance.begin(scheme, expected_user_id=expected), account="alice")
    words = refused(dance, back)
    assert "@alice logged in, but account x_brand is @bob" in words
    assert 'tick "Another user" on the page, or `airflow x login x_brand --another-user`' in words
    assert (ledger.tokens.find(ACCOUNT), ledger.accounts.find(ACCOUNT, sandbox.url)) == (before, met)
    if scheme == "oauth2":
        assert "the tokens were given back" in words
        assert calls(sandbox, "/2/oauth2/revoke") == 2


def test_tokens_that_x_does_not_take_back_are_dropped_and_said(dance, sandbox) -> None:
    sandbox.faults("status", method="POST", path="/2/oauth2/revoke", status=503)
    back = dance.consent(dance.begin(expected_user_id="1"))
    assert "X did not revoke them: remove the app at https://x.com/" in refused(dance, back)


def test_who_has_to_log_in_is_the_connections_user_before_anybody(ledger, sandbox) -> None:
    assert expected_user(ledger, ACCOUNT, base_url=sandbox.url, user_id=None) is None
    ledger.accounts.put(AccountOnX(ACCOUNT, sandbox.url, "7", "seven", "f"), now=NOW)
    assert expected_user(ledger, ACCOUNT, base_url=sandbox.url, user_id=None) == "7"
    assert expected_user(ledger, ACCOUNT, base_url="https://api.x.com", user_id=None) is None
    assert expected_user(ledger, ACCOUNT, base_url=sandbox.url, user_id="8", username="bob") == "8"


@pytest.mark.parametrize("scheme", ["oauth2", "oauth1"])
def test_where_the_connection_only_names_its_user_that_name_must_log_in(
    dance, ledger, sandbox, scheme
) -> None:
    expected = expected_user(ledger, ACCOUNT, base_url=sandbox.url, user_id=None, username="Bob")
    back = dance.consent(dance.begin(scheme, expected_user_id=expected), account="alice")
    assert "@alice logged in, but account x_brand is @Bob" in refused(dance, back)
    assert dance.finish(dance.consent(dance.begin(scheme, expected_user_id=expected))).user.username == "bob"


def test_a_code_of_another_login_gets_nothing(dance, ledger) -> None:
    mine, theirs = dance.consent(dance.begin()), dance.consent(dance.begin(), account="alice")
    assert "code verifier was invalid" in refused(dance, {"state": mine["state"], "code": theirs["code"]})
    assert ledger.tokens.find(ACCOUNT) is None


def test_scopes_that_make_no_sense_are_refused_before_x_is_asked(dance, sandbox) -> None:
    with pytest.raises(LoginRefused, match=r"dm\.write: no scope that is of use here"):
        dance.begin(scopes=[*SCOPES, "dm.write"])
    with pytest.raises(LoginRefused, match=r"cannot post without tweet\.write"):
        dance.begin(scopes=["tweet.read", "users.read"])
    assert sandbox.requests() == []


def test_a_grant_without_writing_is_refused_and_one_without_media_is_said(dance, ledger, sandbox) -> None:
    def narrowed(url: str, without: str) -> dict[str, str]:
        return dance.consent(url.replace(f"{without}%20", ""))

    words = refused(dance, narrowed(dance.begin(), "tweet.write"))
    assert "X granted account x_brand no tweet.write; the tokens were given back" in words
    assert ledger.tokens.find(ACCOUNT) is None
    who = dance.finish(narrowed(dance.begin(), "media.write"))
    assert (who.lacking, who.user.username) == (("media.write",), "bob")


def test_without_offline_access_it_is_said_that_it_ends(dance) -> None:
    scopes = [scope for scope in SCOPES if scope != "offline.access"]
    dance.finish(dance.consent(dance.begin(scopes=scopes)))
    assert dance.tokens().keys() == {"access"}


def test_an_x_that_is_away_costs_the_login_and_nothing_else(dance, ledger, sandbox) -> None:
    sandbox.faults("status", method="POST", path="/2/oauth2/token", status=503, times=1)
    assert "X did not finish the login of account x_brand" in refused(dance, dance.consent(dance.begin()))
    sandbox.faults("status", method="GET", path="/2/users/me", status=403, times=1)
    assert "did not say whose they are" in refused(dance, dance.consent(dance.begin()))
    assert calls(sandbox, "/2/oauth2/revoke") == 2
    assert ledger.tokens.find(ACCOUNT) is None


def test_a_wrong_client_secret_is_named(dance, ledger, sealer) -> None:
    back = dance.consent(dance.begin())
    dance.app = OAuth2App(dance.app.client_id, "wrong-secret", base_url=dance.app.base_url)
    assert "Copy the app's client id and client secret again" in refused(dance, back)


def test_what_the_connection_still_holds_does_not_replace_a_login(dance, ledger, sealer, sandbox) -> None:
    old = sandbox.accounts[1]["oauth2"]["refresh_token"]
    dance.finish(dance.consent(dance.begin()), held_refresh_token=lambda _: old)
    assert ledger.tokens.find(ACCOUNT).seeds == (fingerprint(old),)
    keeper = TokenKeeper(
        ledger, sealer, dance.app, account=ACCOUNT, clock=lambda: NOW.add(minutes=2), seed=Seed(old)
    )
    assert keeper.access() == dance.tokens()["access"]


def test_a_login_ends_the_need_for_one(dance, ledger, sealer, sandbox) -> None:
    dance.finish(dance.consent(dance.begin()))
    dance.app.revoke(dance.tokens()["refresh"])
    clock = [NOW.add(hours=3)]
    keeper = TokenKeeper(ledger, sealer, dance.app, account=ACCOUNT, clock=lambda: clock[0])
    with pytest.raises(XNeedsLogin):
        keeper.access()
    later = {"now": NOW.add(hours=3)}
    dance.finish(dance.consent(dance.begin(**later)), **later)
    assert keeper.access() == dance.tokens()["access"]
    assert ledger.tokens.find(ACCOUNT).why is None


def test_logging_out_makes_x_forget_both_tokens(dance, ledger, sealer, sandbox) -> None:
    dance.finish(dance.consent(dance.begin()))
    tokens = dance.tokens()
    assert (
        log_out(
            ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: dance.app, now=pendulum.now("UTC")
        )
        == []
    )
    assert ledger.tokens.find(ACCOUNT) is None
    client = XClient(sandbox.url, OAuth2User(tokens["access"]))
    with pytest.raises(XNeedsLogin):
        client.me()
    client.close()
    with pytest.raises(XNeedsLogin):
        dance.app.refresh(tokens["refresh"])
    assert (
        log_out(
            ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: dance.app, now=pendulum.now("UTC")
        )
        == []
    )


def test_logging_out_while_x_is_away_removes_them_here_and_says_so(dance, ledger, sealer, sandbox) -> None:
    dance.finish(dance.consent(dance.begin()))
    sandbox.faults("status", method="POST", path="/2/oauth2/revoke", status=503, times=2)
    remarks = log_out(
        ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: dance.app, now=pendulum.now("UTC")
    )
    assert [re.sub(r"\(.*\)", "", remark)[:76] for remark in remarks] == [
        "They are removed here, but X did not forget the refresh token : remove the a",
        "They are removed here, but X did not forget the access token : remove the ap",
    ]
    assert ledger.tokens.find(ACCOUNT) is None


def test_a_pin_brings_keys_that_sign(dance, ledger, sandbox) -> None:
    url = dance.begin("oauth1", redirect_uri=PIN)
    page = requests.post(url, data={"account": "bob", "decision": "allow"}, timeout=10).text
    (pin,) = re.findall(r"<code>(\d{7})</code>", page)
    token = parse_qs(urlsplit(url).query)["oauth_token"][0]
    who = dance.finish({"oauth_token": token, "oauth_verifier": pin}, redirect_uri=PIN)
    assert (who.user.username, who.user.user_id) == ("bob", sandbox.accounts[1]["id"])
    stored = ledger.user_keys.find(ACCOUNT)
    keys = opened(dance.sealer, stored)
    assert all(key not in stored.sealed + repr(stored) for key in keys)
    assert (stored.user, stored.logged_in_by) == (who.user, "eve")
    client = XClient(sandbox.url, OAuth1(*sandbox.keys()[:2], *keys))
    met = who_is(ledger, client, account=ACCOUNT, now=NOW)
    client.close()
    bob = sandbox.accounts[1]
    assert (met.username, met.name, who.user.name) == ("bob", "Bob Example", "Bob Example")
    # X was asked once, when the login ended, and that was written down.
    assert calls(sandbox, "/2/users/me") == 1
    assert ledger.charges.month(ACCOUNT, now=NOW).spent == Decimal("0.010")
    assert bob["id"] == met.user_id


def test_keys_are_kept_where_x_does_not_say_whose_name_and_picture_they_are(dance, ledger, sandbox) -> None:
    back = dance.consent(dance.begin("oauth1"))
    sandbox.faults("status", method="GET", path="/2/users/me", status=503, times=9)
    who = dance.finish(back)
    assert (who.user.username, who.user.name, who.user.picture_url) == ("bob", None, None)
    assert ledger.user_keys.find(ACCOUNT).user == who.user
    assert ledger.accounts.find(ACCOUNT, sandbox.url).username == "bob"


def test_a_wrong_pin_is_refused(dance) -> None:
    url = dance.begin("oauth1", redirect_uri=PIN)
    requests.post(url, data={"account": "bob", "decision": "allow"}, timeout=10)
    token = parse_qs(urlsplit(url).query)["oauth_token"][0]
    words = refused(dance, {"oauth_token": token, "oauth_verifier": "12 45"}, redirect_uri=PIN)
    assert "verifier of OAuth 1.0a has blanks" in words
    url = dance.begin("oauth1", redirect_uri=PIN)
    token = parse_qs(urlsplit(url).query)["oauth_token"][0]
    words = refused(dance, {"oauth_token": token, "oauth_verifier": "1234567"}, redirect_uri=PIN)
    assert "Invalid oauth_verifier parameter" in words


def test_a_callback_that_is_not_registered_is_named(dance, sandbox) -> None:
    sandbox.settings(redirect_uris=["https://else.example/"])
    with pytest.raises(LoginRefused, match="Register this callback address with the app"):
        dance.begin("oauth1")


def test_wrong_keys_of_the_app_are_named(dance, sandbox) -> None:
    dance.app1 = OAuth1App("wrong-api-key", "wrong-api-secret", base_url=sandbox.url)
    with pytest.raises(LoginRefused, match="Copy the app's API key and secret again"):
        dance.begin("oauth1")


def test_logins_that_ended_long_ago_are_forgotten(dance, ledger) -> None:
    state = parse_qs(urlsplit(dance.begin()).query)["state"][0]
    dance.begin(now=NOW.add(hours=24))
    assert ledger.logins.find(state_hash(state)) is not None
    dance.begin(now=NOW.add(hours=24, minutes=11))
    assert ledger.logins.find(state_hash(state)) is None


def test_another_process_finds_what_this_one_began(dance, ledger) -> None:
    back = dance.consent(dance.begin())
    second = Ledger(ledger.database.url)
    there = Dance(second, dance.sealer, dance.sandbox)
    assert there.finish(back).user.username == "bob"
    second.database.dispose()


def test_what_was_begun_shows_no_secret(dance, ledger) -> None:
    state = parse_qs(urlsplit(dance.begin()).query)["state"][0]
    login = ledger.logins.find(state_hash(state))
    assert login.sealed
    assert login.sealed not in repr(login)
    assert replace(login, sealed="") == replace(login, sealed="")


def elsewhere(dance: Dance, url: str) -> OAuth2App:
    """The app as a connection names it whose base URL was changed."""
    client = dance.sandbox.accounts[0]["oauth2"]
    return OAuth2App(client["client_id"], client["client_secret"], base_url=url)


def test_logging_out_sends_tokens_only_to_the_x_that_gave_them(dance, ledger, sealer, own_sandbox) -> None:
    dance.finish(dance.consent(dance.begin()))
    other = own_sandbox()
    (remark,) = log_out(
        ledger,
        lambda: sealer,
        account=ACCOUNT,
        oauth2_app=lambda _: elsewhere(dance, other.url),
        now=pendulum.now("UTC"),
    )
    assert other.requests() == []
    assert "X was not told" in remark
    assert ledger.tokens.find(ACCOUNT) is None


@pytest.mark.parametrize("scheme", ["oauth2", "oauth1"])
def test_what_x_gave_goes_to_no_other_than_the_login_was_begun_with(dance, own_sandbox, scheme) -> None:
    back = dance.consent(dance.begin(scheme))
    other = own_sandbox()
    dance.app = elsewhere(dance, other.url)
    dance.app1 = OAuth1App(dance.app1.api_key, "another-secret", base_url=other.url)
    assert "was changed since the login was begun" in refused(dance, back)
    assert other.requests() == []


def test_a_logout_during_a_refresh_leaves_no_grant_behind(dance, ledger, sealer, sandbox) -> None:
    dance.finish(dance.consent(dance.begin()))
    refresh = dance.app.refresh
    given = []

    def refresh_and_log_out(*args: Any, **kwargs: Any) -> Any:
        given.append(refresh(*args, **kwargs))
        log_out(
            ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: dance.app, now=pendulum.now("UTC")
        )
        return given[-1]

    dance.app.refresh = refresh_and_log_out  # type: ignore[method-assign]
    late = NOW.add(hours=3)
    keeper = TokenKeeper(ledger, sealer, dance.app, account=ACCOUNT, clock=lambda: late)
    with pytest.raises(XNeedsLogin):
        keeper.access()
    client = XClient(sandbox.url, OAuth2User(given[0].access))
    with pytest.raises(XNeedsLogin):
        client.me()
    client.close()


def test_a_keeper_for_a_test_spends_no_refresh_token(dance, ledger, sealer, sandbox) -> None:
    dance.finish(dance.consent(dance.begin()))
    before = len(sandbox.requests())
    late = NOW.add(hours=3)
    keeper = TokenKeeper(ledger, sealer, dance.app, account=ACCOUNT, clock=lambda: late, refreshes=False)
    with pytest.raises(XUnreachable):
        keeper.access()
    assert len(sandbox.requests()) == before
