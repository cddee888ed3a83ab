"""What X charges for a call, before its answer and for it.

https://docs.x.com/x-api/getting-started/pricing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pendulum import DateTime

from x_provider.client.calls import Call
from x_provider.prices import (
    CONTENT_MANAGE,
    INTERACTION_DELETE,
    MEDIA_METADATA,
    OWNED_READ,
    POST_CREATE,
    POST_CREATE_WITH_URL,
    POST_DELETE,
    POST_READ,
    REPOST,
    USER_READ,
    price_of,
)
from x_provider.text import extract_urls

_KINDS = {
    "create_post": POST_CREATE,
    "delete_post": POST_DELETE,
    "get_posts": POST_READ,
    "user_timeline": POST_READ,
    "me": USER_READ,
    "user": USER_READ,
    "media_metadata": MEDIA_METADATA,
    "media_subtitles": MEDIA_METADATA,
    "repost": REPOST,
    "undo_repost": INTERACTION_DELETE,
    "hide_reply": CONTENT_MANAGE,
}
"""By family of calls; what is not here is free: uploads, asking how far they are, asking for the usage."""
_READS = {POST_READ: "post", OWNED_READ: "post", USER_READ: "user"}
"""What is billed by resource, and what that is."""


@dataclass(frozen=True)
class Charge:
    """What X bills for one answer.

    :param kind: what was paid for, such as ``post_create``.
    :param units: how many: posts or users that were read, else 1.
    :param usd: US dollars for all of them.
    :param resources: what was read, such as ``post/1900…``: the same is billed once a UTC day.
    """

    kind: str
    units: int
    usd: Decimal
    resources: tuple[str, ...] = ()


def charge(kind: str, at: DateTime | date, *, units: int = 1, resources: Sequence[str] = ()) -> Charge:
    """What so many units of a kind cost at an instant."""
    return Charge(kind, units, units * price_of(kind, at).usd, tuple(resources))


def charge_of_post(text: str, at: DateTime | date) -> Charge:
    """What creating a post of this text costs: a link makes it thirteen times as expensive."""
    return charge(POST_CREATE_WITH_URL if has_url(text) else POST_CREATE, at)


@lru_cache(maxsize=4096)
def has_url(text: str) -> bool:
    """Whether X sees a link in the text, be it a bare ``example.com``."""
    # Finding links takes the slow import of a library, which most texts can do without.
    return "." in text and bool(extract_urls(text))


def charge_of(
    call: Call, answer: Mapping[str, Any], at: DateTime, *, app_owner_id: str | None = None
) -> Charge | None:
    """What X bills for a successful answer; None where that is nothing. Refusals are never billed.

    :param answer: its body.
    :param app_owner_id: X id of the account, where it owns the developer app: its own timeline costs less.
    """
    kind = _kind_of(call, app_owner_id)
    if kind is None:
        return None
    if kind not in _READS:
        return charge(kind, at)
    resources = _resources(answer, _READS[kind])
    return charge(kind, at, units=len(resources), resources=resources) if resources else None


def expected_charge(call: Call, at: DateTime, *, app_owner_id: str | None = None) -> Charge | None:
    """What a call will cost before X has answered it, None where it is free.

    Of posts that are asked for by id, all of them; of a timeline, one post: more is known when it is read.
    """
    kind = _kind_of(call, app_owner_id)
    if kind is None:
        return None
    return charge(kind, at, units=call.params.get("ids", "").count(",") + 1)


def _kind_of(call: Call, app_owner_id: str | None) -> str | None:
    kind = _KINDS.get(call.family)
    if kind == POST_CREATE and has_url(str((call.json or {}).get("text") or "")):
        return POST_CREATE_WITH_URL
    if call.family == "user_timeline" and app_owner_id is not None:
        return OWNED_READ if call.path.split("/")[3] == app_owner_id else kind
    return kind


def _resources(answer: Mapping[str, Any], thing: str) -> list[str]:
    found = answer.get("data") or ()
    listed = found if isinstance(found, list) else [found]
    ids = [each.get("id") for each in listed if isinstance(each, Mapping)]
    return [f"{thing}/{x_id}" for x_id in dict.fromkeys(ids) if x_id]
