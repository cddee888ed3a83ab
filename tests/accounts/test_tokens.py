"""Tokens that are refreshed once, against the sandbox and on both databases."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pendulum
import pytest
from airflow_harness import wait_for
from pendulum import duration
from sqlalchemy import text

from x_provider.accounts import Seed, TokenKeeper, fingerprint
from x_provider.accounts.tokens import AHEAD, CLAIM_SECONDS, LONGEST_PAUSE_SECONDS
from x_provider.client import OAuth2User, XClient, XError, XNeedsLogin, XPermission, XUnreachable
from x_provider.client.oauth2 import OAuth2App
from x_provider.ledger import Ledger, LedgerError, Sealer, TokenState, UserOnX

ACCOUNT = "x_brand"
TOKEN = "/2/oauth2/token"
LIFETIME = 7200


@pytest.fixture
def seed(sandbox) -> Seed:
    client = sandbox.accounts[0]["oauth2"]
    return Seed(client["refresh_token"], client["access_token"])


@pytest.fixture
def keeper_with(ledger, sealer, app, clock):
    """A keeper such as each process has one; what is given replaces the usual."""

    def keeper_with(**changes: Any) -> TokenKeeper:
        given = {"ledger": ledger, "sealer": sealer, "app": app, **changes}
        parts = (given.pop("ledger"), given.pop("sealer"), given.pop("app"))
        return TokenKeeper(*parts, account=ACCOUNT, clock=clock, **given)

    return keeper_with


@pytest.fixture
def keeper(keeper_with, seed) -> TokenKeeper:
    """The keeper of an account that was logged in just now."""
    keeper = keeper_with(seed=seed)
    keeper.access()
    return keeper


def stored(ledger: Ledger) -> Any:
    found = ledger.tokens.find(ACCOUNT)
    assert found is not None
    return found


def opened(ledger: Ledger, sealer: Sealer) -> dict[str, str]:
    return sealer.open(stored(ledger).sealed, what="the tokens")


def acts(sandbox: Any, keeper: TokenKeeper) -> str:
    client = XClient(sandbox.url, OAuth2User(keeper.access, identity=keeper.identity, renew=keeper.renew))
    try:
        return client.me().username
    finally:
        client.close()


def test_the_first_use_refreshes_what_somebody_pasted(keeper, sandbox, ledger, refreshes, seed) -> None:
    # How old the pasted access token is, nobody knows.
    assert refreshes() == [200]
    assert acts(sandbox, keeper) == "alice"
    assert (stored(ledger).logged_in_by, stored(ledger).seeds) == (
        "the connection",
        (fingerprint(seed.refresh),),
    )


def test_a_token_is_used_until_shortly_before_its_end(keeper, clock, refreshes) -> None:
    first = keeper.access()
    clock.ahead = LIFETIME - AHEAD.total_seconds() - 30
    assert keeper.access() == first
    clock.ahead += 60
    assert keeper.access() != first
    assert refreshes() == [200, 200]


def test_what_is_in_memory_is_not_asked_for_again(keeper, ledger, monkeypatch) -> None:
    token = keeper.access()
    monkeypatch.setattr(ledger.tokens, "find", lambda _: pytest.fail("the ledger was read"))
    assert [keeper.access() for _ in range(100)] == [token] * 100


def test_a_login_of_another_user_is_noticed_while_the_old_token_lives(
    keeper, ledger, sealer, app, sandbox, monkeypatch
) -> None:
    monkeypatch.setattr("x_provider.accounts.tokens.LOOK_SECONDS", -1)
    before = keeper.identity()
    bob = sandbox.accounts[1]
    login = {
        "base_url": app.base_url,
        "client_id": app.client_id,
        "user": UserOnX(bob["id"], "bob"),
        "scopes": ("tweet.read",),
        "sealed": sealer.seal({"access": bob["oauth2"]["access_token"], "refresh": "r" * 40}),
        "expires_at": pendulum.now("UTC").add(hours=2),
        "logged_in_by": "eve",
    }
    ledger.tokens.put(ACCOUNT, login=login, now=pendulum.now("UTC"))
    assert acts(sandbox, keeper) == "bob"
    assert (keeper.identity(), before) == (bob["id"], before)
    assert before.startswith("x_brand since ")


def test_another_process_uses_what_the_first_has_refreshed(keeper, keeper_with, seed, refreshes) -> None:
    assert keeper_with(seed=seed).access() == keeper.access()
    assert keeper_with().access() == keeper.access()
    assert refreshes() == [200]


def test_twenty_threads_of_four_processes_refresh_once(keeper, keeper_with, clock, refreshes) -> None:
    clock.ahead = LIFETIME + 1
    keepers = [keeper, *(keeper_with() for _ in range(3))]
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda i=i: tokens.append(keepers[i % 4].access())) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 20
    assert len(set(tokens)) == 1
    assert refreshes() == [200, 200]


def test_who_has_time_left_does_not_wait_for_who_refreshes(keeper, clock, sandbox) -> None:
    token = keeper.access()
    clock.ahead = LIFETIME - 60
    sandbox.faults("delay_before", method="POST", path=TOKEN, seconds=3)
    slow = threading.Thread(target=keeper.access)
    slow.start()
    wait_for(
        "the refresh",
        lambda: stored(keeper._ledger).refreshing_by or not slow.is_alive(),
        within=5,
        every=0.01,
    )
    begun = time.monotonic()
    assert keeper.access() == token
    assert time.monotonic() - begun < 1
    slow.join()
    assert keeper.access() != token


def test_a_token_that_x_does_not_accept_is_replaced_and_the_call_sent_again(
    keeper, clock, sandbox, ledger, refreshes
) -> None:
    clock.ahead = 120
    keeper._app.revoke(keeper.access())
    assert acts(sandbox, keeper) == "alice"
    assert refreshes() == [200, 200]
    assert stored(ledger).version == 3


def test_a_token_that_x_refuses_right_after_giving_it_is_not_thrown_away(keeper, sandbox, refreshes) -> None:
    sandbox.faults("outage_401", path="/2/users/me", times=-1)
    with pytest.raises(XUnreachable, match="has given just now"):
        acts(sandbox, keeper)
    assert refreshes() == [200]


OUTAGES = {
    "503": {"kind": "status", "status": 503},
    "503 after it was done": {"kind": "status_after_commit", "status": 503},
    "401 to everybody": {"kind": "status", "status": 401, "body": {"title": "Unauthorized"}},
    "lost before": {"kind": "drop_before_commit"},
    "429": {"kind": "status", "problem": "rate-limited"},
}


@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_never_means_a_login(keeper, clock, sandbox, ledger, refreshes, fault) -> None:
    clock.ahead = LIFETIME + 1
    armed = sandbox.faults(method="POST", path=TOKEN, times=-1, **fault)
    for failures in range(1, 4):
        with pytest.raises(XUnreachable, match="It is tried again at 20"):
            keeper.access()
        kept = stored(ledger)
        assert (kept.state, kept.failures, kept.refreshing_by) == (TokenState.GOOD, failures, None)
        assert kept.why
        clock.ahead += 2**failures
    assert armed["kind"] == fault["kind"]
    if fault["kind"].endswith("after_commit"):
        return  # X has spent it: see below
    sandbox_clear(sandbox)
    assert acts(sandbox, keeper) == "alice"
    assert (stored(ledger).failures, stored(ledger).why) == (0, None)
    assert len(refreshes()) == 5


def sandbox_clear(sandbox: Any) -> None:
    import requests

    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=10)


@pytest.mark.parametrize("kind", ["drop_after_commit", "status_after_commit", "truncate"])
def test_a_pair_that_was_lost_on_its_way_means_a_login_once_x_says_so(
    keeper, clock, sandbox, ledger, refreshes, kind
) -> None:
    clock.ahead = LIFETIME + 1
    sandbox.faults(kind, method="POST", path=TOKEN, times=1)
    with pytest.raises(XUnreachable):
        keeper.access()
    clock.ahead += 2
    for _ in range(3):
        with pytest.raises(XNeedsLogin, match="X does not take its refresh token any more"):
            keeper.access()
    assert len(refreshes()) == 3  # the first use, the lost one, and the one that X refused
    assert stored(ledger).state is TokenState.NEEDS_LOGIN


def test_pauses_grow_and_nobody_asks_within_them(
    keeper, keeper_with, clock, sandbox, ledger, refreshes
) -> None:
    clock.ahead = LIFETIME + 1
    sandbox.faults("status", method="POST", path=TOKEN, status=503, times=-1)
    pauses = []
    for _ in range(12):
        for one in (keeper, keeper_with()):
            with pytest.raises(XUnreachable):
                one.access()
        pauses.append((stored(ledger).retry_at - clock()).total_seconds())
        clock.ahead += pauses[-1] + 1
    assert len(refreshes()) == 13
    assert [round(pause) for pause in pauses[:4]] == [1, 2, 4, 8]
    assert round(pauses[-1]) == LONGEST_PAUSE_SECONDS


def test_an_outage_goes_unnoticed_while_the_token_lives(keeper, clock, sandbox, ledger) -> None:
    token = keeper.access()
    clock.ahead = LIFETIME - 60
    sandbox.faults("status", method="POST", path=TOKEN, status=503, times=-1)
    assert keeper.access() == token
    assert stored(ledger).failures == 1


def test_a_refusal_means_a_login_and_is_asked_for_once(keeper, clock, app, ledger, sealer, refreshes) -> None:
    clock.ahead = LIFETIME + 1
    app.revoke(opened(ledger, sealer)["refresh"])
    for _ in range(3):
        with pytest.raises(XNeedsLogin, match=r"account x_brand: .*airflow x login x_brand"):
            keeper.access()
    assert refreshes() == [200, 400]


def test_after_a_refusal_the_present_token_serves_until_its_end(keeper, clock, app, ledger, sealer, sandbox):
    clock.ahead = LIFETIME - 60
    app.revoke(opened(ledger, sealer)["refresh"])
    assert acts(sandbox, keeper) == "alice"
    assert stored(ledger).state is TokenState.NEEDS_LOGIN
    clock.ahead += 61
    with pytest.raises(XNeedsLogin):
        keeper.access()


def test_an_app_that_x_does_not_know_is_said_and_mended_without_a_login(
    keeper, keeper_with, clock, app, ledger, sandbox
) -> None:
    clock.ahead = LIFETIME + 1
    wrong = OAuth2App(app.client_id, "not-its-client-secret", base_url=app.base_url)
    with pytest.raises(XPermission, match="client id and client secret again"):
        keeper_with(app=wrong).access()
    assert stored(ledger).state is TokenState.GOOD
    clock.ahead += 2
    assert acts(sandbox, keeper_with()) == "alice"


def test_a_public_client_refreshes_too(keeper_with, app, seed, sandbox) -> None:
    assert (
        acts(sandbox, keeper_with(app=OAuth2App(app.client_id, base_url=app.base_url), seed=seed)) == "alice"
    )


def test_without_offline_access_it_ends_and_says_why(keeper, clock, ledger, sealer, refreshes) -> None:
    kept = stored(ledger)
    login = {
        "base_url": kept.base_url,
        "client_id": kept.client_id,
        "user": UserOnX(),
        "scopes": ("tweet.write",),
        "sealed": sealer.seal({"access": "a" * 40}),
        "expires_at": clock().add(hours=2),
        "logged_in_by": "eve",
    }
    ledger.tokens.put(ACCOUNT, login=login, now=clock())
    clock.ahead = LIFETIME + 1
    with pytest.raises(XNeedsLogin, match=r"did not ask for the scope offline\.access"):
        keeper.access()
    assert refreshes() == [200]


def test_nobody_logged_in_is_told_how_to(keeper_with) -> None:
    with pytest.raises(XNeedsLogin, match=r"nobody has logged it in yet.*X > Accounts"):
        keeper_with().access()


def test_tokens_go_to_no_other_x_and_no_other_app(keeper, keeper_with, app, ledger, refreshes) -> None:
    for other in (
        OAuth2App(app.client_id, base_url="https://api.x.com"),
        OAuth2App("another-app", base_url=app.base_url),
    ):
        with pytest.raises(XNeedsLogin, match="its login is one"):
            keeper_with(app=other).access()
    assert stored(ledger).state is TokenState.GOOD
    assert refreshes() == [200]


def test_tokens_pasted_anew_replace_those_before_once(
    keeper, keeper_with, app, ledger, sandbox, refreshes, seed
) -> None:
    pasted = Seed(sandbox.accounts[1]["oauth2"]["refresh_token"])
    fresh = keeper_with(seed=pasted)
    assert acts(sandbox, fresh) == "bob"
    # A process that still holds the old connection must not bring the old tokens back.
    assert acts(sandbox, keeper_with(seed=seed)) == "bob"
    assert acts(sandbox, keeper_with(seed=pasted)) == "bob"
    assert stored(ledger).seeds == (fingerprint(pasted.refresh), fingerprint(seed.refresh))
    assert refreshes() == [200, 200]


def test_many_that_find_a_pasted_token_take_it_up_once(keeper, keeper_with, sandbox, refreshes) -> None:
    pasted = Seed(sandbox.accounts[1]["oauth2"]["refresh_token"])
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(acts(sandbox, keeper_with(seed=pasted))))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["bob"] * 10
    assert refreshes() == [200, 200]


def test_a_paste_ends_the_need_for_a_login(keeper, keeper_with, clock, app, ledger, sealer, sandbox) -> None:
    clock.ahead = LIFETIME + 1
    app.revoke(opened(ledger, sealer)["refresh"])
    with pytest.raises(XNeedsLogin):
        keeper.access()
    assert acts(sandbox, keeper_with(seed=Seed(sandbox.accounts[1]["oauth2"]["refresh_token"]))) == "bob"


def test_ahead_of_its_end_it_is_refreshed_when_asked(keeper, clock, refreshes) -> None:
    left = duration(minutes=30)
    assert not keeper.refresh_ahead(left)
    clock.ahead = LIFETIME - 29 * 60
    assert keeper.refresh_ahead(left)
    assert not keeper.refresh_ahead(left)
    assert refreshes() == [200, 200]


def test_ahead_of_its_end_an_outage_is_said_and_the_token_serves(keeper, clock, sandbox) -> None:
    clock.ahead = LIFETIME - 29 * 60
    sandbox.faults("status", method="POST", path=TOKEN, status=503, times=1)
    with pytest.raises(XUnreachable, match="503"):
        keeper.refresh_ahead(duration(minutes=30))
    assert acts(sandbox, keeper) == "alice"


def test_ahead_of_its_end_a_refusal_is_said(keeper, clock, app, ledger, sealer) -> None:
    clock.ahead = LIFETIME - 29 * 60
    app.revoke(opened(ledger, sealer)["refresh"])
    with pytest.raises(XNeedsLogin):
        keeper.refresh_ahead(duration(minutes=30))


def test_ahead_of_its_end_who_is_being_served_is_not_refreshed_by_another(keeper, clock, ledger, refreshes):
    clock.ahead = LIFETIME - 29 * 60
    kept = stored(ledger)
    assert ledger.tokens.claim(kept, by="another", until=clock().add(seconds=90), now=clock())
    assert not keeper.refresh_ahead(duration(minutes=30))
    assert refreshes() == [200]


def test_a_refresh_that_broke_off_is_never_repeated(keeper, keeper_with, clock, ledger, refreshes) -> None:
    clock.ahead = LIFETIME + 1
    assert ledger.tokens.claim(stored(ledger), by="dead:1:x", until=clock().add(seconds=0.3), now=clock())
    with pytest.raises(XNeedsLogin, match=r"broke off \(dead:1:x, before .*may have spent the refresh token"):
        keeper_with().access()
    assert refreshes() == [200]


def test_who_was_taken_for_dead_and_comes_back_brings_the_account_back(
    keeper, clock, ledger, sealer, app, sandbox
) -> None:
    clock.ahead = LIFETIME + 1
    kept = stored(ledger)
    ledger.tokens.claim(kept, by="suspended", until=clock(), now=clock())
    with pytest.raises(XNeedsLogin):
        keeper.access()
    pair = app.refresh(opened(ledger, sealer)["refresh"])
    assert ledger.tokens.renewed(
        kept,
        by="suspended",
        sealed=sealer.seal({"access": pair.access, "refresh": pair.refresh or ""}),
        scopes=pair.scopes,
        expires_at=clock().add(hours=2),
        now=clock(),
    )
    assert acts(sandbox, keeper) == "alice"


def test_a_task_that_is_stopped_while_it_refreshes_gives_the_token_back(
    keeper, keeper_with, clock, ledger, sandbox, monkeypatch
) -> None:
    class StoppedError(BaseException):
        pass

    def stopped(*_: Any, **__: Any) -> None:
        raise StoppedError

    clock.ahead = LIFETIME + 1
    with monkeypatch.context() as patch:
        patch.setattr(keeper._app, "refresh", stopped)
        with pytest.raises(StoppedError):
            keeper.access()
    assert (stored(ledger).state, stored(ledger).refreshing_by) == (TokenState.GOOD, None)
    clock.ahead += 2
    assert acts(sandbox, keeper) == "alice"


def test_a_new_pair_is_worth_some_patience_with_the_ledger(
    keeper, clock, ledger, sandbox, monkeypatch
) -> None:
    clock.ahead = LIFETIME + 1
    renewed, failures = ledger.tokens.renewed, [LedgerError("away"), LedgerError("away")]

    def shaky(*args: Any, **kwargs: Any) -> bool:
        if failures:
            raise failures.pop()
        return renewed(*args, **kwargs)

    monkeypatch.setattr(ledger.tokens, "renewed", shaky)
    assert acts(sandbox, keeper) == "alice"


def test_a_ledger_that_is_away_does_not_take_the_token_in_memory(keeper, ledger, monkeypatch) -> None:
    token = keeper.access()
    monkeypatch.setattr("x_provider.accounts.tokens.LOOK_SECONDS", -1)

    def away(_: str) -> None:
        raise LedgerError("away")

    monkeypatch.setattr(ledger.tokens, "find", away)
    assert keeper.access() == token


def test_a_key_that_does_not_open_the_tokens_says_whose_and_what_to_do(keeper, keeper_with) -> None:
    other = Sealer(["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI="], name="X_PROVIDER_FERNET_KEY")
    with pytest.raises(LedgerError, match="X_PROVIDER_FERNET_KEY opens the tokens of account x_brand"):
        keeper_with(sealer=other).access()


def test_each_pair_is_told_once_so_that_it_can_be_masked(keeper_with, seed, clock) -> None:
    told: list[str] = []
    keeper = keeper_with(seed=seed, on_new=lambda tokens: told.append(tokens.access))
    keeper.access()
    keeper.access()
    clock.ahead = LIFETIME + 1
    keeper.access()
    assert told[-1] == keeper.access()
    assert len(told) == len(set(told)) == 3  # the pasted one, and two of X


def test_no_secret_is_in_the_database_the_log_an_error_or_a_repr(
    keeper_with, seed, clock, ledger, sealer, app, sandbox, caplog, tmp_path
) -> None:
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        keeper = keeper_with(seed=seed)
        secrets = {seed.refresh, seed.access, keeper.access(), *opened(ledger, sealer).values()}
        clock.ahead = LIFETIME + 1
        sandbox.faults("status", method="POST", path=TOKEN, status=400, body={"error": "odd"}, times=1)
        for _ in range(2):
            try:
                keeper.access()
            except XError as error:
                shown.append(f"{error} {error!r} {vars(error)}")
        clock.ahead += 60
        secrets |= {keeper.access(), *opened(ledger, sealer).values()}
        app.revoke(opened(ledger, sealer)["refresh"])
        clock.ahead += LIFETIME
        with pytest.raises(XNeedsLogin) as refused:
            keeper.access()
    shown += [
        str(refused.value),
        repr(refused.value),
        repr(keeper),
        repr(seed),
        repr(stored(ledger)),
        caplog.text,
    ]
    with ledger.database.read() as connection:
        shown.append(repr(connection.execute(text("SELECT * FROM x_tokens")).all()))
    files = [path.read_bytes() for path in tmp_path.glob("ledger.db*")]
    assert len(secrets) >= 5
    for secret in secrets:
        assert len(secret) >= 40
        assert secret not in "".join(shown)
        assert all(secret.encode() not in content for content in files)


def test_the_claim_lasts_longer_than_a_refresh_can(app) -> None:
    waits = app._timeouts
    assert waits.connect + waits.read < CLAIM_SECONDS
