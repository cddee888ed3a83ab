"""What the members of X's JSON hold, where they are as documented, and what there is instead of them."""

from __future__ import annotations

import re
from typing import Any, cast

import pendulum
from pendulum import DateTime

from x_provider.ids import created_at

ID = re.compile(r"[0-9]{1,19}")
_LONGEST_NAME = 50


def object_in(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def list_in(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def objects_in(value: Any) -> list[dict[str, Any]]:
    return [each for each in list_in(value) if isinstance(each, dict)]


def said_in(holder: dict[str, Any], member: str) -> str:
    """An id in that member, or as a number in the one that is called so without ``_str``."""
    return str(holder.get(member) or holder.get(member.removesuffix("_str")) or "")


def id_in(holder: dict[str, Any], member: str, name: str) -> str:
    found = said_in(holder, member)
    if not ID.fullmatch(found):
        raise ValueError(f"its {name} is {found[:40]!r}, no id of X")
    return found


def name_in(value: Any) -> str | None:
    return value[:_LONGEST_NAME] if isinstance(value, str) and re.fullmatch(r"\w+", value, re.ASCII) else None


def text_in(value: Any) -> str | None:
    # Half characters and zeros are JSON, and no text for a database.
    return value.encode("utf-8", "replace").decode().replace("\0", "") if isinstance(value, str) else None


def instant_in(timestamp_ms: Any, x_id: str, otherwise: DateTime) -> DateTime:
    """When a post was made: as X says, or as its id does."""
    if isinstance(timestamp_ms, str) and timestamp_ms.isdecimal() and len(timestamp_ms) < 15:
        return pendulum.from_timestamp(int(timestamp_ms) / 1000)
    return created_at(x_id) or otherwise
