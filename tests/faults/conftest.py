"""Worlds for the tests of this folder, two of each kind so that two cases run at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# The fork server imports these modules by their plain names, and so do the tests.
sys.path.insert(0, str(Path(__file__).parent))

from worlds import DATABASES, opened


@pytest.fixture(scope="session")
def postgres_server():
    """Where the tests may make databases; without a server they are skipped."""
    server = os.environ.get("X_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("X_TEST_POSTGRES_URL names no PostgreSQL server")
    return server


@pytest.fixture(scope="session")
def sqlite_worlds(tmp_path_factory):
    with opened(2, tmp_path_factory.mktemp("worlds") / "sqlite") as worlds:
        yield worlds


@pytest.fixture(scope="session")
def postgresql_worlds(tmp_path_factory, postgres_server):
    with opened(2, tmp_path_factory.mktemp("worlds") / "postgresql", postgres=postgres_server) as worlds:
        yield worlds


@pytest.fixture(params=DATABASES)
def database(request):
    return request.param


@pytest.fixture
def worlds(request, database):
    """Two worlds on the database."""
    return request.getfixturevalue(f"{database}_worlds")


@pytest.fixture
def nothing_wrong():
    """Hold a tally to the promise, and to having come through the steps that matter."""

    def check(tally, *, at_least=frozenset(), crashes=1):
        assert not tally.words, "\n".join(tally.words[:20])
        assert (tally.duplicates, tally.lost, tally.wrong_receipts, tally.wrong_content) == (0, 0, 0, 0)
        assert at_least <= set(tally.steps)
        assert tally.crashes >= crashes

    return check
