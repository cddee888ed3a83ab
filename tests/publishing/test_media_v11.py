"""A connection whose files go by API v1.1: all that a post can carry, from the entry to X."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import requests
from drafting import make_film, make_video

from x_provider.calendar import PartSpec, SubtitlesSpec, VideoSpec
from x_provider.client import OAuth1, Timeouts, XClient, XPlanLacks
from x_provider.ledger import PartState, month_of

CUES = b"1\n00:00:00,000 --> 00:00:01,000\nGood evening\n"
UPLOAD = {"method": "POST", "path": "/1.1/media/upload.json"}


@pytest.fixture
def client(sandbox):
    client = XClient(
        sandbox.url,
        OAuth1(*sandbox.keys()),
        timeouts=Timeouts(connect=2, read=2),
        media_api="1.1",
        upload_base_url=sandbox.url,
    )
    yield client
    client.close()
    by = {seen["path"].split("/")[1] for seen in sandbox.requests() if "/media/" in seen["path"]}
    assert by == {"1.1"}


@pytest.fixture
def fire_to_the_end(sandbox, publisher, clock):
    """Fire a post until nothing more is to come of it; what it waits for passes on X as well."""

    def fire_to_the_end(post):
        for _ in range(30):
            fired = publisher.fire(post.id)
            if fired.retry_at is None:
                return fired
            clock.ahead += max((fired.retry_at - clock()).total_seconds(), 0.2)
            sandbox.settings(clock_ahead_seconds=clock.ahead)
        raise AssertionError(fired.why)

    return fire_to_the_end


def test_a_thread_with_everything_arrives_byte_for_byte(
    sandbox, fire_to_the_end, plan, picture, tmp_path, ledger, clock
):
    words = tmp_path / "words.srt"
    words.write_bytes(CUES)
    subtitles = SubtitlesSpec(
        source=str(words),
        sha256=hashlib.sha256(CUES).hexdigest(),
        media_type="text/srt",
        language="EN",
        name="English",
    )
    pictures = [picture(f"{number}.png", colour=(number, 0, 0)) for number in range(4)]
    film = make_film(tmp_path / "meteors.gif", alt="Meteors")
    video = make_video(tmp_path / "saturn.mp4").model_copy(
        update={"sensitive": ["graphic_violence"], "subtitles": [subtitles]}
    )
    post = plan(
        PartSpec(text="Pictures", media=pictures),
        PartSpec(text="A GIF", media=[film]),
        PartSpec(text="A video", media=[video], video=VideoSpec(title="Saturn", preview=pictures[0])),
    )
    fired = fire_to_the_end(post)
    assert fired.post.state is PartState.POSTED, fired.why
    on_x = [media for shown in reversed(sandbox.posts()) for media in shown["media"]]
    sent = [*pictures, film, video]
    for media, spec in zip(on_x, sent, strict=True):
        content = requests.get(f"{sandbox.url}/_sandbox/media/{media['id']}", timeout=5).content
        assert content == Path(spec.source).read_bytes()
        assert media["alt_text"] == spec.alt
    assert on_x[-1]["sensitive"] == ["graphic_violence"]
    assert [track["display_name"] for track in on_x[-1]["subtitles"]] == ["English"]
    cost = {each.kind: each.units for each in ledger.charges.by_kind("x_default", month_of(clock()))}
    assert cost == {"post_create": 3, "media_metadata": 7, "user_read": 1}


@pytest.mark.parametrize("kind", ["picture", "film"])
def test_an_app_that_has_lost_v11_is_told_what_to_set_and_the_post_ends(
    sandbox, publisher, plan, picture, tmp_path, kind
):
    sandbox.settings(v11_upload=False)
    media = picture() if kind == "picture" else make_film(tmp_path / "meteors.gif")
    post = plan(PartSpec(text="Look", media=[media]), due_in=60)
    with pytest.raises(XPlanLacks, match="set the connection's media_api to 2"):
        publisher.prepare(post.id)
    assert publisher.ledger.posts.get(post.id).state is PartState.REFUSED


@pytest.mark.parametrize("fault", ["drop_before_commit", "drop_after_commit"])
def test_lost_answers_of_an_upload_leave_one_post_with_its_file(
    sandbox, fire_to_the_end, plan, tmp_path, fault
):
    sandbox.faults(fault, times=4, **UPLOAD)
    post = plan(PartSpec(text="A GIF", media=[make_film(tmp_path / "meteors.gif")]))
    fired = fire_to_the_end(post)
    assert fired.post.state is PartState.POSTED, fired.why
    (shown,) = sandbox.posts()
    assert len(shown["media"]) == 1
