"""Bringing the numbers back."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.operators.insights import XFetchMetricsOperator
from x_provider.operators.publishing import XCreatePostOperator


@pytest.fixture
def tonight():
    """When the night's run begins, after everything that a test posts."""
    return pendulum.now("UTC").add(hours=2).start_of("hour")


@pytest.fixture
def published(result_of, set_up):
    """The id on X of a post of this account."""
    (x_id,) = result_of(XCreatePostOperator, **set_up.ids, text="Measure me")["x_ids"]
    return x_id


@pytest.fixture
def fetch(result_of, set_up, tonight):
    """Run the operator in the run of a night."""
    return lambda night=tonight: result_of(XFetchMetricsOperator, **set_up.ids, logical_date=night)


def test_every_post_gets_a_row_of_the_night(fetch, set_up, tonight, published):
    fetched = fetch()
    assert fetched == {"account": set_up.x_conn_id, "asked": 1, "stored": 1, "silent": []}
    (row,) = set_up.ledger.snapshots.of_post(published)
    assert row.covers_until == tonight
    assert row.likes is not None


def test_the_same_night_again_adds_nothing_and_asks_x_nothing(fetch, set_up, sandbox, published):
    fetch()
    rows = set_up.ledger.snapshots.of_post(published)
    asked = len(sandbox.requests())
    assert fetch()["asked"] == 0
    assert set_up.ledger.snapshots.of_post(published) == rows
    assert len(sandbox.requests()) == asked


def test_the_next_night_adds_its_own_row(fetch, set_up, tonight, published):
    fetch()
    fetch(tonight.add(days=1))
    assert len(set_up.ledger.snapshots.of_post(published)) == 2


def test_an_account_without_posts_has_nothing_to_measure(fetch):
    assert fetch()["asked"] == 0
