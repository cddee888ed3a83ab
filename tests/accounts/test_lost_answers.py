"""Refreshes whose end is hard to write down: the ledger is away, or its answer is lost, or others come between."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from kept_tokens import ACCOUNT, LIFETIME, acts, as_new, stored

from x_provider.accounts.logout import log_out
from x_provider.accounts.refreshing import CLAIM_SECONDS, Refresher
from x_provider.client import CreatePost, OAuth2User, XClient, XNeedsLogin
from x_provider.ledger import LedgerError, TokenState, UserOnX


@pytest.fixture
def log_in(ledger, sealer, app, sandbox, clock):
    """Log the account in, as alice (0) or bob (1)."""

    def log_in(number: int) -> None:
        account = sandbox.accounts[number]
        tokens = account["oauth2"]
        login = {
            "base_url": app.base_url,
            "client_id": app.client_id,
            "user": UserOnX(account["id"], account["username"]),
            "scopes": ("tweet.read", "tweet.write", "users.read", "offline.access"),
            "sealed": sealer.seal({"access": tokens["access_token"], "refresh": tokens["refresh_token"]}),
            "expires_at": clock().add(seconds=LIFETIME),
            "logged_in_by": "eve",
        }
        ledger.tokens.put(ACCOUNT, login=login, now=clock())

    return log_in


@pytest.fixture
def keeper(keeper_with, log_in, clock):
    """That of an account whose token has ended."""
    log_in(0)
    clock.ahead = LIFETIME + 1
    return keeper_with()


@pytest.fixture
def lost(ledger, monkeypatch):
    """Let the answer to a change of the tokens be lost, once: it is committed all the same."""

    def lost(name: str) -> None:
        change = getattr(ledger.tokens, name)

        def committed(*args: Any, **kwargs: Any) -> None:
            monkeypatch.setattr(ledger.tokens, name, change)
            assert change(*args, **kwargs)
            raise LedgerError("server closed the connection unexpectedly")

        monkeypatch.setattr(ledger.tokens, name, committed)

    return lost


def test_a_pair_that_was_committed_without_an_answer_is_not_given_back(
    keeper, keeper_with, lost, sandbox, ledger, refreshes
) -> None:
    lost("renewed")
    assert acts(sandbox, keeper) == "alice"
    assert acts(sandbox, keeper_with()) == "alice"
    assert "/2/oauth2/revoke" not in [seen["path"] for seen in sandbox.requests()]
    assert refreshes() == [200]


@pytest.mark.parametrize("written_off", [False, True], ids=["", "and another process took it for dead"])
def test_a_claim_that_was_committed_without_an_answer_costs_no_login(
    keeper, keeper_with, lost, sandbox, ledger, clock, refreshes, written_off
) -> None:
    lost("claim")
    with pytest.raises(LedgerError):
        keeper.access()
    clock.ahead += CLAIM_SECONDS + 1
    if written_off:
        with pytest.raises(XNeedsLogin):
            keeper_with().access()
    assert acts(sandbox, keeper) == "alice"
    assert refreshes() == [200]


@pytest.mark.parametrize("status", [503, 200])
def test_how_a_refresh_ended_is_written_down_once_the_ledger_is_back(
    keeper, sandbox, ledger, clock, refreshes, monkeypatch, status
) -> None:
    def away(*_args: Any, **_kwargs: Any) -> None:
        raise LedgerError("away")

    if status != 200:
        sandbox.faults("status", method="POST", path="/2/oauth2/token", status=status, times=1)
    monkeypatch.setattr("x_provider.accounts.refreshing._WRITE_PAUSES", ())
    with monkeypatch.context() as outage:
        outage.setattr(ledger.tokens, "release" if status != 200 else "renewed", away)
        with pytest.raises(LedgerError):
            keeper.access()
    clock.ahead += CLAIM_SECONDS + 1
    assert acts(sandbox, keeper) == "alice"
    assert stored(ledger).state is TokenState.GOOD
    assert refreshes() == ([200] if status == 200 else [503, 200])


@pytest.mark.parametrize("is_out", [False, True])
def test_a_claim_takes_no_other_login_than_the_one_that_was_read(
    keeper, ledger, sealer, app, sandbox, clock, log_in, monkeypatch, is_out, refreshes
) -> None:
    claim = Refresher.claim

    def suspended(*args: Any) -> bool:
        monkeypatch.undo()
        if is_out:
            log_out(ledger, lambda: sealer, account=ACCOUNT, now=clock())
        else:
            as_new(ledger)
        log_in(1)
        return claim(*args)

    monkeypatch.setattr(Refresher, "claim", suspended)
    assert acts(sandbox, keeper) == "bob"
    assert stored(ledger).user.username == "bob"
    assert refreshes() == []


def test_an_outage_does_not_bring_back_what_was_logged_out(
    keeper_with, ledger, log_in, sealer, clock, sandbox, monkeypatch
) -> None:
    log_in(0)
    keeper = keeper_with()
    assert acts(sandbox, keeper) == "alice"
    log_out(ledger, lambda: sealer, account=ACCOUNT, now=clock())
    monkeypatch.setattr("x_provider.accounts.tokens.LOOK_SECONDS", -1)
    with pytest.raises(XNeedsLogin):
        keeper.access()

    def away(_account: str) -> None:
        raise LedgerError("away")

    monkeypatch.setattr(ledger.tokens, "find", away)
    with pytest.raises(LedgerError):
        keeper.access()


def test_threads_that_meet_look_again_too_once_what_they_have_is_old(
    keeper_with, log_in, sandbox, monkeypatch
) -> None:
    log_in(0)
    keeper = keeper_with()
    keeper.access()
    log_in(1)
    held = keeper._held
    keeper._held = replace(held, looked_at=time.monotonic() - 3000)
    together = threading.Barrier(4)

    def post(number: int) -> None:
        client = XClient(sandbox.url, OAuth2User(keeper.access, identity=keeper.identity))
        together.wait(10)
        client.create_post(CreatePost(text=f"Post {number}"))

    threads = [threading.Thread(target=post, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [post["username"] for post in sandbox.posts()] == ["bob"] * 4


def test_a_logout_beside_a_refresh_leaves_no_pair_behind(keeper, ledger, sealer, app, sandbox, clock) -> None:
    refreshing = threading.Thread(target=keeper.access)
    refreshing.start()
    log_out(ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, now=clock())
    refreshing.join(20)
    held = keeper._held
    if held is not None:
        with pytest.raises(XNeedsLogin):
            XClient(sandbox.url, OAuth2User(held.tokens.access)).me()
