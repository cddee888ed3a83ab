"""docs/calendar.md names every field, and its examples are sound."""

from __future__ import annotations

import re
from pathlib import Path

import pendulum
import pytest
from media_samples import MADE
from PIL import Image

from x_provider.calendar import read_calendar
from x_provider.calendar.entries import entry_fields
from x_provider.calendar.header import HEADER_FIELDS
from x_provider.calendar.model import MediaSpec, PollSpec, SubtitlesSpec, VideoSpec
from x_provider.calendar.sequels import FOLLOW_UP_ACTS
from x_provider.media import MediaSources

DOCS = (Path(__file__).parents[2] / "docs" / "calendar.md").read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL) if block.startswith("    ")]
NOW = pendulum.datetime(2026, 11, 20, 12)
FOUND_IN_FILES = {"source", "sha256", "size", "media_type", "category", "width", "height"}
WRITTEN_OTHERWISE = {"duration_minutes", "duration_seconds"}


@pytest.mark.parametrize(
    "name", [*HEADER_FIELDS, *entry_fields(), "after", "likes", "within", *FOLLOW_UP_ACTS, "hosts"]
)
def test_every_field_is_in_the_docs(name):
    assert re.search(rf"`[^`]*\b{name}\b|^[^|]*\b{name}:", DOCS, re.MULTILINE)


@pytest.mark.parametrize("model", [MediaSpec, SubtitlesSpec, VideoSpec, PollSpec])
def test_every_field_of_a_file_or_poll_is_in_an_example(model):
    for name in set(model.model_fields) - FOUND_IN_FILES - WRITTEN_OTHERWISE:
        assert f"{name}:" in DOCS, name


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_sound(example, read, tmp_path):
    (tmp_path / "media").mkdir()
    for name in ("media/aurora.jpg", "media/chart.png", "aurora-3.jpg"):
        Image.new("RGB", (64, 36)).save(tmp_path / name)
    MADE["good.mp4"](tmp_path / "media" / "dome.mp4")
    (tmp_path / "media" / "dome.en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    store = MediaSources(open_object=lambda url: (tmp_path / url.rpartition("/")[2]).open("rb"))
    # Nobody answers at the address of the example; alternatives for one field are tried one by one.
    example = re.sub(r"https://press\.example\.org/aurora-2", "media/aurora", example)
    alternatives = example.splitlines(keepends=True) if example.count("    at: ") > 1 else [example]
    for entry in alternatives:
        due = "" if "at: " in entry else "    at: now + 1 h\n"
        text = "" if re.search(r"^    (text|thread):", entry, re.MULTILINE) else "    text: Hello\n"
        reading = read(f"  - id: example\n{due}{text}{entry}", sources=store)
        assert [str(found) for found in reading.findings if found.severity == "error"] == []
        assert len(reading.calendar.posts) == 1


def test_the_calendar_of_the_first_example_is_sound(tmp_path):
    file = tmp_path / "december.yaml"
    file.write_text(re.search(r"```yaml\n(calendar:.*?)```", DOCS, re.DOTALL)[1], encoding="utf-8")
    reading = read_calendar(file, now=NOW)
    assert reading.findings == []
    assert len(reading.calendar.posts) == len(reading.calendar.blackouts) == 1
