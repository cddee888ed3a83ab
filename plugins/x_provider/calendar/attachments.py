"""What a part shows: pictures, a GIF or a video, and what stands around a video.

The rules are those of https://docs.x.com/x-api/media/introduction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from x_provider.calendar.fields import Fields
from x_provider.calendar.findings import quoted
from x_provider.calendar.link_rules import EntryLinks
from x_provider.calendar.model import MediaSpec, SensitiveMedia, SubtitlesSpec, VideoSpec
from x_provider.calendar.plans import Rights
from x_provider.calendar.shelf import InspectedMedia, Shelf
from x_provider.calendar.yaml_tree import Node, Scalar
from x_provider.media import MAX_ALT_LENGTH, MAX_IMAGES, MediaError, breaches, changeable

_MEDIA_FIELDS = ("file", "alt", "fit", "sensitive", "subtitles")
_SUBTITLES_FIELDS = ("file", "language", "name")
_VIDEO_FIELDS = (
    "title",
    "description",
    "embeddable",
    "preview",
    "visit_site",
    "watch_now",
    "app_store_id",
    "ipad_app_store_id",
    "play_store_id",
)
_SENSITIVE = ("adult_content", "graphic_violence", "other")
_LANGUAGE = re.compile(r"[A-Z]{2}")


class Attachments:
    """Reads what the parts of one entry show.

    :param rights: of the account; with X Premium it may post longer and larger videos.
    :param fetch: whether files that are not on this machine are fetched.
    """

    def __init__(self, shelf: Shelf, rights: Rights, *, fetch: bool) -> None:
        self._shelf = shelf
        self._rights = rights
        self._fetch = fetch

    def media(self, fields: Fields) -> list[MediaSpec]:
        """Read ``media``; what is wrong with it goes to the fields' report."""
        items = fields.sequence("media")
        if items is None:
            return []
        if not items:
            fields.warning("media", "is an empty list", "Remove it, or name a file")
        if len(items) > MAX_IMAGES:
            fields.error(
                "media", f"has {len(items)} files; X takes {MAX_IMAGES} pictures, or one GIF, or one video"
            )
            return []
        found = list(self._items(fields, items))
        categories = {spec.category for _, spec in found}
        if len(found) > 1 and categories != {"tweet_image"}:
            names = ", ".join(f"{name} ({spec.category[6:]})" for name, spec in found)
            message = f"mixes {names}; X takes up to {MAX_IMAGES} pictures, or one GIF, or one video"
            fields.error("media", message, "Make several posts")
        return [spec for _, spec in found]

    def video(self, fields: Fields, media: list[MediaSpec], links: EntryLinks) -> VideoSpec | None:
        """Read ``video``: what X shows around the one of ``media``.

        :param links: what becomes of the addresses behind its buttons.
        """
        video = fields.mapping("video", known=_VIDEO_FIELDS)
        if video is None:
            return None
        # Media that could not be read have findings of their own.
        if not fields.has("media") or any(spec.category != "tweet_video" for spec in media):
            fields.error("video", "stands beside no video", "Name the video under media, or take this out")
        return VideoSpec(
            title=video.words("title"),
            description=video.words("description"),
            embeddable=video.flag("embeddable"),
            preview=self._preview(video),
            visit_site=links.button(video, "visit_site"),
            watch_now=links.button(video, "watch_now"),
            app_store_id=video.words("app_store_id"),
            ipad_app_store_id=video.words("ipad_app_store_id"),
            play_store_id=video.words("play_store_id"),
        )

    def _items(self, fields: Fields, items: list[Node]) -> Iterator[tuple[str, MediaSpec]]:
        seen: dict[int, dict[str, Any]] = {}
        for index, node in enumerate(items):
            item = fields.item("media", index, node, known=_MEDIA_FIELDS)
            source = item.required("file", "media/picture.jpg") if item is not None else None
            if item is None or source is None:
                continue
            alt, fit, sensitive = _alt(item), item.flag("fit") or False, _sensitive(item)
            looked = self._look(item, "file", source, fit=fit)
            if looked is None:
                continue
            is_video = looked.found.category == "tweet_video"
            if alt is None and not is_video:
                item.warning(
                    "alt", f"is missing: {looked.name} has no description for people who cannot see it"
                )
            subtitles = list(self._subtitles(item)) if is_video else []
            if item.has("subtitles") and not is_video:
                item.error("subtitles", f"{looked.name} is no video", "Take them out")
            spec = _spec(looked).model_copy(
                update={
                    "alt": alt,
                    "fit": ("premium" if self._rights.premium else "default") if fit else None,
                    "sensitive": sensitive,
                    "subtitles": subtitles,
                }
            )
            same = next((index for index, other in seen.items() if other == _content(spec)), None)
            if same is not None:
                message = (
                    f"is the same file as media[{same}], said the same about: X refuses a post with one twice"
                )
                item.error("file", f"{looked.name} {message}", "Take one of them out")
            seen[index] = _content(spec)
            yield looked.name, spec

    def _look(self, fields: Fields, name: str, source: str, *, fit: bool) -> InspectedMedia | None:
        try:
            looked = self._shelf.media(source, fetch=self._fetch)
        except MediaError as error:
            fields.error(name, error.message, error.hint, may_pass=error.may_pass)
            return None
        changed = changeable(looked.found, premium=self._rights.premium) if fit else []
        if changed and looked.found.category == "tweet_image" and looked.found.frames > 1:
            message = f"{looked.name}: {changed[0]}; it moves, and would not when made to fit"
            fields.error(name, message, "Make a GIF or a video of it")
            return looked
        with_premium = {message for _, message in breaches(looked.found, premium=True)}
        for severity, message in breaches(looked.found, premium=self._rights.premium):
            if message in changed:
                fields.warning(name, f"{looked.name}: {message}; it is re-encoded, as fit: true says")
                continue
            say = fields.error if severity == "error" else fields.warning
            hint = None if message in with_premium else f"Write {self._rights.if_premium}"
            say(name, f"{looked.name}: {message}", hint)
        return looked

    def _preview(self, video: Fields) -> MediaSpec | None:
        source = video.words("preview")
        looked = self._look(video, "preview", source, fit=False) if source else None
        if looked is None:
            return None
        if looked.found.category != "tweet_image":
            video.error("preview", f"{looked.name} is no picture", "Name a JPEG, PNG or WEBP file")
        return _spec(looked)

    def _subtitles(self, item: Fields) -> Iterator[SubtitlesSpec]:
        languages = set()
        for index, node in enumerate(item.sequence("subtitles") or []):
            one = item.item("subtitles", index, node, known=_SUBTITLES_FIELDS)
            if one is None:
                continue
            source, name = one.required("file", "media/english.srt"), one.required("name", "English")
            language = one.required("language", "EN")
            if language is not None and not _LANGUAGE.fullmatch(language):
                hint = "Write for example EN for English"
                one.error("language", f"must be two capital letters, not {quoted(language)}", hint)
            if language in languages:
                one.error("language", f"{language} is there twice", "Take one of them out")
            languages.add(language)
            if source is None or name is None or language is None:
                continue
            try:
                read = self._shelf.subtitles(source, fetch=self._fetch)
            except MediaError as error:
                one.error("file", error.message, error.hint, may_pass=error.may_pass)
                continue
            yield SubtitlesSpec(
                source=read.source,
                sha256=read.sha256,
                media_type=read.media_type,
                language=language,
                name=name,
            )


def _spec(looked: InspectedMedia) -> MediaSpec:
    found = looked.found
    return MediaSpec(
        source=looked.source,
        sha256=looked.sha256,
        size=found.size,
        media_type=found.media_type,
        category=found.category,
        width=found.width,
        height=found.height,
        duration_seconds=found.duration_seconds,
    )


def _content(spec: MediaSpec) -> dict[str, Any]:
    """What makes one upload of a file: two that agree in it get one media id."""
    return spec.model_dump(include={"sha256", "category", "alt", "fit", "sensitive", "subtitles"})


def _alt(item: Fields) -> str | None:
    alt = (item.text("alt") or "").strip()
    if len(alt) > MAX_ALT_LENGTH:
        item.error("alt", f"has {len(alt):,} characters; X takes {MAX_ALT_LENGTH:,}", "Shorten it")
    item.check_characters("alt", alt)
    return alt or None


def _sensitive(item: Fields) -> list[SensitiveMedia]:
    warnings = [node.value if isinstance(node, Scalar) else "" for node in item.sequence("sensitive") or []]
    for index, warning in enumerate(warnings):
        if warning not in _SENSITIVE:
            message = f"must be one of {', '.join(_SENSITIVE)}, not {quoted(warning)}"
            item.error(f"sensitive[{index}]", message)
    return [cast("SensitiveMedia", warning) for warning in dict.fromkeys(warnings) if warning in _SENSITIVE]
