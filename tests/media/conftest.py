from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from internet import Internet
from media_samples import MADE
from PIL import Image


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of that name, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("album")

    def made(name: str) -> Path:
        path = folder / name
        return path if path.exists() else MADE[name](path)

    return made


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("RGB", (32, 24), (40, 90, 120)).save(file, format="PNG")
    return file.getvalue()


@pytest.fixture
def internet(tmp_path_factory: pytest.TempPathFactory, picture: bytes) -> Iterator[Internet]:
    """An internet of the test's own; who asks for what is not on it runs into its trap."""
    made = Internet(tmp_path_factory.mktemp("internet"), picture)
    yield made
    made.stop()
