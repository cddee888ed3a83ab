"""X's own description of a post to create, held against what a calendar and a DAG can say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest
import yaml
from media_samples import MADE

from x_provider.calendar import PartSpec, read_calendar
from x_provider.operators.planning import XPlanPostOperator
from x_provider.publishing.composing import compose

OPENAPI = Path(__file__).parents[3] / "shared" / "x-api" / "openapi-2.167.json"


def a_post() -> str:
    """The id of a post made a minute ago."""
    return str((int(pendulum.now("UTC").timestamp() * 1000) - 60_000 - 1_288_834_974_657) << 22)


def entries(folder: Path) -> list[dict[str, Any]]:
    """Posts that have every field between them: some exclude each other."""
    video = {
        "title": "The dome",
        "description": "How it opens",
        "embeddable": True,
        "preview": str(MADE["large.jpg"](folder / "large.jpg")),
        "visit_site": "https://example.org/nordlicht",
        "watch_now": "https://example.org/nordlicht/live",
        "app_store_id": "1",
        "ipad_app_store_id": "2",
        "play_store_id": "org.example.nordlicht",
    }
    return [
        {
            "text": "A video",
            "media": [{"file": str(MADE["good.mp4"](folder / "good.mp4"))}],
            "video": video,
            "tagged_user_ids": ["2244994945"],
            "place_id": "df51dec6f4ee2b2c",
            "for_super_followers_only": True,
            "share_with_followers": True,
            "made_with_ai": True,
            "paid_partnership": True,
            "nullcast": True,
        },
        {
            "text": "A poll",
            "poll": {"options": ["Red", "Blue"], "duration": "1 day", "reply_settings": "following"},
            "reply_settings": "verified",
            "community_id": "1493446837214187523",
        },
        {
            "text": "An answer",
            "reply_to": a_post(),
            "exclude_reply_user_ids": ["2244994945"],
            "auto_populate_reply_metadata": True,
        },
        {"text": "A quote", "quote": a_post()},
        {"text": "An edit", "edit_of": a_post()},
        {"text": "A card", "card_uri": "card://1"},
        {"text": "A message", "direct_message_deep_link": "https://x.com/messages/compose?recipient_id=1"},
    ]


@pytest.fixture(scope="module")
def described() -> set[str]:
    """Every field of CreatePostsRequest, with the path to it."""
    if not OPENAPI.is_file():
        pytest.skip(f"X's OpenAPI document is not there: {OPENAPI}")
    schemas = json.loads(OPENAPI.read_text(encoding="utf-8"))["components"]["schemas"]

    def fields(schema: dict[str, Any], path: str) -> Iterator[str]:
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        for name, inner in schema.get("properties", {}).items():
            deeper = list(fields(inner, f"{path}{name}."))
            yield from deeper or [f"{path}{name}"]

    return set(fields({"$ref": "#/components/schemas/CreatePostsRequest"}, ""))


def sent(part: PartSpec) -> set[str]:
    """The fields of the request that creates a part."""
    ids = [str(number) for number, _ in enumerate(part.media, start=1)]
    preview = "9" if part.video and part.video.preview else None
    return set(_leaves(compose(part, media_ids=ids, in_reply_to=None, preview_media_id=preview).body(), ""))


def _leaves(body: dict[str, Any], path: str) -> Iterator[str]:
    for name, value in body.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_a_calendar_can_send_every_field_of_a_post(described, tmp_path):
    head = {"calendar": "all", "timezone": "UTC", "plan": "enterprise", "premium": True}
    posts = [{"id": f"e{n}", "at": "now", **entry} for n, entry in enumerate(entries(tmp_path))]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump({**head, "posts": posts}), encoding="utf-8")
    reading = read_calendar(tmp_path / "all.yaml", now=pendulum.now("UTC"))
    assert [str(finding) for finding in reading.findings if finding.severity == "error"] == []
    assert set().union(*(sent(part) for post in reading.calendar.posts for part in post.parts)) == described


def test_a_dag_can_send_every_field_of_a_post(described, tmp_path, result_of, set_up):
    fields: set[str] = set()
    for day, entry in enumerate(entries(tmp_path), start=1):
        run = {"logical_date": pendulum.datetime(2026, 12, day), "plan": "enterprise", "premium": True}
        post = set_up.ledger.posts.get(result_of(XPlanPostOperator, **set_up.ids, **run, **entry))
        fields |= sent(PartSpec.model_validate(post.parts[0].content))
    assert fields == described
