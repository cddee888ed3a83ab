"""Empty ledgers that have their tables already: making those takes longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from x_provider.ledger.database import Database


def new_ledger(folder: Path) -> str:
    """Put a SQLite ledger into a folder that has none; its URL."""
    path = folder / "ledger.db"
    path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        database = Database(f"sqlite:///{path}")
        database.upgrade()
        database.dispose()
        return path.read_bytes()
