"""From one part's content to the request that creates it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from x_provider.calendar import PartSpec
from x_provider.client import CreatePost, Geo, MediaAttachment, Poll, Reply, SignedCall, XClient
from x_provider.ledger import Part


def compose(
    part: PartSpec,
    *,
    media_ids: Sequence[str],
    in_reply_to: str | None,
    preview_media_id: str | None = None,
) -> CreatePost:
    """The request for one part.

    :param media_ids: ids of the part's uploaded files, in its order.
    :param preview_media_id: id of the uploaded picture that stands for its video.
    :param in_reply_to: X id of the thread's previous part; it wins over the part's own ``reply_to``.
    """
    parent = in_reply_to or part.reply_to
    attachment = None
    if media_ids:
        attachment = MediaAttachment(
            media_ids=list(media_ids),
            tagged_user_ids=part.tagged_user_ids or None,
            preview_media_id=preview_media_id,
        )
    poll = None
    if part.poll is not None:
        poll = Poll(options=list(part.poll.options), duration_minutes=part.poll.duration_minutes)
    return CreatePost(
        text=part.text,
        media=attachment,
        poll=poll,
        reply=Reply(in_reply_to_tweet_id=parent) if parent else None,
        quote_tweet_id=part.quote,
        reply_settings=part.reply_settings,
        geo=Geo(place_id=part.place_id) if part.place_id else None,
        community_id=part.community_id,
        share_with_followers=part.share_with_followers,
        made_with_ai=part.made_with_ai,
        paid_partnership=part.paid_partnership,
        nullcast=part.nullcast,
        card_uri=part.card_uri,
        direct_message_deep_link=part.direct_message_deep_link,
        for_super_followers_only=part.for_super_followers_only,
    )


def sign_ahead(client: XClient, part: Part, *, in_reply_to: str | None) -> SignedCall | None:
    """The signed request for one part; None where it needs media ids, or could not be sent: firing says why.

    :raises XNeedsLogin: when there is nothing to sign with.
    """
    spec = PartSpec.model_validate(part.content)
    if spec.media:
        return None
    try:
        return client.sign_post(compose(spec, media_ids=(), in_reply_to=in_reply_to))
    except ValidationError:
        return None
