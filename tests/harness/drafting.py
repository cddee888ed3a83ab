"""Posts and files as a calendar would hand them on, without one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pendulum
from PIL import Image

from x_provider.calendar import MediaSpec, PartSpec
from x_provider.ledger import Ledger, Post, PostDraft


def draft_of(
    *parts: PartSpec | str,
    due_at: pendulum.DateTime | None = None,
    due_in: float = 0.0,
    grace: int = 900,
    then: str = "publish",
    **fields: Any,
) -> PostDraft:
    """A post as the ledger takes it: ``december/hello`` of ``x_default``, due now unless said otherwise.

    :param parts: in order; words alone are a part of that text.
    :param due_in: seconds from now; only without ``due_at``.
    :param grace: seconds after which a late post counts as too late.
    :param then: what becomes of it then.
    :param fields: the draft's other fields.
    """
    specs = [PartSpec(text=part) if isinstance(part, str) else part for part in parts]
    draft = PostDraft(
        calendar="december",
        key="hello",
        account="x_default",
        revision="r1",
        at="now",
        timezone="UTC",
        due_at=due_at or pendulum.now("UTC").add(seconds=due_in),
        late_grace_seconds=grace,
        late_then=then,
        lead_seconds=120,
        contents=[spec.model_dump(mode="json", exclude_defaults=True) for spec in specs],
    )
    return replace(draft, **fields)


def plan_post(ledger: Ledger, *parts: PartSpec | str, **fields: Any) -> Post:
    """Plan a post and give the ledger's: what it takes is what :func:`draft_of` takes."""
    draft = draft_of(*parts, **fields)
    assert ledger.posts.put(draft, now=pendulum.now("UTC")), f"{draft.key} is on X or on its way there"
    post = ledger.posts.find(draft.calendar, draft.key)
    assert post is not None
    return post


def described(path: Path, *, alt: str | None = None) -> MediaSpec:
    """A picture or GIF on disk as the calendar describes it."""
    with Image.open(path) as picture:
        media_type = Image.MIME[picture.format or ""]
        width, height = picture.size
    return MediaSpec(
        source=str(path),
        media_type=media_type,
        category="tweet_gif" if media_type == "image/gif" else "tweet_image",
        alt=alt,
        width=width,
        height=height,
        **_content_of(path),
    )


def make_film(path: Path, *, shade: int = 200, damaged: bool = False, alt: str | None = None) -> MediaSpec:
    """Save a GIF of two frames, which X processes after it is uploaded; a damaged one fails then.

    :param shade: the second frame's red; with another it is another file.
    """
    first, second = (Image.new("RGB", (16, 16), (red, 0, 0)) for red in (10, shade))
    first.save(path, save_all=True, append_images=[second], duration=100, loop=0)
    film = described(path, alt=alt)
    if damaged:
        path.write_bytes(path.read_bytes()[:40])
    return film.model_copy(update=_content_of(path))


def make_video(path: Path) -> MediaSpec:
    """Save an MP4 of a second, as X documents it."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            picture = Image.new("RGB", (64, 48), (10 * number, 20, 60))
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    return MediaSpec(
        source=str(path),
        media_type="video/mp4",
        category="tweet_video",
        width=64,
        height=48,
        duration_seconds=1,
        **_content_of(path),
    )


def _content_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
