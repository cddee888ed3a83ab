from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from x_provider.client import (
    AppInstall,
    CallToActions,
    CreatePost,
    EditOptions,
    Geo,
    MediaAttachment,
    Poll,
    Reply,
    VisitSite,
    WatchNow,
    calls,
)

MEDIA = {
    "media_ids": ["1", "2"],
    "tagged_user_ids": ["3"],
    "title": "Aurora",
    "description": "Seen from the roof",
    "embeddable": True,
    "preview_media_id": "4",
    "call_to_actions": {
        "visit_site": {"url": "https://example.com"},
        "watch_now": {"url": "https://example.com/live"},
        "app_install": {"app_store_id": "a", "ipad_app_store_id": "b", "play_store_id": "c"},
    },
}
POLL = {"options": ["Red", "Blue"], "duration_minutes": 1440, "reply_settings": "verified"}
REPLY = {"in_reply_to_tweet_id": "5", "exclude_reply_user_ids": ["6"], "auto_populate_reply_metadata": True}

FIELDS: dict[str, Any] = {
    "text": "Good morning",
    "media": MEDIA,
    "poll": POLL,
    "reply": REPLY,
    "quote_tweet_id": "7",
    "reply_settings": "mentionedUsers",
    "geo": {"place_id": "5a110d312052166f"},
    "community_id": "8",
    "share_with_followers": True,
    "made_with_ai": True,
    "paid_partnership": True,
    "edit_options": {"previous_post_id": "9"},
    "nullcast": True,
    "card_uri": "card://10",
    "direct_message_deep_link": "https://x.com/messages/compose?recipient_id=11",
    "for_super_followers_only": True,
}


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_leaves_as_it_was_given(field: str) -> None:
    body = calls.create_post(CreatePost(**{"text": "hello", field: FIELDS[field]})).json

    assert body == {"text": "hello", field: FIELDS[field]}


def test_only_what_was_set_leaves_and_the_text_always() -> None:
    assert CreatePost(text="hello").body() == {"text": "hello"}
    assert CreatePost(media=MediaAttachment(media_ids=["1"])).body() == {
        "text": "",
        "media": {"media_ids": ["1"]},
    }


def test_a_flag_that_is_off_is_sent_as_off() -> None:
    assert CreatePost(text="hello", made_with_ai=False).body() == {"text": "hello", "made_with_ai": False}


MODELS = {
    "CreatePostsRequest": CreatePost,
    "CreatePostsMedia": MediaAttachment,
    "CreatePostsMediaCallToActions": CallToActions,
    "CreatePostsMediaCallToActionsAppInstall": AppInstall,
    "CreatePostsMediaCallToActionsVisitSite": VisitSite,
    "CreatePostsMediaCallToActionsWatchNow": WatchNow,
    "CreatePostsPoll": Poll,
    "CreatePostsReply": Reply,
    "CreatePostsGeo": Geo,
    "CreatePostsEditOptions": EditOptions,
}


def referenced(schema: Any) -> set[str]:
    """The names of all schemas that a schema refers to."""
    if isinstance(schema, dict):
        own = {schema["$ref"].rsplit("/", 1)[-1]} if "$ref" in schema else set()
        return own.union(*map(referenced, schema.values()))
    return set().union(*map(referenced, schema)) if isinstance(schema, list) else set()


def test_no_field_of_x_openapi_document_is_missing(schemas: dict[str, Any]) -> None:
    seen, waiting = set(), {"CreatePostsRequest"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        assert set(schemas[name]["properties"]) == set(MODELS[name].model_fields), name
        waiting |= referenced(schemas[name]) - seen
    assert seen == set(MODELS)


def test_required_fields_and_limits_are_those_of_x_openapi_document(schemas: dict[str, Any]) -> None:
    for name, model in MODELS.items():
        ours = model.model_json_schema()
        assert set(schemas[name].get("required", [])) == set(ours.get("required", [])), name
        for field, theirs in schemas[name]["properties"].items():
            mine = unwrapped(ours["properties"][field])
            for limit in ("minItems", "maxItems", "minimum", "maximum", "pattern", "enum"):
                assert mine.get(limit) == theirs.get(limit), f"{name}.{field}.{limit}"


def unwrapped(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without its "or null", which only says that the field may be left out."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    return choices[0] if choices else schema


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CreatePost, {}),
        (CreatePost, {"text": "", "poll": POLL}),
        (CreatePost, {"text": "hello", "scheduled_at": "2026-12-01"}),
        (CreatePost, {"text": "hello", "reply_settings": "everyone"}),
        (CreatePost, {"text": "hello", "quote_tweet_id": "https://x.com/a/status/1"}),
        (CreatePost, {"text": "hello", "media": MEDIA, "poll": POLL}),
        (CreatePost, {"text": "hello", "quote_tweet_id": "1", "card_uri": "card://1"}),
        (CreatePost, {"text": "half of a pair: \ud83d"}),
        (MediaAttachment, {"media_ids": []}),
        (MediaAttachment, {"media_ids": ["1", "2", "3", "4", "5"]}),
        (MediaAttachment, {"media_ids": ["3_1"]}),
        (Poll, {"options": ["Only"], "duration_minutes": 60}),
        (Poll, {"options": ["Yes", "x" * 26], "duration_minutes": 60}),
        (Poll, {"options": ["Yes", "No"], "duration_minutes": 4}),
        (Reply, {}),
    ],
)
def test_what_x_would_refuse_is_refused_before_it_leaves(
    model: type[BaseModel], fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        model(**fields)
