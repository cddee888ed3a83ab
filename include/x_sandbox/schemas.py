"""The bodies that X's API accepts (OpenAPI 2.167), and a check of JSON against them."""

from __future__ import annotations

import re
from typing import Any

Schema = dict[str, Any]

ID: Schema = {"type": "string", "pattern": r"[0-9]{1,19}"}
STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
REPLY_SETTINGS: Schema = {
    "type": "string",
    "enum": ["following", "mentionedUsers", "subscribers", "verified"],
}
MEDIA_TYPES = [
    "video/mp4",
    "video/webm",
    "video/mp2t",
    "video/quicktime",
    "text/srt",
    "text/vtt",
    "image/jpeg",
    "image/gif",
    "image/bmp",
    "image/png",
    "image/webp",
    "image/pjpeg",
    "image/tiff",
    "model/gltf-binary",
    "model/vnd.usdz+zip",
]
CATEGORIES = [
    "tweet_image",
    "tweet_gif",
    "tweet_video",
    "amplify_video",
    "dm_image",
    "dm_gif",
    "dm_video",
    "subtitles",
]
WARNINGS = ("adult_content", "graphic_violence", "other")


def closed(properties: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "closed": True}


CREATE_POST = closed(
    {
        "card_uri": STRING,
        "community_id": ID,
        "direct_message_deep_link": STRING,
        "edit_options": closed({"previous_post_id": ID}, ("previous_post_id",)),
        "for_super_followers_only": BOOLEAN,
        "geo": closed({"place_id": STRING}, ("place_id",)),
        "made_with_ai": BOOLEAN,
        "media": closed(
            {
                "call_to_actions": closed(
                    {
                        "app_install": closed(
                            {"app_store_id": STRING, "ipad_app_store_id": STRING, "play_store_id": STRING}
                        ),
                        "visit_site": closed({"url": STRING}, ("url",)),
                        "watch_now": closed({"url": STRING}, ("url",)),
                    }
                ),
                "description": STRING,
                "embeddable": BOOLEAN,
                "media_ids": {"type": "array", "items": ID, "min": 1, "max": 4},
                "preview_media_id": ID,
                "tagged_user_ids": {"type": "array", "items": ID, "max": 10},
                "title": STRING,
            },
            ("media_ids",),
        ),
        "nullcast": BOOLEAN,
        "paid_partnership": BOOLEAN,
        "poll": closed(
            {
                "duration_minutes": {"type": "integer", "min": 5, "max": 10_080},
                "options": {
                    "type": "array",
                    "items": {"type": "string", "min": 1, "max": 25},
                    "min": 2,
                    "max": 4,
                },
                "reply_settings": REPLY_SETTINGS,
            },
            ("options", "duration_minutes"),
        ),
        "quote_tweet_id": ID,
        "reply": closed(
            {
                "auto_populate_reply_metadata": BOOLEAN,
                "exclude_reply_user_ids": {"type": "array", "items": STRING},
                "in_reply_to_tweet_id": ID,
            },
            ("in_reply_to_tweet_id",),
        ),
        "reply_settings": REPLY_SETTINGS,
        "share_with_followers": BOOLEAN,
        "text": STRING,
    }
)
REPOST = closed({"tweet_id": ID}, ("tweet_id",))
HIDE_REPLY = closed({"hidden": BOOLEAN}, ("hidden",))
INITIALIZE_UPLOAD = closed(
    {
        "additional_owners": {"type": "array", "items": ID},
        "media_category": {"type": "string", "enum": CATEGORIES},
        "media_type": {"type": "string", "enum": MEDIA_TYPES},
        "shared": BOOLEAN,
        "total_bytes": {"type": "integer", "min": 0, "max": 17_179_869_184},
    }
)
MEDIA_METADATA: Schema = {
    "type": "object",
    "properties": {
        "id": ID,
        "metadata": {
            "type": "object",
            "properties": {
                "alt_text": {
                    "type": "object",
                    "properties": {"text": {"type": "string", "max": 1_000}},
                    "required": ("text",),
                },
                "sensitive_media_warning": {
                    "type": "object",
                    "properties": dict.fromkeys(WARNINGS, BOOLEAN),
                },
            },
        },
    },
    "required": ("id",),
}
SUBTITLES: Schema = {
    "type": "object",
    "properties": {
        "id": ID,
        "media_category": {"type": "string", "enum": ["AmplifyVideo", "TweetVideo"]},
        "subtitles": {
            "type": "object",
            "properties": {
                "display_name": STRING,
                "id": ID,
                "language_code": {"type": "string", "pattern": "[A-Z]{2}"},
            },
        },
    },
}
DELETE_SUBTITLES: Schema = {
    "type": "object",
    "properties": {"id": STRING, "media_category": STRING, "language_code": STRING},
    "required": ("id", "media_category", "language_code"),
}
CREATE_WEBHOOK: Schema = {
    "type": "object",
    "properties": {"url": {"type": "string", "min": 1, "max": 200}},
    "required": ("url",),
}
REPLAY: Schema = {
    "type": "object",
    "properties": {
        "from_date": {"type": "string", "pattern": "[0-9]{12}"},
        "to_date": {"type": "string", "pattern": "[0-9]{12}"},
        "webhook_id": ID,
    },
    "required": ("webhook_id", "from_date", "to_date"),
}
EVENT_TYPES = [
    "profile.update.bio",
    "profile.update.profile_picture",
    "profile.update.banner_picture",
    "profile.update.screenname",
    "profile.update.geo",
    "profile.update.url",
    "profile.update.verified_badge",
    "profile.update.affiliate_badge",
    "profile.update.handle",
    "news.new",
    "follow.follow",
    "follow.unfollow",
    "spaces.start",
    "spaces.end",
    "broadcast.start",
    "broadcast.end",
    "broadcast.chat",
    "chat.received",
    "chat.sent",
    "chat.conversation.join",
    "chat.conversation_join",
    "chat.conversation.member_added",
    "chat.conversation.member_removed",
    "chat.conversation.admin_added",
    "chat.conversation.admin_removed",
    "chat.update.group_name",
    "chat.update.restrictions",
    "dm.sent",
    "dm.received",
    "dm.indicate_typing",
    "dm.read",
    "post.create",
    "post.delete",
    "post.mention.create",
    "post.reply.create",
    "post.quote.create",
    "post.repost.create",
    "like.create",
    "mute.mute",
    "mute.unmute",
    "block.block",
    "block.unblock",
]
_TAG: Schema = {"type": "string", "min": 1, "max": 200}
CREATE_SUBSCRIPTION = closed(
    {
        "event_type": {"type": "string", "enum": EVENT_TYPES},
        "filter": closed(
            {
                "direction": {"type": "string", "enum": ["inbound", "outbound"]},
                "keyword": STRING,
                "user_id": STRING,
            }
        ),
        "tag": _TAG,
        "webhook_id": ID,
    },
    ("event_type", "filter"),
)
UPDATE_SUBSCRIPTION = closed({"tag": _TAG, "webhook_id": ID})

_TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def faults_of(value: Any, schema: Schema, where: str = "$") -> list[str]:
    """List what is wrong with a JSON value, each fault with its place (`$.poll.options[0]`)."""
    expected: str = schema["type"]
    if type(value) is not _TYPES[expected]:
        return [f"{where}: {_name(value)} found, {expected} expected"]
    if expected == "object":
        return _object_faults(value, schema, where)
    found = _size_faults(value, schema, where)
    if expected == "array":
        for index, item in enumerate(value):
            found += faults_of(item, schema["items"], f"{where}[{index}]")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        found.append(f"{where}: does not match the regex pattern ^{schema['pattern']}$")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where}: does not have a value in the enumeration {schema['enum']}")
    return found


def _object_faults(value: dict[str, Any], schema: Schema, where: str) -> list[str]:
    properties = schema["properties"]
    found = [
        f"{where}.{name}: is missing but it is required"
        for name in schema.get("required", ())
        if name not in value
    ]
    for name, member in value.items():
        if name in properties:
            found += faults_of(member, properties[name], f"{where}.{name}")
        elif schema.get("closed"):
            found.append(
                f"{where}.{name}: is not defined in the schema "
                "and the schema does not allow additional properties"
            )
    return found


def _size_faults(value: Any, schema: Schema, where: str) -> list[str]:
    size, unit = (value, "a value") if isinstance(value, int) else (len(value), "a size")
    if size < schema.get("min", size):
        return [f"{where}: must have {unit} of at least {schema['min']}"]
    if size > schema.get("max", size):
        return [f"{where}: must have {unit} of at most {schema['max']}"]
    return []


def _name(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")
