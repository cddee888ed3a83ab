"""Numbers that grow: the same post has the same numbers at the same age."""

from __future__ import annotations

import hashlib

PRIVATE_FIELDS = {
    "non_public_metrics": ("impression_count", "url_link_clicks", "user_profile_clicks", "engagements"),
    "organic_metrics": (
        "impression_count",
        "like_count",
        "reply_count",
        "retweet_count",
        "url_link_clicks",
        "user_profile_clicks",
    ),
}
PRIVATE_SECONDS = 30 * 86_400


def _share(post_id: str, name: str) -> float:
    digest = hashlib.sha256(f"{post_id} {name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _grown(post_id: str, name: str, reach: float, age_seconds: float, half_life_seconds: float) -> int:
    limit = reach * (0.25 + 1.5 * _share(post_id, name))
    return int(limit * (1 - 2 ** (-max(0.0, age_seconds) / half_life_seconds)))


def public_metrics(
    post_id: str, age_seconds: float, *, replies: int, quotes: int, reposts: int = 0
) -> dict[str, int]:
    """Return X's `public_metrics` of a post at an age.

    Replies and quotes are those that exist here; to the reposts that exist here come others.
    """
    reach = 500 + 9_500 * _share(post_id, "reach") ** 3
    impressions = _grown(post_id, "impressions", reach, age_seconds, 6 * 3_600)
    return {
        "repost_count": reposts + int(impressions * 0.004 * (0.5 + _share(post_id, "reposts"))),
        "reply_count": replies,
        "like_count": int(impressions * 0.02 * (0.5 + _share(post_id, "likes"))),
        "quote_count": quotes,
        "bookmark_count": int(impressions * 0.002 * (0.5 + _share(post_id, "bookmarks"))),
        "impression_count": impressions,
    }


def private_metrics(post_id: str, public: dict[str, int], *, has_link: bool) -> dict[str, dict[str, int]]:
    """Return `non_public_metrics` and `organic_metrics`; link clicks exist only where there is a link."""
    impressions = public["impression_count"]
    profile_clicks = int(impressions * 0.006 * (0.5 + _share(post_id, "profile")))
    clicks = (
        {"url_link_clicks": int(impressions * 0.01 * (0.5 + _share(post_id, "clicks")))} if has_link else {}
    )
    engagements = (
        public["like_count"]
        + public["reply_count"]
        + public["repost_count"]
        + public["quote_count"]
        + profile_clicks
        + clicks.get("url_link_clicks", 0)
    )
    return {
        "non_public_metrics": {
            "impression_count": impressions,
            **clicks,
            "user_profile_clicks": profile_clicks,
            "engagements": engagements,
        },
        "organic_metrics": {
            "impression_count": impressions,
            "like_count": public["like_count"],
            "reply_count": public["reply_count"],
            "retweet_count": public["repost_count"],
            **clicks,
            "user_profile_clicks": profile_clicks,
        },
    }


def media_views(media_id: str, age_seconds: float) -> int:
    return _grown(media_id, "views", 2_000, age_seconds, 6 * 3_600)


def votes(post_id: str, options: int, age_seconds: float, duration_minutes: int) -> list[int]:
    """Return the votes of each poll option; they stop when the poll ends."""
    age = min(age_seconds, duration_minutes * 60)
    return [_grown(post_id, f"option {index}", 80, age, duration_minutes * 20) for index in range(options)]


def followers(user_id: str, age_seconds: float) -> int:
    return 100 + int(900 * _share(user_id, "followers")) + int(age_seconds / 3_600 * 2)
