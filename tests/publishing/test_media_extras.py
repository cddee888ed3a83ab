"""Files from elsewhere, and what belongs to them: subtitles, warnings, a picture before the video plays."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
import requests
from drafting import described, make_film, make_video
from PIL import Image

from x_provider.calendar import PartSpec, SubtitlesSpec, VideoSpec
from x_provider.ledger import PartState, month_of
from x_provider.media import MediaError, MediaSources
from x_provider.publishing import Publisher

CUES = b"1\n00:00:00,000 --> 00:00:01,000\nGood evening\n"


class Store:
    """Objects by their URL; one that is None cannot be reached."""

    def __init__(self):
        self.objects: dict[str, bytes | None] = {}

    def open(self, url):
        content = self.objects.get(url)
        if content is None:
            raise MediaError(f"{url} cannot be reached", "Try again later", may_pass=True)
        return BytesIO(content)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def words():
    return []


@pytest.fixture
def publisher(ledger, client, clock, store, words):
    sources = MediaSources(open_object=store.open)
    return Publisher(ledger, client, account="x_default", sources=sources, clock=clock, report=words.append)


@pytest.fixture
def stored(store, picture):
    """A picture that lies in a store, as the calendar describes it."""
    local = picture()
    store.objects["s3://bucket/dome.png"] = Path(local.source).read_bytes()
    return local.model_copy(update={"source": "s3://bucket/dome.png"})


@pytest.fixture
def film(tmp_path):
    """A video on disk, with what its entry says of it."""
    video = make_video(tmp_path / "saturn.mp4")

    def film(**said):
        return video.model_copy(update=said)

    return film


def bytes_on_x(sandbox, media):
    return hashlib.sha256(requests.get(f"{sandbox.url}/_sandbox/media/{media['id']}").content).hexdigest()


@pytest.mark.parametrize("what", ["written to", "replaced", "removed"])
def test_a_file_that_changes_while_it_is_uploaded_is_not_used(
    sandbox, ledger, client, clock, plan, picture, tmp_path, what
):
    local = picture()
    path = Path(local.source)

    def report(words):
        if words.startswith("uploading"):
            other = Path(picture("other.png", colour=(200, 0, 0)).source)
            if what == "written to":
                path.write_bytes(other.read_bytes())
            elif what == "replaced":
                other.replace(path)
            else:
                path.rename(tmp_path / "gone.png")

    publisher = Publisher(ledger, client, account="x_default", clock=clock, report=report)
    post = plan(PartSpec(text="Look", media=[local]))
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert "dome.png" in fired.why
    assert sandbox.posts() == []


def test_a_file_that_cannot_be_read_is_waited_for_with_words(publisher, plan, picture):
    local = picture()
    post = plan(PartSpec(text="Look", media=[local]))
    Path(local.source).unlink()
    Path(local.source).symlink_to(local.source)
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert fired.retry_at is not None
    assert "dome.png cannot be read (Too many levels of symbolic links)" in fired.why


def test_a_picture_from_a_store_reaches_x_byte_by_byte(sandbox, publisher, plan, stored):
    post = plan(PartSpec(text="From afar", media=[stored]))
    assert publisher.fire(post.id).post.state is PartState.POSTED
    (media,) = sandbox.posts()[0]["media"]
    assert bytes_on_x(sandbox, media) == stored.sha256
    assert media["alt_text"] == "A dome at night"


def test_a_store_that_is_down_is_asked_again_while_the_post_is_within_its_grace(
    publisher, plan, store, stored, clock
):
    content, store.objects["s3://bucket/dome.png"] = store.objects["s3://bucket/dome.png"], None
    post = plan(PartSpec(text="From afar", media=[stored]), grace=600)
    waiting = publisher.fire(post.id)
    assert waiting.retry_at is not None
    assert "cannot be reached" in waiting.why
    store.objects["s3://bucket/dome.png"] = content
    clock.ahead = 60
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_store_that_stays_down_ends_the_post_with_its_grace(publisher, plan, store, stored, clock):
    store.objects.clear()
    post = plan(PartSpec(text="From afar", media=[stored]), grace=600)
    clock.ahead = 601
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.REFUSED, None)


def test_an_object_that_has_changed_since_is_not_sent(sandbox, publisher, plan, store, stored):
    store.objects["s3://bucket/dome.png"] += b"\0"
    post = plan(PartSpec(text="From afar", media=[stored]))
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert "has changed" in fired.why
    assert sandbox.posts() == []


def test_warnings_and_subtitles_are_on_x_before_the_post(sandbox, publisher, plan, film, store):
    store.objects["s3://bucket/en.srt"] = CUES
    subtitles = SubtitlesSpec(
        source="s3://bucket/en.srt",
        sha256=hashlib.sha256(CUES).hexdigest(),
        media_type="text/srt",
        language="EN",
        name="English",
    )
    video = film(sensitive=["graphic_violence"], subtitles=[subtitles])
    post = plan(PartSpec(text="A film", media=[video]))
    sandbox.settings(processing_seconds=0)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    (media,) = sandbox.posts()[0]["media"]
    assert media["sensitive"] == ["graphic_violence"]
    assert [each["language_code"] for each in media["subtitles"]] == ["EN"]


def test_alt_text_and_warnings_of_a_file_are_paid_for_once(sandbox, publisher, plan, film, ledger, clock):
    post = plan(PartSpec(text="A film", media=[film(alt="Saturn", sensitive=["other"])]))
    publisher.prepare(post.id)
    assert [r["status"] for r in sandbox.requests() if r["path"] == "/2/media/metadata"] == [200]
    paid = {each.kind: each.units for each in ledger.charges.by_kind("x_default", month_of(clock()))}
    assert paid["media_metadata"] == 1


def test_the_same_film_with_other_subtitles_is_another_upload(ledger, publisher, plan, film):
    for key, sensitive in (("plain", []), ("warned", ["other"]), ("warned-again", ["other"])):
        post = plan(PartSpec(text=key, media=[film(sensitive=sensitive)]), key=key, due_in=3600)
        publisher.prepare(post.id)
    with ledger.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT extras, described FROM x_media ORDER BY id").all()
    assert len(rows) == 2
    assert all(row.described for row in rows)


def test_a_picture_stands_for_the_video_until_it_plays(sandbox, publisher, plan, film, picture):
    part = PartSpec(text="A film", media=[film()], video=VideoSpec(title="Saturn", preview=picture()))
    post = plan(part)
    sandbox.settings(processing_seconds=0)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(sandbox.posts()[0]["media"]) == 1


def test_x_is_told_which_file_stands_for_the_video(sandbox, publisher, plan, film, tmp_path):
    no_picture = make_film(tmp_path / "moving.gif")
    post = plan(PartSpec(text="A film", media=[film()], video=VideoSpec(preview=no_picture)))
    sandbox.settings(processing_seconds=0)
    publisher.fire(post.id)  # what X does not take is uploaded once more
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert "media IDs are invalid" in fired.why


def test_a_file_that_x_would_refuse_is_made_to_fit_and_it_is_said_how(
    sandbox, publisher, plan, tmp_path, words
):
    path = tmp_path / "dome.bmp"
    Image.new("RGB", (64, 36), (10, 20, 60)).save(path)
    spec = described(path).model_copy(update={"fit": "default"})
    post = plan(PartSpec(text="A bitmap", media=[spec]))
    assert publisher.fire(post.id).post.state is PartState.POSTED
    (media,) = sandbox.posts()[0]["media"]
    assert bytes_on_x(sandbox, media) != spec.sha256
    assert any("was made to fit" in each for each in words)


def test_a_file_that_fits_is_sent_as_it_is_although_it_might_be_changed(sandbox, publisher, plan, picture):
    spec = picture().model_copy(update={"fit": "default"})
    post = plan(PartSpec(text="A picture", media=[spec]))
    assert publisher.fire(post.id).post.state is PartState.POSTED
    (media,) = sandbox.posts()[0]["media"]
    assert bytes_on_x(sandbox, media) == spec.sha256
