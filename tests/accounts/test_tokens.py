"""Tokens that are refreshed once, against the sandbox and on both databases."""

from __future__ import annotations

import logging
import threading
import time

import pendulum
import pytest
from airflow_harness import wait_for
from kept_tokens import ACCOUNT, LIFETIME, TOKEN, acts, opened, stored
from pendulum import duration
from sqlalchemy import text

from x_provider.accounts.refreshing import CLAIM_SECONDS
from x_provider.accounts.tokens import AHEAD
from x_provider.client import XError, XNeedsLogin, XUnreachable
from x_provider.client.oauth2 import OAuth2App
from x_provider.ledger import LedgerError, Sealer, TokenState, UserOnX


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


def test_a_public_client_refreshes_too(keeper_with, app, seed, sandbox) -> None:
    assert (
        acts(sandbox, keeper_with(app=OAuth2App(app.client_id, base_url=app.base_url), seed=seed)) == "alice"
    )


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


def test_ahead_of_its_end_it_is_refreshed_when_asked(keeper, clock, refreshes) -> None:
    left = duration(minutes=30)
    assert not keeper.refresh_ahead(left)
    clock.ahead = LIFETIME - 29 * 60
    assert keeper.refresh_ahead(left)
    assert not keeper.refresh_ahead(left)
    assert refreshes() == [200, 200]


def test_ahead_of_its_end_who_is_being_served_is_not_refreshed_by_another(keeper, clock, ledger, refreshes):
    clock.ahead = LIFETIME - 29 * 60
    kept = stored(ledger)
    assert ledger.tokens.claim(kept, by="another", until=clock().add(seconds=90), now=clock())
    assert not keeper.refresh_ahead(duration(minutes=30))
    assert refreshes() == [200]


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
