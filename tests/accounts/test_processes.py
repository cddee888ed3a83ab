"""Real processes that need a new token at once, and such as die while they refresh it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow_harness import wait_for
from kept_tokens import ACCOUNT, LIFETIME, as_new

from x_provider.accounts import Seed, TokenKeeper
from x_provider.accounts.logout import log_out
from x_provider.accounts.refreshing import CLAIM_SECONDS
from x_provider.ledger import TokenState

MANY = 50
MOST_STEPS = 100
OUTCOMES = ("works", "needs login")


class Processes:
    """Starts processes that all want the token of one account.

    :param world: what each of them is told; see ``refreshing.py``.
    """

    def __init__(self, world: dict[str, Any]) -> None:
        self._world = world
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("refreshing.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **changes: Any) -> list[dict[str, Any]]:
        """What became of each."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps({**self._world, **changes}) + "\n")
        self._server.stdin.flush()
        answers: list[dict[str, Any]] = json.loads(self._server.stdout.readline())
        return answers

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=10)


@pytest.fixture
def processes(ledger, key, app, sandbox) -> Iterator[Processes]:
    client = sandbox.accounts[0]["oauth2"]
    started = Processes(
        {
            "ledger": ledger.database.url.render_as_string(hide_password=False),
            "key": key,
            "client": [client["client_id"], client["client_secret"]],
            "x": sandbox.url,
            "account": ACCOUNT,
            "ahead": LIFETIME + 1,
        }
    )
    yield started
    started.close()


@pytest.fixture
def log_in(ledger, sealer, app, clock, sandbox):
    """Begin anew: an account that was logged in just now, on an X that has seen nothing else."""

    def log_in() -> None:
        sandbox.reset()
        as_new(ledger)
        seed = Seed(sandbox.accounts[0]["oauth2"]["refresh_token"])
        TokenKeeper(ledger, sealer, app, account=ACCOUNT, clock=clock, seed=seed).access()

    return log_in


def test_fifty_processes_on_one_expired_token_refresh_it_once_and_all_go_on(
    processes, log_in, refreshes, sandbox, ledger, record_property
) -> None:
    log_in()
    sandbox.settings(clock_ahead_seconds=LIFETIME + 1.0)
    answers = processes.run(count=MANY, acts=True)
    assert [answer.get("user") or answer for answer in answers] == ["alice"] * MANY
    assert len({answer["token"] for answer in answers}) == 1
    assert refreshes() == [200, 200]  # the login's, and theirs
    assert ledger.tokens.find(ACCOUNT).version == 3
    slowest = max(answer["seconds"] for answer in answers)
    record_property("slowest_seconds", slowest)
    sys.stdout.write(f"{MANY} processes, {ledger.database!r}: the last had its token after {slowest:.2f} s\n")


def test_fifty_processes_that_x_refuses_ask_it_once_and_all_say_so(
    processes, log_in, refreshes, sandbox, app, ledger, sealer
) -> None:
    log_in()
    app.revoke(sealer.open(ledger.tokens.find(ACCOUNT).sealed, what="them")["refresh"])
    answers = processes.run(count=MANY)
    assert {answer["error"] for answer in answers} == {"XNeedsLogin"}
    assert refreshes() == [200, 400]


def test_a_process_that_is_there_at_a_logout_does_not_bring_back_what_it_holds(
    processes, sandbox, ledger, sealer, app, refreshes
) -> None:
    seed = sandbox.accounts[0]["oauth2"]["refresh_token"]
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(processes.run, seed=seed, stays=True, ahead=0)
        wait_for("its token", lambda: (kept := ledger.tokens.find(ACCOUNT)) and kept.version == 2, within=30)
        assert (
            log_out(
                ledger, lambda: sealer, account=ACCOUNT, oauth2_app=lambda _: app, now=pendulum.now("UTC")
            )
            == []
        )
        (answer,) = there.result(timeout=30)
    assert (answer["error"], "it was logged out" in answer["words"]) == ("XNeedsLogin", True)
    assert ledger.tokens.find(ACCOUNT) is None
    assert refreshes() == [200]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_killed_at_each_step_of_a_refresh_the_account_works_or_says_that_it_needs_a_login(
    processes, log_in, refreshes, sandbox, ledger
) -> None:
    became: dict[str, str] = {}
    for at in range(1, MOST_STEPS):
        log_in()
        sandbox.settings(clock_ahead_seconds=LIFETIME + 1.0)
        (answer,) = processes.run(at=at)
        if "killed" not in answer:
            assert answer["token"], answer
            break
        dead = f"{at}: {answer['killed']}"
        left = ledger.tokens.find(ACCOUNT)
        # Others find it right away, and again when the dead one's time is over: by then nobody waits any more.
        sandbox.settings(clock_ahead_seconds=LIFETIME + CLAIM_SECONDS + 2.0)
        after = processes.run(count=4, acts=True, ahead=LIFETIME + CLAIM_SECONDS + 2)
        stored = ledger.tokens.find(ACCOUNT)
        said = {answer.get("user") or answer["error"] for answer in after}
        assert len(said) == 1, (dead, after)
        assert len(refreshes()) <= 2, (dead, refreshes())
        if said == {"alice"}:
            assert stored.state is TokenState.GOOD, dead
            became[dead] = "works"
        else:
            assert said == {"XNeedsLogin"}, (dead, after)
            assert stored.state is TokenState.NEEDS_LOGIN, dead
            assert left.refreshing_by is not None, dead
            assert all("broke off" in answer["words"] for answer in after)
            became[dead] = "needs login"
    else:
        pytest.fail("the refresh has no end")
    sys.stdout.writelines(f"{became[step]:12} {step}\n" for step in became)
    assert set(became.values()) == set(OUTCOMES)
    # Once the new pair is in the ledger, and before the claim is, dying costs nothing.
    order = [became[step] for step in became]
    first, last = order.index("needs login"), len(order) - 1 - order[::-1].index("needs login")
    assert set(order[first : last + 1]) == {"needs login"}
    assert set(order[:first]) == {"works"}
