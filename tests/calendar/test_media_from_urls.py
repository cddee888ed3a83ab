"""Entries whose files lie behind https URLs, which nobody here can rename."""

from __future__ import annotations

import io

import pytest
from internet import Internet, reply
from PIL import Image

from x_provider.media import MediaSources


def encoded(format: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), (40, 90, 120)).save(file, format=format)
    return file.getvalue()


@pytest.fixture
def site(tmp_path_factory):
    internet = Internet(tmp_path_factory.mktemp("internet"), encoded("PNG"))
    server = internet.site("press.example", "93.184.215.14")
    server.sources = MediaSources(internet.fetcher())
    yield server
    internet.stop()


def test_what_a_url_gives_is_what_its_bytes_say(read, site):
    site.answers["/photo.jpg"] = reply(encoded("WEBP"), Content_Type="image/jpeg")
    entry = "  - {id: a, at: now, text: A, media: [{file: 'https://press.example/photo.jpg', alt: A}]}\n"
    reading = read(entry, sources=site.sources)
    assert reading.findings == []
    (media,) = reading.calendar.posts[0].parts[0].media
    assert media.media_type == "image/webp"


def test_a_share_link_is_told_from_the_file_that_it_shows(read, site):
    site.answers["/share/photo.jpg"] = reply(b"<!DOCTYPE html><title>photo.jpg</title>")
    file = "{file: 'https://press.example/share/photo.jpg', alt: A}"
    (found,) = read(f"  - {{id: a, at: now, text: A, media: [{file}]}}\n", sources=site.sources).findings
    assert found.field == "media[0].file"
    assert "its server gives a web page, not a file" in found.message
    assert "the direct address of the file" in found.hint
