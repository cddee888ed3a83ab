"""What the page of one post is told."""

from __future__ import annotations

import json

import pendulum
import pytest
from drafting import plan_post
from new_ledger import new_ledger
from other_processes import send_without_answer

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.ledger import Engagement, FollowUpDraft, Ledger, Receipt
from x_provider.web.story import story_of


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(new_ledger(tmp_path))
    yield ledger
    ledger.database.dispose()


@pytest.mark.parametrize(
    ("source", "shown", "file"),
    [
        ("/srv/media/dome.png", "/srv/media/dome.png", "dome.png"),
        ("s3://aws_media@brand/may/dome.png", "s3://aws_media@brand/may/dome.png", "dome.png"),
        (
            "https://cdn.example.org/dome.png?X-Amz-Signature=c0ffee&v=2",
            "https://cdn.example.org/dome.png?X-Amz-Signature=…&v=…",
            "dome.png",
        ),
    ],
)
def test_it_names_the_files_and_keeps_signatures_to_itself(ledger, source, shown, file):
    media = MediaSpec(
        source=source,
        sha256="0" * 64,
        size=1,
        media_type="image/png",
        category="tweet_image",
        alt="A dome",
        width=16,
        height=16,
    )
    post = plan_post(ledger, PartSpec(text="Look", media=[media]))
    story = story_of(ledger, post, now=pendulum.now("UTC"))
    assert story["parts"][0]["media"] == [{"file": file, "source": shown, "alt": "A dome"}]
    assert "c0ffee" not in json.dumps(story)


def test_it_names_what_is_still_to_come_of_a_post_on_x_and_asks_for_nothing(ledger):
    now = pendulum.now("UTC")
    repost = FollowUpDraft(likes=100, within_seconds=86_400, repost=True, content=None)
    post = plan_post(
        ledger, "Post", PartSpec(text="Comment", after_seconds=300), follow_ups=[repost], due_in=-30
    )
    due_at = now.add(seconds=270)
    ledger.sending.postpone(post, post.parts[1], due_at=due_at, wake_at=due_at)
    story = story_of(ledger, ledger.posts.get(post.id), now=now)
    assert story["follow_ups"] == [
        {"words": "repost at 100 likes within 1 day: waiting", "state": "waiting", "why": None}
    ]
    assert story["parts"][1]["due_at"] == due_at.isoformat()
    assert story["next_step"] is None


def test_it_says_when_a_post_is_taken_down_and_that_nothing_is_to_be_done_then(ledger):
    now = pendulum.now("UTC")
    deletion = FollowUpDraft(None, None, repost=False, content=None, after_seconds=86_400, delete=True)
    comment = PartSpec(text="Comment", after_seconds=2 * 86_400)
    post = plan_post(ledger, "Post", comment, follow_ups=[deletion], due_in=-30)
    ledger.sending.arm(post, post.parts[0])
    attempt = ledger.sending.begin(
        post, post.parts[0], user_id="7", sender="test", clock=lambda: now, lease_seconds=90
    )
    receipt = Receipt("1001", "https://x.com/a/status/1001", now, now)
    assert ledger.sending.posted(attempt, receipt, account="x_default")
    (follow_up,) = story_of(ledger, ledger.posts.get(post.id), now=now)["follow_ups"]
    due = now.add(days=1).isoformat()
    assert follow_up["words"] == f"take the post down 1 day after the post: waiting, due {due}"
    ledger.taking_down.give_up_rest(post.id, why="taken down", by="ann", now=now)
    ledger.receipts.deleted("1001", now=now)
    story = story_of(ledger, ledger.posts.get(post.id), now=now)
    assert (story["parts"][1]["why"], story["next_step"]) == ("taken down", None)


def test_it_says_how_often_x_has_told_of_replies(ledger):
    now = pendulum.now("UTC")
    post = send_without_answer(ledger, plan_post(ledger, "Post", "Comment", due_in=-30), at=now)
    ledger.deciding.adopt(post.id, Receipt("1001", "https://x.com/a/status/1001", now, now))
    engaged = [part["receipt"] and part["receipt"]["engagement"] for part in told(ledger, post, now)]
    assert engaged == [None, None]
    for kind, by in (("reply", "11"), ("quote", "12"), ("mention", "13")):
        ledger.events.engage(Engagement(kind, "x_default", "1001", by, "8", "mallory", "Oh", now))
    assert told(ledger, post, now)[0]["receipt"]["engagement"] == "1 reply, 1 quote"


def told(ledger, post, now):
    return story_of(ledger, ledger.posts.get(post.id), now=now)["parts"]
