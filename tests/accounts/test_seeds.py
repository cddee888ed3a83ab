"""Tokens that somebody pasted into the connection."""

from __future__ import annotations

import threading

import pytest
from kept_tokens import LIFETIME, acts, opened, stored

from x_provider.accounts import Seed, fingerprint
from x_provider.client import XNeedsLogin


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
    assert acts(sandbox, keeper_with(seed=Seed(sandbox.accounts[1]["oauth2"]["refresh_token"]))) == "bob"
