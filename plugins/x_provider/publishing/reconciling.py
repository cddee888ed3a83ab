"""Finding out what X did: an attempt without an answer is looked for on the account's own timeline."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pendulum import DateTime

from x_provider.calendar import PartSpec
from x_provider.client import Post as PostOnX
from x_provider.client import XClient
from x_provider.ids import created_at
from x_provider.ledger import ACCOUNT_STOPPED, OVER_BUDGET, AccountOnX, Attempt, Ledger
from x_provider.text import extract_urls

QUIET_SECONDS = 180
"""How long after its request has left an attempt's post may still appear: X may be slow to create it, and reads lag
writes."""
CREATED_NOTHING = frozenset(
    {
        ACCOUNT_STOPPED,
        "media_gone",
        "not_sent",
        OVER_BUDGET,
        "parent_not_visible",
        "rate_limited",
        "refused",
    }
)
"""Outcomes of attempts that have surely left nothing on X."""

_MOST_POSTS = 200
_CLOCK_SKEW_SECONDS = 900
_MEDIA_PAGE = re.compile(r"/(photo|video)/\d+$")
_LEADING_NAME = re.compile(r"[@＠]\w{1,15}(?: |$)", re.ASCII)
_MESSAGE_PAGE = re.compile(r"(?:^|\s)(?:\w+\.)?(?:x|twitter)\.com/messages/compose\S*$", re.IGNORECASE)


_UNSEEN = {
    "nullcast": (
        "a promoted-only post (nullcast) is not on the account's timeline",
        "Look for it in X Ads Manager",
    ),
    "community_id": (
        "a post in a community (community_id) may be on no timeline of the account",
        "Look for it in the community",
    ),
    "for_super_followers_only": (
        "a post for subscribers (for_super_followers_only) may be on no timeline that X shows",
        "Look at the account's page, logged in as the account",
    ),
}
_OF_WHOLE_THREADS = ("community_id", "for_super_followers_only")


def hidden_by(content: Mapping[str, Any], *, root: Mapping[str, Any]) -> tuple[str, str] | None:
    """Why X's timeline may not show a post, and where to look for it instead; None where it shows it.

    :param root: the first post of its thread, which an answer stands beside.
    """
    fields = [name for name in _UNSEEN if content.get(name)]
    fields += [name for name in _OF_WHOLE_THREADS if root.get(name)]
    return _UNSEEN[fields[0]] if fields else None


class UndecidedError(RuntimeError):
    """What X shows proves nothing now; the message says why."""


class TooManyPostsError(UndecidedError):
    """The account has more posts than are read at once, and none of those is the one.

    :param again_at: when X can be asked for fewer; None when it would give as many then.
    """

    def __init__(self, message: str, *, again_at: DateTime | None) -> None:
        super().__init__(message)
        self.again_at = again_at


def look_for(
    ledger: Ledger,
    client: XClient,
    user: AccountOnX,
    attempt: Attempt,
    part: PartSpec,
    *,
    parent: str | None,
    now: DateTime,
) -> PostOnX | None:
    """The post on X that the attempt, or an earlier one on the part, created, as far as X shows it by now.

    Read are the account's posts since the newest one that the ledger knew when the first attempt began, and of
    these the ones that are not older than it, not too late to be the newest one's, and that no other part has a
    receipt for. A new version of a post is looked for among that post's versions.

    :param parent: X id of the post that the part answers.
    :raises UndecidedError: when the timeline would be somebody else's, or a twin of the part is on its way.
    :raises TooManyPostsError: when it is not among the newest 200 of these posts, and there are more.
    :raises XError: when the timeline cannot be read: then nothing is known.
    """
    if user.user_id != attempt.user_id:
        raise UndecidedError(
            f"the connection {user.account} belonged to the user {attempt.user_id} of X when the post was sent"
            f" and belongs to @{user.username} ({user.user_id}) now, whose timeline proves nothing. Restore the"
            " credentials it had."
        )
    if part.edit_of is not None:
        versions = _versions_after(client, part.edit_of)
        matching = [post for post in versions if matches(part, post, parent=parent)]
        return _first_untaken(ledger, user, attempt, part, matching, now=now) if matching else None
    earliest, latest = not_before(ledger, attempt), _not_after(attempt)
    # X may refuse an end that its clock has not come to.
    bounded_at = latest.add(seconds=_CLOCK_SKEW_SECONDS)
    known = created_at(attempt.newest_own_id) if attempt.newest_own_id else None
    # X bills what it returns: of the two bounds the later one.
    since = {"since_id": attempt.newest_own_id} if known and known > earliest else {"start_time": earliest}
    timeline = client.user_timeline(
        user.user_id,
        max_posts=_MOST_POSTS + 1,
        end_time=latest if bounded_at < now else None,
        exclude=("retweets",),
        **since,
    )
    read = [post for post in timeline if (created_at(post.id) or earliest) >= earliest]
    matching = [post for post in read if matches(part, post, parent=parent)]
    found = _first_untaken(ledger, user, attempt, part, matching, now=now) if matching else None
    if found is None and len(read) > _MOST_POSTS:
        raise TooManyPostsError(
            f"@{user.username} has more than {_MOST_POSTS} posts on X since {earliest.isoformat()}, too many to"
            " read; it may be among the others",
            again_at=bounded_at if bounded_at >= now else None,
        )
    return found


def _versions_after(client: XClient, x_id: str) -> list[PostOnX]:
    """What was made of a post since that version of it, newest first: no timeline shows all of these."""
    edited = client.get_posts([x_id]).posts
    versions = {version for post in edited for version in post.edit_history_post_ids if version}
    newer = [version for version in versions if int(version) > int(x_id)]
    posts = client.get_posts(sorted(newer)).posts if newer else []
    return sorted(posts, key=lambda post: int(post.id), reverse=True)


def _first_untaken(
    ledger: Ledger,
    user: AccountOnX,
    attempt: Attempt,
    part: PartSpec,
    matching: Sequence[PostOnX],
    *,
    now: DateTime,
) -> PostOnX | None:
    # Of a twin whose sender is dead nobody knows more than of this one: they must not wait for each other.
    if part in map(PartSpec.model_validate, ledger.sending.being_sent(user.account, but=attempt, now=now)):
        raise UndecidedError(
            "another part that says the same is being sent at this moment; it is its turn first"
        )
    # X shows an edited post by its newest version: a person may have changed what another part created.
    versions = {
        post.id: {post.id} if part.edit_of else {post.id, *post.edit_history_post_ids} for post in matching
    }
    known = ledger.receipts.known(set[str]().union(*versions.values()))
    taken = {x_id for x_id, of_it in versions.items() if of_it & known}
    if taken and _has_receipt(ledger, attempt):
        # Its own post is among those taken: what is left is its twin's.
        raise UndecidedError("somebody else has found it meanwhile")
    return next((post for post in reversed(matching) if post.id not in taken), None)


def _has_receipt(ledger: Ledger, attempt: Attempt) -> bool:
    parts = ledger.posts.get(attempt.post_id).parts
    return any(part.id == attempt.part_id and part.receipt is not None for part in parts)


def not_before(ledger: Ledger, attempt: Attempt) -> DateTime:
    """When X may have created the attempt's part at the earliest, by its clock.

    An earlier attempt's post may show up only now.
    """
    began_at = ledger.sending.began_at(attempt, but_ended=CREATED_NOTHING)
    return began_at.subtract(seconds=_CLOCK_SKEW_SECONDS)


def _not_after(attempt: Attempt) -> DateTime:
    """When X may have created the attempt's post at the latest, by its clock."""
    return attempt.lease_until.add(seconds=QUIET_SECONDS + _CLOCK_SKEW_SECONDS)


def matches(part: PartSpec, post: PostOnX, *, parent: str | None) -> bool:
    """Whether the post on X is what the part asked for: text, number of files, poll, what it answers and quotes."""
    answered = parent or part.reply_to
    has_poll = bool(post.attachments and post.attachments.poll_ids)
    quoted = {reference.id for reference in post.referenced_posts if reference.type == "quoted"}
    return (
        len(post.media_keys) == len(part.media)
        and has_poll == (part.poll is not None)
        and (post.in_reply_to_post_id == answered or part.edit_of is not None)
        and (part.quote is None or part.quote in quoted)
        and _comparable(part.text, extract_urls(part.text))
        in _without_additions(text_of(post), part, is_reply=post.in_reply_to_post_id is not None)
    )


def _without_additions(text: str, part: PartSpec, *, is_reply: bool) -> set[str]:
    """The texts that X may have made ``text`` of: with a link to what it quotes or to its author's messages, with the
    names of those it answers.

    Which of them the author wrote cannot be seen: each may be theirs.
    """
    texts = [text]
    if part.quote is not None:
        page = rf"(?:^|\s)(?:\w+\.)?(?:x|twitter)\.com/\w+/status/{part.quote}(?:\?\S*)?$"
        texts.append(re.sub(page, "", text, flags=re.IGNORECASE))
    if part.direct_message_deep_link is not None:
        texts.append(_MESSAGE_PAGE.sub("", text))
    for each in texts:
        if is_reply and (name := _LEADING_NAME.match(each)):
            texts.append(each[name.end() :])
    return set(texts)


def text_of(post: PostOnX) -> str:
    """A post's text as its author wrote it, comparably: links expanded, the link to its own media taken off."""
    text, entities = post.text, post.entities
    if post.note_post is not None:
        text, entities = post.note_post.text, post.note_post.entities
    urls = []
    for link in entities.urls if entities else ():
        if link.url is None:
            continue
        stands_for_media = link.media_key is not None or _MEDIA_PAGE.search(link.expanded_url or "")
        text = text.replace(link.url, "" if stands_for_media else (link.expanded_url or link.url))
        if not stands_for_media and link.expanded_url:
            urls.append(link.expanded_url)
    return _comparable(text, urls)


def _comparable(text: str, urls: Iterable[str]) -> str:
    for url in sorted(urls, key=len, reverse=True):
        text = text.replace(url, re.sub(r"^https?://", "", url, flags=re.IGNORECASE).rstrip("/"))
    # A text about HTML may hold entities of its own, under the ones that X puts in: down to the bare characters.
    while (bare := html.unescape(text)) != text:
        text = bare
    return " ".join(unicodedata.normalize("NFC", text).split())
