"""Videos made to fit. Decodes: only child processes import it, see `x_provider.media.isolation`."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.video.stream import VideoStream

from x_provider.media.errors import AGAIN, MediaError
from x_provider.media.fitting import SOUND_RATE
from x_provider.media.limits import MAX_FPS, SMALLEST_SIDE, WIDEST
from x_provider.media.videos import opened, rate_of

_SOUND_SAMPLES = 48_000
_UNSAID_FPS = 30
_THREADS = 4
_TURNS = {90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}


def transcode(
    path: Path, *, target: str, demuxer: str, sides: tuple[int, int], bit_rate: int, longest: float
) -> None:
    """Write a video as H.264 with AAC sound: upright, progressive, in square pixels, frame by frame.

    :param sides: the most pixels that its longer and its shorter side may have.
    :param bit_rate: of the pictures, at most.
    :param longest: seconds that the video may take.
    :raises MediaError: when it is damaged, or longer than it may be.
    """
    try:
        first = _first_frame(path, demuxer)
        with (
            opened(path, demuxer) as source,
            av.open(target, "w", options={"movflags": "+faststart"}) as made,
        ):
            pictures = _Pictures(source, made, first, sides, bit_rate)
            sound = _Sound(source, made) if source.streams.audio else None
            began = Fraction(source.start_time or 0, 1_000_000)
            for packet in source.demux(pictures.stream, *([sound.stream] if sound else [])):
                for frame in packet.decode():
                    if not isinstance(frame, av.VideoFrame | av.AudioFrame):
                        continue
                    _start_at_zero(frame, began)
                    _require_time(frame, path.name, longest)
                    if isinstance(frame, av.VideoFrame):
                        pictures.take(frame)
                    elif sound is not None:
                        sound.take(frame)
            pictures.finish()
            if sound is not None:
                sound.finish()
    except av.FFmpegError as error:
        raise MediaError(f"the video {path.name} cannot be encoded anew ({error.strerror})", AGAIN) from None


def _first_frame(path: Path, demuxer: str) -> av.VideoFrame:
    with opened(path, demuxer) as source:
        for frame in source.decode(video=0):
            return frame
    raise MediaError(f"the video {path.name} has no picture that can be decoded", AGAIN)


def _start_at_zero(frame: av.VideoFrame | av.AudioFrame, began: Fraction) -> None:
    if frame.pts is not None and frame.time_base:
        frame.pts -= int(began / frame.time_base)


def _require_time(frame: av.VideoFrame | av.AudioFrame, name: str, longest: float) -> None:
    if frame.time is not None and frame.time > longest + 1:
        raise MediaError(f"{name} is longer than the {longest:,.0f} s that X takes", "Cut it")


def _even(length: float) -> int:
    return max(int(length) // 2 * 2, 2)


def shape(width: float, height: float, sides: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The size that the pictures get, and that of the video around them, which is no narrower than 1:3."""
    short, long = sorted((max(width, height / WIDEST), max(height, width / WIDEST)))
    scale = max(min(1, sides[0] / long, sides[1] / short), SMALLEST_SIDE / short)
    inner = _even(width * scale), _even(height * scale)
    outer_width = max(inner[0], 2 * math.ceil(inner[1] / WIDEST / 2), SMALLEST_SIDE)
    outer_height = max(inner[1], 2 * math.ceil(outer_width / WIDEST / 2), SMALLEST_SIDE)
    return inner, (outer_width, outer_height)


class _Pictures:
    """Pictures on their way: decoded, changed by a graph of filters, encoded."""

    def __init__(
        self,
        source: InputContainer,
        made: OutputContainer,
        first: av.VideoFrame,
        sides: tuple[int, int],
        bit_rate: int,
    ) -> None:
        self._made = made
        self._first = first
        self.stream: VideoStream = source.streams.video[0]
        self.stream.thread_type, self.stream.thread_count = "AUTO", _THREADS
        rate = Fraction(min(rate_of(self.stream) or _UNSAID_FPS, MAX_FPS)).limit_denominator(10_000)
        inner, outer = shape(*_shown(first, self.stream), sides)
        self._graph = _graph(first, self.stream, inner, outer, rate)
        self._encoded = made.add_stream(
            "libx264",
            rate=rate,
            options={
                "preset": "veryfast",
                "profile": "high",
                "crf": "20",
                "maxrate": str(bit_rate),
                "bufsize": str(bit_rate),
            },
        )
        self._encoded.width, self._encoded.height = outer
        self._encoded.pix_fmt = "yuv420p"
        self._encoded.thread_count = _THREADS
        for colour in ("color_primaries", "color_trc", "colorspace"):
            setattr(self._encoded.codec_context, colour, getattr(self.stream.codec_context, colour))

    def take(self, frame: av.VideoFrame) -> None:
        """Encode what the frame brings out of the filters."""
        like = self._first
        if (frame.width, frame.height, frame.format.name) != (like.width, like.height, like.format.name):
            frame = frame.reformat(like.width, like.height, like.format.name)
        self._graph.vpush(frame)
        self._pull()

    def finish(self) -> None:
        """Encode what is still on its way."""
        self._graph.vpush(None)
        self._pull()
        self._made.mux(self._encoded.encode(None))

    def _pull(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            frame.pict_type = 0  # the encoder decides which are key frames
            self._made.mux(self._encoded.encode(frame))


class _Sound:
    """Sound on its way: decoded, encoded as AAC-LC in at most two channels."""

    def __init__(self, source: InputContainer, made: OutputContainer) -> None:
        self._made = made
        self.stream: AudioStream = source.streams.audio[0]
        channels = self.stream.codec_context.channels
        self._encoded = made.add_stream(
            "aac", rate=_SOUND_SAMPLES, layout="mono" if channels == 1 else "stereo"
        )
        self._encoded.bit_rate = SOUND_RATE

    def take(self, frame: av.AudioFrame) -> None:
        """Encode the frame; the encoder changes its layout and rate."""
        self._made.mux(self._encoded.encode(frame))

    def finish(self) -> None:
        """Encode what is still on its way."""
        self._made.mux(self._encoded.encode(None))


def _turned(frame: av.VideoFrame) -> int:
    """By how many degrees it is shown turned clockwise."""
    return round(-frame.rotation % 360 / 90) * 90 % 360


def _shown(frame: av.VideoFrame, stream: VideoStream) -> tuple[float, float]:
    """Width and height as people see it."""
    aspect = float(stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio or 1)
    size = frame.width * (aspect if 0.1 < aspect < 10 else 1), float(frame.height)
    return size if _turned(frame) % 180 == 0 else (size[1], size[0])


def _graph(
    first: av.VideoFrame, stream: VideoStream, inner: tuple[int, int], outer: tuple[int, int], rate: Fraction
) -> Graph:
    filters = [
        *(["yadif"] if first.interlaced_frame else []),
        *_TURNS.get(_turned(first), []),
        f"scale={inner[0]}:{inner[1]}:flags=lanczos:out_range=tv",
        "setsar=1",
        *([f"pad={outer[0]}:{outer[1]}:-1:-1"] if outer != inner else []),
        f"fps={rate.numerator}/{rate.denominator}",
        "format=yuv420p",
    ]
    graph = Graph()
    graph.threads = _THREADS
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=stream.time_base
    )
    steps = [graph.add(name, arguments or None) for name, _, arguments in (f.partition("=") for f in filters)]
    graph.link_nodes(source, *steps, graph.add("buffersink")).configure()
    return graph
