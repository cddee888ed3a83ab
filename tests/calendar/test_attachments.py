"""Pictures and videos of a post wherever they are, and all that an entry can say about them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import BinaryIO

import pendulum
import pytest
from media_samples import MADE
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


def test_fit_promises_nothing_where_only_cutting_would_help(read, tmp_path):
    MADE["endless.mp4"](tmp_path / "endless.mp4")
    reading = read("  - {id: a, at: now, text: A, media: [{file: endless.mp4, fit: true}]}\n")
    (error,) = errors(reading)
    assert error.startswith("media[0].file: endless.mp4: 8,000 s; X takes a duration of 1,200 s at most")
    assert "re-encoded" not in error


def test_fit_leaves_the_doubt_about_a_long_video_as_it_is(read, tmp_path):
    MADE["long.mp4"](tmp_path / "long.mp4")
    reading = read("  - {id: a, at: now, text: A, media: [{file: long.mp4, fit: true}]}\n")
    assert "long.mp4: 150 s; X may refuse a duration above 140 s" in [f.message for f in reading.findings]
    assert errors(reading) == []


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_fit_would_stop_a_picture_that_moves(read, tmp_path, format):
    still, other = (Image.new("RGB", (64, 36), (shade, 20, 60)) for shade in (10, 200))
    name, much = f"moving.{format.lower()}", b"x" * 5_300_000
    words = PngInfo()
    words.add(b"juNk", much)
    still.save(tmp_path / name, format, save_all=True, append_images=[other], pnginfo=words, xmp=much)
    (error,) = errors(read(f"  - {{id: a, at: now, media: [{{file: {name}, alt: A, fit: true}}]}}\n"))
    assert error.endswith("at most; it moves, and would not when made to fit")


@pytest.mark.parametrize(
    ("first", "second", "is_sound"),
    [
        ("file: a.png, alt: A", "file: a.png, alt: A", False),
        ("file: a.png, alt: A", "file: copy.png, alt: A", False),
        ("file: a.png, alt: A", "file: a.png, alt: B", True),
        ("file: a.png, alt: A", "file: a.png, alt: A, fit: true", True),
        ("file: a.png, alt: A", "file: a.png, alt: A, sensitive: [other]", True),
        ("file: a.png, alt: A", "file: b.png, alt: A", True),
    ],
)
def test_the_same_picture_twice_in_one_post_is_an_error(read, picture, first, second, is_sound):
    for name, size in (("a.png", (32, 24)), ("copy.png", (32, 24)), ("b.png", (32, 32))):
        picture(name, size=size)
    found = errors(read(f"  - {{id: a, at: now, media: [{{{first}}}, {{file: b.png}}, {{{second}}}]}}\n"))
    assert [error.partition(" is the same")[0] for error in found] == (
        [] if is_sound else [f"media[2].file: {second.partition(': ')[2].partition(',')[0]}"]
    )


def test_the_same_picture_in_two_parts_is_fine(read, picture):
    picture("a.png")
    part = "{text: T, media: [{file: a.png, alt: A}]}"
    assert errors(read(f"  - {{id: a, at: now, thread: [{part}, {part}]}}\n")) == []


@pytest.mark.parametrize(
    "entry",
    [
        "media: [{{file: '{}', alt: A}}]",
        "media: '{}'",
        "reply_to: '{}'",
        "nullcast: '{}'",
        "reply_settings: '{}'",
        "direct_message_deep_link: '{}'",
        "media: [{{file: a.png, alt: A, sensitive: ['{}']}}]",
        "media: [{{file: a.png, alt: A, subtitles: [{{file: '{}', language: EN, name: E}}]}}]",
    ],
)
@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/b/a.png?X-Sig=hush",
        " https://127.0.0.1/b/a.png?X-Sig=hush",
        "https:/127.0.0.1/b/a.png?X-Sig=hush",
        "https:127.0.0.1/b?X-Sig=hush",
        "./https://127.0.0.1/b/a.png?X-Sig=hush",
    ],
)
def test_no_finding_shows_what_signs_an_address(read, picture, entry, url):
    picture("a.png")
    reading = read(f"  - {{id: a, at: now, text: A, {entry.format(url)}}}\n")
    assert errors(reading) != []
    assert "hush" not in "".join(str(finding) for finding in reading.findings)


@pytest.mark.parametrize("source", ["https:/b/a.png?sig=hush", "HTTP:b/a.png", "media/https://b/a.png"])
def test_an_address_with_a_slip_is_not_taken_for_a_path(read, source):
    (error,) = errors(read(f"  - {{id: a, at: now, media: [{{file: '{source}', alt: A}}]}}\n"))
    assert error.endswith(" is neither an address nor a path")


def test_space_around_a_source_does_not_count(read, store, picture):
    picture("a.png")
    media = "[{file: ' s3://bucket/large.jpg ', alt: A}, {file: ' a.png', alt: A}]"
    reading = read(f"  - {{id: a, at: now, media: {media}}}\n", sources=store.sources)
    assert [spec.source.rpartition("/")[2] for spec in reading.calendar.posts[0].parts[0].media] == [
        "large.jpg",
        "a.png",
    ]


VIDEO = """
  - id: a
    at: 2026-12-01 09:00
    text: {text}
    media:
      - file: s3://bucket/good.mp4
        subtitles: [{{file: "s3://bucket/english.srt", language: EN, name: English}}]
    video: {{preview: "s3://bucket/large.jpg"}}
"""


@pytest.fixture
def read_again(read, store):
    """Reads the entry as one that is planned as the first reading said."""
    post = read(VIDEO.format(text="A"), sources=store.sources).calendar.posts[0]
    store.opened.clear()
    (part,) = post.parts
    (medium,) = part.media
    files = {file.source: file for file in (medium, *medium.subtitles, part.video.preview)}

    def read_again(text="A", state="planned"):
        known = {"a": KnownPost(post.revision, state, post.due_at)}
        reading = read(
            VIDEO.format(text=text),
            known=lambda _: known,
            planned_files=lambda calendar, id: files if (calendar, id) == ("plan", "a") else {},
            sources=store.sources,
        )
        return reading.calendar.posts[0], post

    return read_again


def test_what_is_planned_as_it_says_is_not_fetched_again(read_again, store):
    again, post = read_again()
    assert (again, store.opened) == (post, {})


@pytest.mark.parametrize("changed", [{"text": "B"}, {"state": "refused"}, {"state": "missed"}])
def test_an_entry_that_has_changed_or_stopped_is_fetched_anew(read_again, store, changed):
    read_again(**changed)
    assert set(store.opened.values()) == {1}
    assert len(store.opened) == 3


def test_aliases_in_an_entry_are_looked_into_once(read):
    layers = "".join(f"    x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12))
    entry = f"  - id: a\n    at: now\n    text: A\n    x0: &x0 [A]\n{layers}"
    known = {"a": KnownPost("r", "planned", NOW)}
    reading = read(entry, known=lambda _: known, planned_files=lambda calendar, id: {})
    assert reading.calendar.broken == {"a"}
