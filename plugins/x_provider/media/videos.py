"""Videos: what one is. Decodes: only child processes import it, see `x_provider.media.isolation`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from x_provider.media.errors import AGAIN, MediaError
from x_provider.media.limits import Measured

MAX_FRAME_PIXELS = 40_000_000
_MAX_SECONDS = 7 * 24 * 3600
_LOOKED_AT_PACKETS = 600
_LOOKED_AT_BYTES = 32 << 20
_TYPES = {"mov": "video/mp4", "matroska": "video/webm", "mpegts": "video/mp2t"}


def opened(path: Path, demuxer: str) -> InputContainer:
    """Open a video; ``demuxer`` is what its first bytes are: FFmpeg would follow the links of a playlist."""
    return av.open(f"file:{path}", mode="r", format=demuxer, metadata_errors="replace")


def measured(path: Path, *, name: str, size: int, demuxer: str, quicktime: bool) -> Measured:
    """Find out what a video is, from its headers and the packets of its first seconds.

    :raises MediaError: when it is damaged, ends early or has no picture.
    """
    try:
        with opened(path, demuxer) as container:
            if not container.streams.video:
                raise MediaError(f"{name} has no picture in it", "Make a video of it: X takes no sound alone")
            stream = container.streams.video[0]
            _require_sense(stream, name)
            _require_whole(container, name, size)
            interlaced, open_gop = _looked_at(container, stream, name)
            return _as_measured(
                container,
                stream,
                size,
                media_type="video/quicktime" if quicktime else _TYPES[demuxer],
                interlaced=interlaced,
                open_gop=open_gop,
            )
    except av.FFmpegError as error:
        raise MediaError(f"the video {name} is damaged ({error.strerror})", AGAIN) from None
    except (ValueError, ArithmeticError, AttributeError, LookupError) as error:
        if isinstance(error, MediaError):
            raise
        # What PyAV makes of headers without sense: no codec, a frame rate of 1/0, a stream that comes up later.
        raise MediaError(f"the video {name} is damaged ({error})", AGAIN) from None


def _require_sense(stream: VideoStream, name: str) -> None:
    codec = stream.codec_context
    if codec is None or not codec.width or not codec.height:
        raise MediaError(f"the video {name} is damaged (its picture has no size or no known encoding)", AGAIN)
    if codec.width * codec.height > MAX_FRAME_PIXELS:
        raise MediaError(
            f"{name} has {codec.width}x{codec.height} pixels, too many for a video", "Make it smaller"
        )


def _require_whole(container: InputContainer, name: str, size: int) -> None:
    """Raise when a part of the file that its index speaks of is not there."""
    for stream in container.streams:
        entries: Sequence[Any] = getattr(stream, "index_entries", ())  # PyAV < 17 has none
        if len(entries) and entries[-1].pos + entries[-1].size > size:
            raise MediaError(f"the video {name} is damaged (it ends early)", AGAIN)


def _looked_at(container: InputContainer, stream: VideoStream, name: str) -> tuple[bool, bool]:
    """Whether the video is interlaced, and whether its groups of pictures are open."""
    stream.thread_count = 1
    key: int | None = None
    seen = 0
    frame: av.VideoFrame | None = None
    open_gop = False
    for packet in islice(container.demux(stream), _LOOKED_AT_PACKETS):
        if frame is None:
            frame = next(iter(packet.decode()), None)
        if packet.pts is not None:
            if packet.is_keyframe:
                key = packet.pts
            # Shown before the key frame that it comes after: decoded from pictures on either side of it.
            open_gop = open_gop or (key is not None and packet.pts < key)
        seen += packet.size
        if seen > _LOOKED_AT_BYTES and frame is not None:
            break
    if frame is None:
        raise MediaError(f"the video {name} is damaged (it has no picture that can be decoded)", AGAIN)
    return bool(frame.interlaced_frame), open_gop


def _as_measured(
    container: InputContainer,
    stream: VideoStream,
    size: int,
    *,
    media_type: str,
    interlaced: bool,
    open_gop: bool,
) -> Measured:
    codec = stream.codec_context
    sounds = [sound for sound in container.streams.audio if sound.codec_context is not None]
    aspect = codec.sample_aspect_ratio or stream.sample_aspect_ratio
    return Measured(
        "tweet_video",
        media_type,
        size,
        codec.width,
        codec.height,
        frames=0,
        duration_seconds=duration_of(container, stream),
        fps=rate_of(stream),
        codecs=tuple(s.codec_context.name for s in (stream, *sounds)),
        profiles=tuple(str(s.profile or "") for s in (stream, *sounds)),
        pixel_format=codec.pix_fmt,
        square_pixels=not aspect or aspect == 1,
        interlaced=interlaced,
        open_gop=open_gop,
        channels=max((sound.codec_context.channels for sound in sounds), default=0),
    )


def duration_of(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds; None when the file does not say, or says what cannot be."""
    if container.duration is not None:
        seconds = container.duration / 1_000_000
    elif stream.duration is not None and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    else:
        return None
    return seconds if 0 < seconds < _MAX_SECONDS else None


def rate_of(stream: VideoStream) -> float | None:
    """Frames a second; None when the file does not say, or says what cannot be."""
    rate = float(stream.average_rate or 0)
    return rate if math.isfinite(rate) and rate > 0 else None
