"""What cannot go together in one post on X, and what needs something beside it.

https://docs.x.com/x-api/posts/create-post, https://docs.x.com/x-api/fundamentals/edit-posts
"""

from __future__ import annotations

from x_provider.calendar.fields import Fields

_EXCLUSIVE = ("media", "quote", "poll", "card_uri", "direct_message_deep_link")
_NOT_EDITED = ("poll", "community_id", "reply_to", "nullcast", "for_super_followers_only")
_OF_REPLIES = ("exclude_reply_user_ids", "auto_populate_reply_metadata")


def check_combination(fields: Fields, text: str, *, is_reply: bool) -> None:
    """Say what of a part excludes or lacks something else of it.

    :param is_reply: the part answers the one before it.
    """
    together = [name for name in _EXCLUSIVE if fields.has(name)]
    for name in together[1:]:
        fields.error(name, f"cannot go together with {together[0]} in one post on X", "Keep one of them")
    if not text and not fields.has("media"):
        empty = "is empty" if fields.node("text") is not None else "is missing"
        fields.error("text", f"{empty}, and there is no media to stand for it", "Add text or media")
    if fields.has("edit_of"):
        for name in (name for name in _NOT_EDITED if fields.has(name)):
            fields.error("edit_of", f"X edits no post with {name}", "Make it a post of its own")
    for name in (name for name in _OF_REPLIES if fields.has(name)):
        _check_reply_field(fields, name, is_reply=is_reply)
    if fields.has("tagged_user_ids") and not fields.has("media"):
        fields.error("tagged_user_ids", "needs media: accounts are tagged in a picture or video")
    if fields.has("share_with_followers") and not (
        fields.has("community_id") or fields.has("for_super_followers_only")
    ):
        message = "needs community_id or for_super_followers_only: any other post is for all followers anyway"
        fields.error("share_with_followers", message, "Take it out")


def _check_reply_field(fields: Fields, name: str, *, is_reply: bool) -> None:
    if not is_reply and not fields.has("reply_to"):
        fields.error(name, "needs reply_to: it says whom an answer mentions", "Take it out, or add reply_to")
    elif name == "auto_populate_reply_metadata":
        fields.warning(name, "X takes it and does nothing with it")
