"""Calendars written for one test each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pendulum
import pytest
from PIL import Image

from x_provider.calendar import Reading, read_calendar

NOW = pendulum.datetime(2026, 11, 20, 12)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Reading]:
    """Reads the entries given as YAML, as those of a calendar in Berlin."""

    def read_entries(posts: str, *, head: str = "", **options) -> Reading:
        file = tmp_path / "plan.yaml"
        file.write_text(f"calendar: plan\ntimezone: Europe/Berlin\n{head}\nposts:\n{posts}", encoding="utf-8")
        return read_calendar(file, **{"now": NOW, **options})

    return read_entries


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a picture beside the calendar."""

    def write(name: str, format: str = "PNG", size: tuple[int, int] = (32, 24), frames: int = 1) -> Path:
        images = [Image.new("RGB", size, (index * 40 % 256, 90, 120)) for index in range(frames)]
        path = tmp_path / name
        extra = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
        images[0].save(path, format=format, **extra)
        return path

    return write
