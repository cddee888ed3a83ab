"""Finding out what X did: an attempt without an answer is looked for on the account's own timeline."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

from x_provider.calendar import PartSpec
from x_provider.client import Post as PostOnX
from x_provider.client import XClient
from x_provider.client.ids import created_at
from x_provider.ledger import AccountOnX, Attempt, Ledger
from x_provider.text import extract_urls

QUIET_SECONDS = 180
"""How long after an attempt its post may still appear: X may be slow to create it, and reads lag writes."""

_MOST_POSTS = 200
_CLOCK_SKEW_SECONDS = 900
_MEDIA_PAGE = re.compile(r"/(photo|video)/\d+$")


class UndecidedError(RuntimeError):
    """What X shows proves nothing now; the message says why."""


def look_for(
    ledger: Ledger, client: XClient, user: AccountOnX, attempt: Attempt, part: PartSpec, *, parent: str | None
) -> PostOnX | None:
    """The post on X that the attempt created, as far as X shows it by now.

    Read are the account's posts since the newest one that the ledger knew when the attempt began, and of
    these the ones that are not older than the attempt and that no other part has a receipt for.

    :param parent: X id of the post that the part answers.
    :raises UndecidedError: when the timeline would be somebody else's, or a twin of the part is on its way.
    :raises XError: when the timeline cannot be read: then nothing is known.
    """
    if user.user_id != attempt.user_id:
        raise UndecidedError(
            f"the connection {user.account} belonged to the user {attempt.user_id} of X when the post was sent"
            f" and belongs to @{user.username} ({user.user_id}) now, whose timeline proves nothing. Restore the"
            " credentials it had."
        )
    not_before = attempt.started_at.subtract(seconds=_CLOCK_SKEW_SECONDS)
    since = {"since_id": attempt.newest_own_id} if attempt.newest_own_id else {"start_time": not_before}
    timeline = client.user_timeline(user.user_id, max_posts=_MOST_POSTS, **since)
    recent = [post for post in timeline if (created_at(post.id) or not_before) >= not_before]
    matching = [post for post in recent if matches(part, post, parent=parent)]
    if not matching:
        return None
    if part in map(PartSpec.model_validate, ledger.sending.being_sent(user.account, but=attempt)):
        raise UndecidedError(
            "another part that says the same is being sent at this moment; it is its turn first"
        )
    taken = ledger.receipts.known([post.id for post in matching])
    return next((post for post in reversed(matching) if post.id not in taken), None)


def matches(part: PartSpec, post: PostOnX, *, parent: str | None) -> bool:
    """Whether the post on X is what the part asked for: text, number of files, poll, and what it answers."""
    has_poll = bool(post.attachments and post.attachments.poll_ids)
    return (
        _comparable(part.text, extract_urls(part.text)) == text_of(post)
        and len(post.media_keys) == len(part.media)
        and has_poll == (part.poll is not None)
        and post.in_reply_to_post_id == (parent or part.reply_to)
    )


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
