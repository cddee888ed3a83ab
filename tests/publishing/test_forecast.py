"""What a plan will cost is said before any of it is sent."""

from __future__ import annotations

from decimal import Decimal

import pendulum
import pytest

from x_provider.calendar import (
    Calendar,
    FollowUpSpec,
    KnownPost,
    MediaSpec,
    PartSpec,
    PostSpec,
    SubtitlesSpec,
    plan,
)
from x_provider.ledger import Cost
from x_provider.publishing.forecast import forecast, forecast_of

NOW = pendulum.datetime(2026, 12, 1, 8)
TOMORROW = NOW.add(days=1)
LINK = "Tickets: example.com"
LIKED = FollowUpSpec(likes=9, within_seconds=60, repost=True, part=PartSpec(text=LINK))


def post(id, *parts, account="x_default", due_at=TOMORROW, **fields):
    parts = [PartSpec(text=part) if isinstance(part, str) else part for part in parts]
    return PostSpec(id=id, account=account, due_at=due_at, at="?", timezone="UTC", parts=parts, **fields)


def film(**fields):
    described = {"media_type": "video/mp4", "category": "tweet_video", "width": 1, "height": 1}
    return MediaSpec(source="/film.mp4", sha256="0", size=1, **described, **fields)


def planned(*posts, known=()):
    calendar = Calendar(name="december", timezone="UTC", account="x_default", posts=list(posts))
    return plan(calendar, dict(known), now=NOW)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (post("plain", "Hello"), "$0.015"),
        (post("link", LINK), "$0.200 instead of $0.015 because of its link example.com"),
        (
            post("unmeant", "Read readme.md first"),
            "$0.200 instead of $0.015 because of its link readme.md",
        ),
        (
            post("moved", "Tickets below", LINK),
            "$0.215 instead of $0.030 because of its link example.com",
        ),
        (
            post("two", LINK, f"{LINK} and a.de"),
            "$0.400 instead of $0.030 because of the links in 2 of its parts: example.com, a.de",
        ),
        (
            post("four", f"a.de b.de c.de d.de https://example.com/{'x' * 80}?key=secret"),
            "$0.200 instead of $0.015 because of its links a.de, b.de, c.de, …",
        ),
        (
            post("long", f"https://example.com/{'x' * 80}"),
            f"$0.200 instead of $0.015 because of its link https://example.com/{'x' * 39}…",
        ),
        (
            post("film", PartSpec(text="Look", media=[film(alt="A dome", sensitive=["other"])])),
            "$0.020, $0.005 of it for what is said about its media",
        ),
        (
            post("likes", "Hello", follow_ups=[LIKED]),
            "$0.015, and $0.215 once it finds its likes, up to $0.005 for looking whether it has",
        ),
        (
            post(
                "timed",
                "Hello",
                "World",
                follow_ups=[
                    FollowUpSpec(after_seconds=60, repost=True),
                    FollowUpSpec(after_seconds=90, undo_repost=True),
                    FollowUpSpec(after_seconds=120, delete=True),
                ],
            ),
            "$0.030, and $0.045 for what follows it later",
        ),
    ],
    ids=lambda value: getattr(value, "id", ""),
)
def test_each_post_has_its_price_in_words(spec, words):
    assert str(forecast_of(spec)) == words


def test_subtitles_and_nightly_numbers_are_priced():
    subtitles = SubtitlesSpec(
        source="/a.srt", sha256="0", media_type="text/srt", language="EN", name="English"
    )
    found = forecast_of(post("film", PartSpec(text="Look", media=[film(subtitles=[subtitles, subtitles])])))
    assert (found.media_usd, found.insights) == (Decimal("0.010"), Decimal("0.150"))


def test_a_plan_s_lines_say_what_it_costs_by_account_and_month_against_the_budget(ledger):
    ledger.charges.add("x_default", Cost("user_read", Decimal("0.010")), what="me", at=NOW)
    ledger.charges.set_budget("x_default", Decimal("0.200"), by="eve", now=NOW)
    made = planned(
        post("plain", "Hello"),
        post("link", LINK),
        post("later", "Hello", due_at=NOW.add(months=1)),
        post("other", "Hello", account="x_other"),
    )
    found = forecast(made, ledger, now=NOW)
    lines = [*made.lines(found.notes()), *found.lines()]
    assert (
        "+ link   2026-12-02 08:00 UTC  text  $0.200 instead of $0.015 because of its link example.com"
        in lines
    )
    assert (
        "$ x_default 2026-12: 2 posts for $0.215, $0.185 of it for links; $0.010 is spent; budget $0.200: $0.025 TOO"
        " LITTLE, so that the last of them would not go out; `airflow x budget x_default --set USD` raises it"
    ) in lines
    assert "$ x_default 2027-01: 1 post for $0.015; budget $0.200" in lines
    assert "$ x_other 2026-12: 1 post for $0.015" in lines
    assert "about $0.600 if DAG x_insights reads these posts 30 nights long" in lines[-1]
    assert found.usd == Decimal("0.245")


def test_what_is_on_x_or_stopped_costs_nothing_more(ledger):
    posts = [post(state, "Hello") for state in ("planned", "posted", "refused", "missed")]
    known = {each.id: KnownPost(each.revision, each.id, each.due_at) for each in posts}
    found = forecast(planned(*posts, known=known), ledger, now=NOW)
    assert list(found.posts) == ["planned"]
    assert forecast(planned(), ledger, now=NOW).lines() == []


@pytest.mark.parametrize(
    ("within", "days"),
    [(pendulum.duration(minutes=5), 1), (pendulum.duration(hours=16), 2), (pendulum.duration(days=2), 3)],
)
def test_looking_for_likes_costs_a_read_a_utc_day(ledger, within, days):
    waiting = FollowUpSpec(likes=9, within_seconds=within.in_seconds(), repost=True)
    sooner = FollowUpSpec(likes=5, within_seconds=60, repost=True)
    waits = post("likes", "Hello", follow_ups=[sooner, waiting])
    assert forecast_of(waits).looking == days * Decimal("0.005")
    timed = post("timed", "Hello", follow_ups=[FollowUpSpec(after_seconds=60, delete=True)])
    assert (forecast_of(timed).looking, forecast_of(timed).later) == (0, Decimal("0.010"))
    assert "; what follows posts later: $0.010;" in forecast(planned(timed), ledger, now=NOW).lines()[-1]
    last = forecast(planned(waits, post("plain", "Hello")), ledger, now=NOW).lines()[-1]
    assert f"x_follow_up reads to see the likes: up to ${days * 0.005:.3f}, a read a post and UTC day" in last
    assert "x_follow_up" not in forecast(planned(post("plain", "Hello")), ledger, now=NOW).lines()[-1]
