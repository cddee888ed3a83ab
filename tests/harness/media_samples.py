"""Media files, real and small, just within X's limits and just beyond them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

from x_provider.media.limits import MEBIBYTE, MEGABYTE

H264 = "libx264"
MPEG4 = "mpeg4"


def gif(path: Path, *, size: tuple[int, int], frames: int) -> Path:
    """An animation of the given canvas; each frame draws one pixel of it, so that it is quickly made."""
    canvas = struct.pack("<HHBBB", *size, 0b1000_0000, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(b"GIF89a" + canvas + frame * frames + b"\x3b")
    return path


def video(
    path: Path,
    *,
    codec: str = H264,
    size: tuple[int, int] = (64, 64),
    rate: Fraction | int = 10,
    frames: int = 10,
    pixels: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    sound: str | None = None,
    aspect: int = 1,
    noise: bool = False,
    container: Mapping[str, str] | None = None,
) -> Path:
    """A video; the sound is silence in AAC, of a layout such as ``stereo``, as long as the pictures."""
    with av.open(str(path), "w", container_options=dict(container or {})) as written:
        stream = written.add_stream(codec, rate=rate, options=dict(options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        heard = written.add_stream("aac", rate=44_100, layout=sound) if sound else None
        for shade in range(frames):
            image = (
                Image.effect_noise(size, 50).convert("RGB")
                if noise
                else Image.new("RGB", size, (shade % 256, 90, 120))
            )
            written.mux(stream.encode(av.VideoFrame.from_image(image)))
        written.mux(stream.encode())
        if heard is not None:
            for begin in range(0, int(44_100 * frames / rate), 1024):
                written.mux(heard.encode(silence(begin, sound)))
            written.mux(heard.encode())
    return path


def silence(begin: int, layout: str) -> av.AudioFrame:
    """Nothing to hear, from that sample on."""
    frame = av.AudioFrame(format="fltp", layout=layout, samples=1024)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate, frame.pts = 44_100, begin
    return frame


def jpeg_of(path: Path, size: int) -> Path:
    """A picture with a tail that decoders ignore, as cameras and editors leave it."""
    Image.new("RGB", (32, 24)).save(path, format="JPEG")
    with path.open("r+b") as file:
        file.truncate(size)
    return path


def png_claiming(path: Path, width: int, height: int) -> Path:
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0")),
    ]
    written = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return path


MADE: dict[str, Callable[[Path], Path]] = {
    "wide.gif": lambda path: gif(path, size=(1_281, 8), frames=2),
    "high.gif": lambda path: gif(path, size=(8, 1_081), frames=2),
    "frames.gif": lambda path: gif(path, size=(8, 8), frames=351),
    "pixels.gif": lambda path: gif(path, size=(1_280, 1_080), frames=220),
    "most.gif": lambda path: gif(path, size=(900, 900), frames=350),
    "small.mp4": lambda path: video(path, size=(30, 64)),
    "wide.mp4": lambda path: video(path, size=(200, 64)),
    "short.mp4": lambda path: video(path, frames=3),
    "fast.mp4": lambda path: video(path, rate=120, frames=120),
    "old.mp4": lambda path: video(path, codec=MPEG4),
    "web.webm": lambda path: video(path, codec="libvpx"),
    "long.mp4": lambda path: video(path, rate=Fraction(1, 10), frames=15),
    "endless.mp4": lambda path: video(path, rate=Fraction(1, 500), frames=16),
    "good.mp4": lambda path: video(path, size=(96, 32), rate=60, frames=60),
    "good.mov": video,
    "large.jpg": lambda path: jpeg_of(path, 5 * MEGABYTE + 1),
    "huge.jpg": lambda path: jpeg_of(path, 5 * MEBIBYTE + 1),
    "bomb.png": lambda path: png_claiming(path, 20_000, 20_000),
}
