"""GIFs made to fit. Decodes: only child processes import it, see `x_provider.media.isolation`.

Pillow reads them, since it counts frames as `inspect` does; FFmpeg chooses colours and writes them, frame by frame,
which is some twenty times as fast.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.filter.context import FilterContext
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from x_provider.media.errors import AGAIN, MediaError
from x_provider.media.limits import GIF_FRAMES, GIF_HEIGHT, GIF_PIXELS, GIF_WIDTH

_CLOCK = Fraction(1, 100)
_UNSAID_HUNDREDTHS = 10
"""How long browsers show a frame that says 0."""
_ATTEMPTS = 8


@dataclass(frozen=True)
class _Kept:
    """A frame that stays: its number in the original, and how long it and those dropped after it show."""

    number: int
    hundredths: int


def refit(path: Path, *, target: str, most: int) -> str:
    """Write a GIF of at most ``most`` bytes to the target: as long as before, with fewer frames and pixels.

    :returns: the suffix by which the target is longer.
    :raises MediaError: when it is damaged, or too large whatever is done.
    """
    warnings.simplefilter("ignore")
    written = Path(f"{target}.gif")
    try:
        with Image.open(path, formats=("GIF",)) as gif:
            assert isinstance(gif, GifImageFile)  # noqa: S101
            kept = _kept(gif)
            palette = _palette(gif, kept)
            scale = scale_of(gif.width, gif.height, len(kept))
            for _ in range(_ATTEMPTS):
                _write(gif, kept, palette, scale, written)
                size = written.stat().st_size
                if size <= most:
                    return ".gif"
                scale *= max(0.3, 0.95 * math.sqrt(most / size))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever broken bytes lead them to
        raise MediaError(f"the GIF {path.name} is damaged ({error})", AGAIN) from None
    raise MediaError(f"{path.name} cannot be made small enough", "Make it shorter or smaller")


def _kept(gif: GifImageFile) -> list[_Kept]:
    durations = []
    for number in range(gif.n_frames):
        gif.seek(number)
        durations.append(round(gif.info.get("duration", 0) / 10) or _UNSAID_HUNDREDTHS)
    keep = min(len(durations), GIF_FRAMES)
    starts = [index * len(durations) // keep for index in range(keep)]
    return [
        _Kept(start, sum(durations[start:end]))
        for start, end in zip(starts, [*starts[1:], len(durations)], strict=True)
    ]


def scale_of(width: int, height: int, frames: int) -> float:
    """How small a GIF has to become for its pixels' sake."""
    return min(1, GIF_WIDTH / width, GIF_HEIGHT / height, math.sqrt(GIF_PIXELS / (width * height * frames)))


def _frames(gif: GifImageFile, kept: list[_Kept]) -> Iterator[av.VideoFrame]:
    shown_at = 0
    for keep in kept:
        gif.seek(keep.number)
        picture = gif.convert("RGBA")
        frame = av.VideoFrame.from_bytes(picture.tobytes(), *picture.size)
        frame.pts, frame.time_base = shown_at, _CLOCK
        yield frame
        shown_at += keep.hundredths


def _palette(gif: GifImageFile, kept: list[_Kept]) -> av.VideoFrame:
    graph = Graph()
    source = _source(graph, gif.width, gif.height)
    steps = [source, graph.add("palettegen", "stats_mode=full"), graph.add("buffersink")]
    graph.link_nodes(*steps).configure()
    for frame in _frames(gif, kept):
        source.push(frame)
    source.push(None)
    palette = graph.vpull()
    palette.pts, palette.time_base = 0, _CLOCK
    return palette


def _write(gif: GifImageFile, kept: list[_Kept], palette: av.VideoFrame, scale: float, written: Path) -> None:
    width, height = max(int(gif.width * scale), 1), max(int(gif.height * scale), 1)
    graph = Graph()
    source = _source(graph, gif.width, gif.height)
    colours = _source(graph, palette.width, palette.height, palette.format.name)
    scaled = graph.add("scale", f"{width}:{height}:flags=lanczos")
    coloured = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
    sink = graph.add("buffersink")
    source.link_to(scaled)
    scaled.link_to(coloured, 0, 0)
    colours.link_to(coloured, 0, 1)
    coloured.link_to(sink)
    graph.configure()
    colours.push(palette)
    colours.push(None)
    options = {"loop": str(gif.info.get("loop", -1)), "final_delay": str(min(kept[-1].hundredths, 65_535))}
    with av.open(str(written), "w", format="gif", options=options) as made:
        stream = made.add_stream("gif", rate=100)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = _CLOCK
        for frame in itertools.chain(_frames(gif, kept), [None]):
            source.push(frame)
            for done in _pulled(sink):
                made.mux(stream.encode(done))
        made.mux(stream.encode(None))


def _source(graph: Graph, width: int, height: int, pixels: str = "rgba") -> FilterContext:
    return graph.add_buffer(width=width, height=height, format=av.VideoFormat(pixels), time_base=_CLOCK)


def _pulled(sink: FilterContext) -> Iterator[av.VideoFrame]:
    with contextlib.suppress(BlockingIOError, EOFError):
        while True:
            frame = sink.pull()
            assert isinstance(frame, av.VideoFrame)  # noqa: S101
            yield frame
