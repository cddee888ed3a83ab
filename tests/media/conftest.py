from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media_samples import MADE


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of that name, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("album")

    def made(name: str) -> Path:
        path = folder / name
        return path if path.exists() else MADE[name](path)

    return made
