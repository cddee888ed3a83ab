"""From one part's content to the request that creates it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from x_provider.calendar import PartSpec, PollSpec, VideoSpec
from x_provider.client import (
    AppInstall,
    CallToActions,
    CreatePost,
    EditOptions,
    Geo,
    MediaAttachment,
    Poll,
    Reply,
    SignedCall,
    VisitSite,
    WatchNow,
    XClient,
)
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
    :param in_reply_to: X id of the thread's previous part; it wins over the part's own ``reply_to``.
    :param preview_media_id: id of the uploaded picture that stands for its video.
    """
    parent = in_reply_to or part.reply_to
    return CreatePost(
        text=part.text,
        media=_media(part, media_ids, preview_media_id) if media_ids else None,
        poll=_poll(part.poll) if part.poll is not None else None,
        reply=_reply(part, parent) if parent else None,
        edit_options=EditOptions(previous_post_id=part.edit_of) if part.edit_of else None,
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


def _media(part: PartSpec, media_ids: Sequence[str], preview_media_id: str | None) -> MediaAttachment:
    video = part.video or VideoSpec()
    return MediaAttachment(
        media_ids=list(media_ids),
        tagged_user_ids=part.tagged_user_ids or None,
        title=video.title,
        description=video.description,
        embeddable=video.embeddable,
        preview_media_id=preview_media_id,
        call_to_actions=_call_to_actions(video),
    )


def _call_to_actions(video: VideoSpec) -> CallToActions | None:
    install = AppInstall(
        app_store_id=video.app_store_id,
        ipad_app_store_id=video.ipad_app_store_id,
        play_store_id=video.play_store_id,
    )
    actions = CallToActions(
        visit_site=VisitSite(url=video.visit_site) if video.visit_site else None,
        watch_now=WatchNow(url=video.watch_now) if video.watch_now else None,
        app_install=install if install != AppInstall() else None,
    )
    return actions if actions != CallToActions() else None


def _poll(poll: PollSpec) -> Poll:
    return Poll(
        options=list(poll.options),
        duration_minutes=poll.duration_minutes,
        reply_settings=poll.reply_settings,
    )


def _reply(part: PartSpec, parent: str) -> Reply:
    return Reply(
        in_reply_to_tweet_id=parent,
        exclude_reply_user_ids=part.exclude_reply_user_ids or None,
        auto_populate_reply_metadata=part.auto_populate_reply_metadata,
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
