"""What X's refusals and outages mean for an account's tokens, and what a refresh that was broken off means."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from kept_tokens import ACCOUNT, LIFETIME, TOKEN, acts, opened, stored
from pendulum import duration

from x_provider.accounts.refreshing import CLAIM_SECONDS, LONGEST_PAUSE_SECONDS
from x_provider.client import XNeedsLogin, XPermission, XUnreachable
from x_provider.client.oauth2 import OAuth2App
from x_provider.ledger import LedgerError, TokenState, UserOnX

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


def test_a_task_that_is_stopped_while_it_refreshes_leaves_its_claim_as_a_killed_one_does(
    keeper, clock, ledger, refreshes, monkeypatch
) -> None:
    class StoppedError(BaseException):
        pass

    def stopped(*_: Any, **__: Any) -> None:
        raise StoppedError

    before = refreshes()
    clock.ahead = LIFETIME + 1
    with monkeypatch.context() as patch:
        patch.setattr(keeper._app, "refresh", stopped)
        with pytest.raises(StoppedError):
            keeper.access()
    assert stored(ledger).refreshing_by is not None
    clock.ahead += CLAIM_SECONDS + 1
    with pytest.raises(XNeedsLogin, match="broke off"):
        keeper.access()
    assert refreshes() == before


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
