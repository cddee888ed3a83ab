"""Pictures and videos of a post wherever they are, and all that an entry can say about them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import BinaryIO

import pendulum
import pytest
from media_samples import MADE

from x_provider.calendar import KnownPost, read_entry
from x_provider.media import MediaError, MediaSources

SRT = "1\n00:00:00,000 --> 00:00:01,000\nThe dome opens.\n"
NOW = pendulum.datetime(2026, 11, 20, 12)


class Store:
    """Objects in a folder; counts how often each was opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: Counter[str] = Counter()
        self.sources = MediaSources(open_object=self._open)

    def _open(self, url: str) -> BinaryIO:
        self.opened[url] += 1
        path = self._folder / url.rpartition("/")[2]
        if not path.exists():
            raise MediaError(f"{url} cannot be reached", "Try again later", may_pass=True)
        return path.open("rb")


@pytest.fixture
def store(tmp_path) -> Store:
    folder = tmp_path / "store"
    folder.mkdir()
    MADE["good.mp4"](folder / "good.mp4")
    MADE["large.jpg"](folder / "large.jpg")
    (folder / "english.srt").write_text(SRT, encoding="utf-8")
    return Store(folder)


def errors(reading) -> list[str]:
    return [f"{found.field}: {found.message}" for found in reading.findings if found.severity == "error"]


def test_a_file_may_be_in_a_store_and_keeps_its_address(read, store):
    url = "s3://aws_default@bucket/press/large.jpg"
    reading = read(f"  - {{id: a, at: now, media: [{{file: '{url}', alt: A}}]}}\n", sources=store.sources)
    (spec,) = reading.calendar.posts[0].parts[0].media
    assert (spec.source, spec.media_type, spec.size) == (url, "image/jpeg", 5_000_001)
    assert [finding.message for finding in reading.findings] == [
        "large.jpg: 5.0 MB; X may refuse a size above 5.0 MB"
    ]


def test_what_is_named_twice_is_fetched_once_a_reading(read, store):
    url, missing = "s3://bucket/good.mp4", "s3://bucket/none.mp4"
    entries = "".join(
        f"  - {{id: p{n}, at: now, text: Number {n}, media: [{{file: '{source}'}}]}}\n"
        for n, source in enumerate([url, url, missing, missing])
    )
    reading = read(entries, sources=store.sources)
    assert [post.id for post in reading.calendar.posts] == ["p0", "p1"]
    assert store.opened == {url: 1, missing: 1}
    assert all(finding.may_pass for finding in reading.findings if finding.severity == "error")


def test_nothing_is_fetched_for_what_is_on_x_already(read, store):
    entry = "  - {id: a, at: 2026-01-01 09:00, text: A, media: [{file: 's3://bucket/good.mp4'}]}\n"
    known = {"a": KnownPost("r", "posted", pendulum.datetime(2026, 1, 1, 8))}
    reading = read(entry, known=lambda name: known, sources=store.sources)
    assert (reading.findings, store.opened) == ([], {})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("http://example.org/a.jpg", "Write https://"),
        ("https://127.0.0.1/a.jpg", "127.0.0.1"),
        ("s3://bucket/a.jpg", "there is no store for s3:// here"),
    ],
)
def test_a_source_that_cannot_be_is_an_error(read, source, words):
    reading = read(f"  - {{id: a, at: now, media: [{{file: '{source}', alt: A}}]}}\n")
    assert reading.calendar.broken == {"a"}
    assert words in str(reading.findings[0])


def test_all_that_can_be_said_about_a_video(read, store):
    entry = """
  - id: a
    at: now
    text: The dome
    media:
      - file: s3://bucket/good.mp4
        alt: The dome opens
        sensitive: [graphic_violence, other]
        subtitles:
          - {file: s3://bucket/english.srt, language: EN, name: English}
    video:
      title: The dome
      embeddable: true
      preview: s3://bucket/large.jpg
      visit_site: https://example.org
      play_store_id: org.example
    """
    reading = read(entry, sources=store.sources)
    assert errors(reading) == []
    part = reading.calendar.posts[0].parts[0]
    (media,) = part.media
    assert (media.alt, media.sensitive) == ("The dome opens", ["graphic_violence", "other"])
    (subtitles,) = media.subtitles
    assert (subtitles.source, subtitles.media_type) == ("s3://bucket/english.srt", "text/srt")
    assert (subtitles.language, subtitles.name) == ("EN", "English")
    assert (part.video.title, part.video.embeddable, part.video.preview.source) == (
        "The dome",
        True,
        "s3://bucket/large.jpg",
    )
    assert (part.video.visit_site, part.video.play_store_id) == ("https://example.org", "org.example")


@pytest.mark.parametrize(
    ("media", "video", "error"),
    [
        (
            "sensitive: [violence]",
            "",
            "media[0].sensitive[0]: must be one of adult_content, graphic_violence, other",
        ),
        (
            "subtitles: [{file: a.srt, language: en, name: E}]",
            "",
            "media[0].subtitles[0].language: must be two capital",
        ),
        (
            "subtitles: [{file: none.srt, language: EN, name: E}]",
            "",
            "media[0].subtitles[0].file: there is no file",
        ),
        ("subtitles: [{file: a.srt, language: EN}]", "", "media[0].subtitles[0].name: is missing"),
        (
            "subtitles: [{file: a.srt, language: EN, name: A}, {file: a.srt, language: EN, name: B}]",
            "",
            "media[0].subtitles[1].language: EN is there twice",
        ),
        ("fit: perhaps", "", "media[0].fit: must be true or false"),
        ("", "{preview: good.mp4}", "video.preview: good.mp4 is no picture"),
        ("", "{preview: none.png}", "video.preview: there is no file"),
        ("", "{visit_site: example.org}", "video.visit_site: must be an address"),
        ("", "{titel: A}", 'video."titel": is no field'),
    ],
)
def test_a_slip_of_the_pen_is_named_with_its_place(read, tmp_path, media, video, error):
    MADE["good.mp4"](tmp_path / "good.mp4")
    (tmp_path / "a.srt").write_text(SRT, encoding="utf-8")
    entry = f"  - {{id: a, at: now, media: [{{file: good.mp4, {media}}}], video: {video or '{title: A}'}}}\n"
    reading = read(entry)
    assert reading.calendar.broken == {"a"}
    assert any(found.startswith(error) for found in errors(reading)), errors(reading)


@pytest.mark.parametrize(("head", "fit"), [("", "default"), ("premium: true", "premium")])
def test_what_x_would_refuse_is_no_error_where_it_may_be_made_to_fit(read, tmp_path, head, fit):
    MADE["huge.jpg"](tmp_path / "huge.jpg")
    entry = "  - {{id: a, at: now, media: [{{file: huge.jpg, alt: A{}}}]}}\n"
    assert errors(read(entry.format(""), head=head)) != []
    reading = read(entry.format(", fit: true"), head=head)
    (finding,) = reading.findings
    assert finding.severity == "warning"
    assert finding.message.endswith("it is re-encoded, as fit: true says")
    assert reading.calendar.posts[0].parts[0].media[0].fit == fit


def test_how_long_a_video_may_be_depends_on_premium(read, tmp_path):
    MADE["endless.mp4"](tmp_path / "endless.mp4")
    entry = "  - {id: a, at: now, text: A, media: [{file: endless.mp4}]}\n"
    assert "without Premium" in errors(read(entry))[0]
    assert "without Premium" not in "".join(errors(read(entry, head="premium: true")))


def test_a_dag_names_files_alone_wherever_parts_are(tmp_path, store):
    url = "s3://bucket/large.jpg"
    entry = {
        "thread": [{"text": "A"}, {"media": [url]}],
        "first_comment": {"media": [url]},
        "follow_ups": [{"likes": 5, "within": "1 day", "media": [url]}],
    }
    reading = read_entry(
        entry,
        id="a",
        account="x_default",
        timezone="UTC",
        folder=tmp_path,
        now=NOW,
        source="task a.b",
        sources=store.sources,
    )
    post = reading.post
    assert [len(part.media) for part in (*post.parts, post.follow_ups[0].part)] == [0, 1, 1, 1]
    assert store.opened == {url: 1}
