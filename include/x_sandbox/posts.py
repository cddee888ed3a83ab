from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from x_sandbox.clock import Clock, Snowflakes
from x_sandbox.entities import Entities, preview, shorten
from x_sandbox.journal import Event


@dataclass(frozen=True)
class Poll:
    options: tuple[str, ...]
    duration_minutes: int


@dataclass(frozen=True)
class Repost:
    """That an account reposted a post.

    :param id: of the post that stands for it on the account's timeline.
    :param at: epoch seconds.
    """

    id: str
    user_id: str
    post_id: str
    at: float


@dataclass(frozen=True)
class Post:
    """One post on this X.

    :param written: the text as the client sent it.
    :param text: the text as X shows it: links shortened, with what X adds to it.
    :param created_at: epoch seconds, in whole milliseconds.
    :param edit_history: ids of this post's versions so far, itself last.
    :param preview: the beginning that X shows of a text of more than 280, or None.
    :param choices: the request's further members (community, labels, card ...), as sent.
    :param repost_of: id of the post that this one, a repost, stands for.
    """

    id: str
    author_id: str
    created_at: float
    written: str
    text: str
    entities: Entities
    conversation_id: str
    edit_history: tuple[str, ...]
    preview: str | None = None
    media_ids: tuple[str, ...] = ()
    poll: Poll | None = None
    in_reply_to: str | None = None
    in_reply_to_user_id: str | None = None
    quote: str | None = None
    repost_of: str | None = None
    reply_settings: str = "everyone"
    choices: dict[str, Any] = field(default_factory=dict)
    hidden: bool = False
    deleted: bool = False

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Post:
        """Read a post back from the journal."""
        poll = record["poll"]
        return cls(
            **{
                **record,
                "edit_history": tuple(record["edit_history"]),
                "media_ids": tuple(record["media_ids"]),
                "poll": Poll(tuple(poll["options"]), poll["duration_minutes"]) if poll else None,
            }
        )


class Posts:
    """All posts, by id and by author in the order of time."""

    def __init__(self, clock: Clock, commit: Callable[[Event], None]) -> None:
        self._clock = clock
        self._commit = commit
        self.clear()

    def clear(self) -> None:
        self._snowflakes = Snowflakes()
        self._by_id: dict[str, Post] = {}
        self._by_author: dict[str, list[int]] = {}
        self._latest_by_text: dict[tuple[str, str], str] = {}
        self._newer: dict[str, str] = {}
        self._replies: Counter[str] = Counter()
        self._quotes: Counter[str] = Counter()
        self._reposts: dict[str, dict[str, Repost]] = {}
        self._counts: Counter[str] = Counter()

    def create(
        self,
        author_id: str,
        request: dict[str, Any],
        *,
        page: str,
        media_keys: list[str],
        names: Sequence[str] = (),
        quoted_page: str | None = None,
    ) -> Post:
        """Commit a post; the instant of the commit is its `created_at`.

        :param request: a CreatePostsRequest that passed the rules.
        :param page: address of the author's posts, `{id}` standing for the post's id.
        :param names: of those whom X names in front of the text.
        :param quoted_page: address of the post that it quotes, or None.
        """
        post = self.draft(
            author_id, request, page=page, media_keys=media_keys, names=names, quoted_page=quoted_page
        )
        self._commit({"what": "post", "post": asdict(post)})
        return post

    def draft(
        self,
        author_id: str,
        request: dict[str, Any],
        *,
        page: str = "",
        media_keys: Sequence[str] = (),
        names: Sequence[str] = (),
        quoted_page: str | None = None,
    ) -> Post:
        """Make the post of a request without committing it; the parameters are those of `create`."""
        now = int(self._clock.now() * 1000) / 1000
        post_id = self._snowflakes.next(now)
        previous = self._by_id.get(request.get("edit_options", {}).get("previous_post_id", ""))
        answered = (previous and previous.in_reply_to) or ""
        parent = self._by_id.get(request.get("reply", {}).get("in_reply_to_tweet_id", answered))
        before = parent or previous
        written = request.get("text", "")
        text, entities = shorten(
            "".join(f"@{name} " for name in names) + written,
            post_id,
            media_url=page.format(id=post_id) if media_keys else None,
            media_keys=list(media_keys),
            quoted_url=quoted_page,
        )
        poll = request.get("poll")
        return Post(
            id=post_id,
            author_id=author_id,
            created_at=now,
            written=written,
            text=text,
            entities=entities,
            conversation_id=before.conversation_id if before else post_id,
            edit_history=(*(previous.edit_history if previous else ()), post_id),
            preview=preview(text, written),
            media_ids=tuple(request.get("media", {}).get("media_ids", ())),
            poll=Poll(tuple(poll["options"]), poll["duration_minutes"]) if poll else None,
            in_reply_to=parent.id if parent else None,
            in_reply_to_user_id=parent.author_id if parent else None,
            quote=request.get("quote_tweet_id"),
            reply_settings=request.get("reply_settings", "everyone"),
            choices=_choices(request),
        )

    def repost(self, user_id: str, post: Post, *, text: str) -> bool:
        """Commit that an account reposts a post; return whether it did not before.

        :param text: what X shows of it on the account's timeline.
        """
        if user_id in self._reposts.get(post.id, ()):
            return False
        now = int(self._clock.now() * 1000) / 1000
        post_id = self._snowflakes.next(now)
        stands_for_it = Post(
            id=post_id,
            author_id=user_id,
            created_at=now,
            written="",
            text=text,
            entities={},
            conversation_id=post_id,
            edit_history=(post_id,),
            repost_of=post.id,
        )
        self._commit({"what": "post", "post": asdict(stands_for_it)})
        return True

    def undo_repost(self, user_id: str, post_id: str) -> None:
        """Commit that an account takes its repost of a post back, if there is one."""
        if repost := self._reposts.get(post_id, {}).get(user_id):
            self.delete(repost.id)

    def delete(self, post_id: str) -> None:
        self._commit({"what": "post_deleted", "id": post_id})

    def hide(self, post_id: str, hidden: bool) -> None:
        self._commit({"what": "reply_hidden", "id": post_id, "hidden": hidden})

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        if event["what"] == "post":
            self._add(Post.from_record(event["post"]))
        elif event["what"] == "post_deleted":
            self._delete(self._by_id[event["id"]])
        else:
            post = self._by_id[event["id"]]
            self._by_id[post.id] = replace(post, hidden=event["hidden"])

    def _add(self, post: Post) -> None:
        self._snowflakes.advance_past(post.id)
        self._by_id[post.id] = post
        self._by_author.setdefault(post.author_id, []).append(int(post.id))
        if post.repost_of:
            repost = Repost(post.id, post.author_id, post.repost_of, post.created_at)
            self._reposts.setdefault(post.repost_of, {})[post.author_id] = repost
            return
        self._latest_by_text[(post.author_id, post.written)] = post.id
        self._newer.update(dict.fromkeys(post.edit_history[:-1], post.id))
        if post.edit_history[0] != post.id:
            return
        if post.in_reply_to:
            self._replies[post.in_reply_to] += 1
        if post.quote:
            self._quotes[post.quote] += 1
        if not post.choices.get("nullcast"):
            self._counts[post.author_id] += 1

    def _delete(self, post: Post) -> None:
        for version in self.versions(post):
            self._by_id[version] = replace(self._by_id[version], deleted=True)
            for repost in list(self._reposts.pop(version, {}).values()):
                self._by_id[repost.id] = replace(self._by_id[repost.id], deleted=True)
        if post.repost_of:
            self._reposts.get(post.repost_of, {}).pop(post.author_id, None)
            return
        if post.in_reply_to:
            self._replies[post.in_reply_to] -= 1
        if post.quote:
            self._quotes[post.quote] -= 1
        if not post.choices.get("nullcast"):
            self._counts[post.author_id] -= 1

    def get(self, post_id: str, *, lag_seconds: float = 0.0) -> Post | None:
        """Return a post that exists and is older than the lag, else None."""
        post = self._by_id.get(post_id)
        if post is None or post.deleted or post.created_at > self._clock.now() - lag_seconds:
            return None
        return post

    def same_text(self, author_id: str, written: str, *, seconds: float) -> Post | None:
        """Return the author's living post of the last `seconds` with the very same text, if any."""
        post = self.get(self._latest_by_text.get((author_id, written), ""))
        if post is None or post.id in self._newer or post.created_at < self._clock.now() - seconds:
            return None
        return post

    def by_author(
        self, author_id: str, *, since_id: int = 0, until_id: int = 1 << 63, lag_seconds: float = 0.0
    ) -> Iterator[Post]:
        """Yield an author's posts, newest first, with ids strictly between two."""
        ids = self._by_author.get(author_id, [])
        for index in range(bisect_left(ids, until_id) - 1, bisect_right(ids, since_id) - 1, -1):
            post = self.get(str(ids[index]), lag_seconds=lag_seconds)
            if post and post.id not in self._newer and not post.choices.get("nullcast"):
                yield post

    def everything(self) -> Iterator[Post]:
        """Yield every post there ever was, newest first, edited-away versions and reposts left out."""
        for post_id in reversed(self._by_id):
            if post_id not in self._newer and not self._by_id[post_id].repost_of:
                yield self._by_id[post_id]

    def versions(self, post: Post) -> list[str]:
        """Return the ids of all versions of a post, oldest first."""
        return list(self._by_id.get(self._newer.get(post.id, post.id), post).edit_history)

    def first(self, post: Post) -> Post:
        """Return the post's first version, itself where it was never edited or committed."""
        return self._by_id.get(post.edit_history[0], post)

    def count(self, author_id: str) -> int:
        """Return how many posts an author has, versions of one counted once."""
        return self._counts[author_id]

    def latest(self, author_id: str) -> Post | None:
        return next(self.by_author(author_id), None)

    def replies(self, post: Post) -> int:
        """Count the replies to a post, to all its versions."""
        return sum(self._replies[version] for version in post.edit_history)

    def quotes(self, post: Post) -> int:
        return sum(self._quotes[version] for version in post.edit_history)

    def reposts(self, post: Post) -> list[Repost]:
        """Return who reposts a post, oldest first."""
        return [repost for version in post.edit_history for repost in self._reposts.get(version, {}).values()]


def _choices(request: dict[str, Any]) -> dict[str, Any]:
    """Return what of a request has no place of its own in a post."""
    placed = ("text", "poll", "reply", "quote_tweet_id", "reply_settings", "edit_options")
    choices = {name: value for name, value in request.items() if name not in placed}
    for name, members in (("reply", ("in_reply_to_tweet_id",)), ("poll", ("options", "duration_minutes"))):
        rest = {member: value for member, value in request.get(name, {}).items() if member not in members}
        if rest:
            choices[name] = rest
    return choices
