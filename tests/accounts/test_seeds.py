"""Tokens that somebody pasted into the connection."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from kept_tokens import ACCOUNT, LIFETIME, acts, opened, stored

from x_provider.accounts import Seed, TokenKeeper, fingerprint
from x_provider.accounts.logout import Held, log_out
from x_provider.client import XNeedsLogin
from x_provider.ledger import StoredKeys, UserOnX


def test_the_first_use_refreshes_what_somebody_pasted(keeper, sandbox, ledger, refreshes, seed) -> None:
    # How old the pasted access token is, nobody knows.
    assert refreshes() == [200]
    assert acts(sandbox, keeper) == "alice"
    assert (stored(ledger).logged_in_by, stored(ledger).seeds) == (
        "the connection",
        (fingerprint(seed.refresh),),
    )


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
    pasted = Seed(sandbox.accounts[1]["oauth2"]["refresh_token"], read_at=clock())
    assert acts(sandbox, keeper_with(seed=pasted)) == "bob"


@pytest.fixture
def log_in(ledger, sealer, app, sandbox, clock):
    """Log the account in anew, as bob."""

    def by_tokens() -> None:
        client = sandbox.accounts[1]["oauth2"]
        login = {
            "base_url": app.base_url,
            "client_id": app.client_id,
            "user": UserOnX("8", "bob"),
            "scopes": ("tweet.write",),
            "sealed": sealer.seal({"access": client["access_token"], "refresh": client["refresh_token"]}),
            "expires_at": clock().add(seconds=LIFETIME),
            "logged_in_by": "eve",
        }
        ledger.tokens.put(ACCOUNT, login=login, now=clock())

    def by_keys() -> None:
        keys = (ACCOUNT, app.base_url, "app", UserOnX("8", "bob"), "fingerprint", "sealed", clock(), "eve")
        ledger.user_keys.put(StoredKeys(*keys))

    return {"oauth2": by_tokens, "oauth1": by_keys}


def test_what_was_taken_up_is_not_brought_back_by_who_still_holds_it_after_a_logout(
    keeper, keeper_with, app, ledger, sealer, seed, clock, refreshes
) -> None:
    another = keeper_with(seed=seed)
    token = another.access()
    assert log_out(ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, now=clock()) == []
    for process in (keeper, another):
        with pytest.raises(XNeedsLogin, match="it was logged out"):
            process.renew(token)
    assert ledger.tokens.find(ACCOUNT) is None
    assert refreshes() == [200]


def test_what_was_taken_up_does_not_replace_a_login_after_a_logout(
    keeper, app, ledger, sealer, sandbox, log_in, clock, refreshes
) -> None:
    token = keeper.access()
    log_out(ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, now=clock())
    log_in["oauth2"]()
    assert keeper.renew(token)
    assert acts(sandbox, keeper) == "bob"
    assert stored(ledger).logged_in_by == "eve"
    assert refreshes() == [200]


def test_what_was_taken_up_does_not_come_back_beside_keys(keeper, ledger, log_in) -> None:
    token = keeper.access()
    log_in["oauth1"]()
    with pytest.raises(XNeedsLogin):
        keeper.renew(token)
    assert ledger.accounts.login(ACCOUNT).scheme == "oauth1"


@pytest.mark.parametrize("scheme", ["oauth2", "oauth1"])
@pytest.mark.parametrize("out", [False, True], ids=["", "after a logout"])
def test_what_was_read_before_a_login_does_not_replace_it(
    keeper_with, ledger, sealer, app, sandbox, clock, seed, log_in, scheme, out
) -> None:
    sleeping = keeper_with(seed=seed)
    if out:
        log_out(ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, now=clock())
    log_in[scheme]()
    if scheme == "oauth2":
        assert acts(sandbox, sleeping) == "bob"
    else:
        with pytest.raises(XNeedsLogin):
            sleeping.access()
    assert (ledger.accounts.login(ACCOUNT).scheme, ledger.accounts.login(ACCOUNT).username) == (scheme, "bob")


def test_what_a_connection_still_holds_after_a_logout_is_not_taken_up(
    keeper_with, ledger, sealer, app, sandbox, clock, seed
) -> None:
    held = Held(refresh_token=seed.refresh)
    assert (
        log_out(ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, held=held, now=clock())
        == []
    )
    with pytest.raises(XNeedsLogin, match="it was logged out"):
        keeper_with(seed=replace(seed, read_at=clock())).access()
    assert [each["status"] for each in sandbox.requests()] == [200]  # it was revoked, and not sent since


def test_what_is_pasted_after_a_logout_is_a_login(
    keeper, keeper_with, ledger, sealer, app, sandbox, clock
) -> None:
    log_out(ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, now=clock())
    pasted = Seed(sandbox.accounts[1]["oauth2"]["refresh_token"], read_at=clock())
    assert acts(sandbox, keeper_with(seed=pasted)) == "bob"


def test_one_pasted_token_serves_one_account(keeper, ledger, sealer, app, clock, seed, refreshes) -> None:
    copy = TokenKeeper(ledger, sealer, app, account="x_copy", clock=clock, seed=seed)
    with pytest.raises(XNeedsLogin, match=f"is that of account {ACCOUNT}, and serves one account"):
        copy.access()
    assert refreshes() == [200]
