"""Broken media files by the thousand: small real ones with bits, bytes and lengths changed by chance, seeded."""

from __future__ import annotations

import random
import struct
from pathlib import Path

from media_samples import video
from PIL import Image

from x_provider.media import MediaError, breaches, inspect, read_subtitles

OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"}
SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:02,500 --> 00:01:04,000\nWörld\n"
VTT = "WEBVTT\n\nNOTE hi\n\n00:01.000 --> 00:02.000 align:start\nHello\n\n00:02.000 --> 00:03.000\nWorld\n"
LENGTHS = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]


def samples(folder: Path) -> dict[str, bytes]:
    """A few small sound files of every kind that is looked into, by name."""
    noise = Image.effect_noise((48, 40), 90)
    colour = Image.merge("RGB", [noise, noise.rotate(90).resize(noise.size), noise.rotate(180)])
    clear = colour.convert("RGBA")
    clear.putalpha(noise)
    frames = [colour.rotate(angle * 20) for angle in range(6)]
    pictures: list[tuple[str, Image.Image, dict]] = [
        ("plain.jpg", colour, {}),
        ("progressive.jpg", colour, {"progressive": True, "exif": exif()}),
        ("cmyk.jpg", colour.convert("CMYK"), {}),
        ("plain.png", colour, {}),
        ("clear.png", clear, {}),
        ("palette.png", colour.quantize(16), {"bits": 4}),
        ("deep.png", noise.convert("I;16"), {}),
        ("still.gif", colour.quantize(32), {}),
        ("moving.gif", frames[0], {"save_all": True, "append_images": frames[1:], "duration": 40, "loop": 0}),
        ("lossy.webp", colour, {}),
        ("lossless.webp", clear, {"lossless": True}),
        ("moving.webp", frames[0], {"save_all": True, "append_images": frames[1:], "duration": 40}),
        ("plain.bmp", colour, {}),
        ("palette.bmp", colour.quantize(16), {}),
        ("plain.tif", colour, {}),
        ("packed.tif", colour, {"compression": "tiff_lzw"}),
        ("deflated.tif", noise, {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tif", colour, {"compression": "jpeg"}),
    ]
    for name, picture, options in pictures:
        picture.save(folder / name, **options)
    clip = {"size": (48, 40), "noise": True}
    video(folder / "sound.mp4", sound="stereo", **clip)
    video(folder / "fast.mp4", options={"tune": "fastdecode"}, **clip)
    video(folder / "open.mov", options=OPEN_GOP, frames=26, **clip)
    video(folder / "old.mov", codec="mpeg4", **clip)
    video(folder / "prores.mov", codec="prores_ks", pixels="yuv422p10le", frames=3, **clip)
    video(folder / "vp8.webm", codec="libvpx", **clip)
    video(folder / "vp9.webm", codec="libvpx-vp9", **clip)
    video(folder / "h264.ts", sound="stereo", **clip)
    video(folder / "mpeg2.ts", codec="mpeg2video", rate=25, **clip)
    (folder / "a.srt").write_text(SRT, encoding="utf-8")
    (folder / "a.vtt").write_text(VTT, encoding="utf-8")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x0112] = 6
    made[0x010E] = "described"
    return made


def malformed(kinds: dict[str, bytes], number: int, seed: int = 0) -> tuple[str, bytes]:
    """The broken file of that number: its name and its bytes; every kind comes equally often."""
    chance = random.Random(seed * 1_000_003 + number)
    names = sorted(kinds)
    name = names[number % len(names)]
    content = bytearray(kinds[name])
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        change = chance.choice((_flip, _flip_head, _truncate, _splice, _length, _repeat, _drop, _zero))
        content = change(content, chance, kinds)
    return name, bytes(content)


def outcome(path: Path) -> str:
    """What looking into the file leads to: ``measured``, ``refused``, or what must never be."""
    try:
        if path.suffix in {".srt", ".vtt"}:
            return "measured" if read_subtitles(path)[0] in {"text/srt", "text/vtt"} else "neither"
        found, sha256 = inspect(path)
        list(breaches(found))
    except MediaError as error:
        if "crashes its decoder" in error.message:
            return "crashed"
        if "is not decoded after" in error.message:
            return "stopped"
        return "refused" if error.message and error.hint else "refused without a word"
    sound = min(found.width, found.height, found.size, len(sha256)) > 0
    return "measured" if sound else "measured as what cannot be"


def _place(content: bytearray, chance: random.Random) -> int:
    return chance.randrange(max(len(content), 1))


def _flip(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    for _ in range(chance.choice((1, 4, 32, 256))):
        if content:
            content[_place(content, chance)] ^= 1 << chance.randrange(8)
    return content


def _flip_head(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    for _ in range(chance.randrange(1, 6)):
        if content:
            content[chance.randrange(min(len(content), 200))] = chance.randrange(256)
    return content


def _truncate(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    return content[: _place(content, chance)]


def _splice(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    other = kinds[chance.choice(sorted(kinds))]
    begin = chance.randrange(len(other))
    piece = other[begin : begin + chance.choice((8, 64, 1_024))]
    place = _place(content, chance)
    return content[:place] + piece + content[place + chance.choice((0, len(piece))) :]


def _length(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    form = chance.choice((">I", "<I", ">H", "<H", ">Q", "<Q"))
    wide = struct.calcsize(form)
    written = struct.pack(form, chance.choice(LENGTHS) & ((1 << 8 * wide) - 1))
    place = _place(content, chance)
    return content[:place] + written + content[place + chance.choice((0, wide)) :]


def _repeat(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    place = _place(content, chance)
    piece = content[place : place + chance.choice((1, 16, 256))]
    return content[:place] + piece * chance.choice((2, 50, 1_000)) + content[place:]


def _drop(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    place = _place(content, chance)
    return content[:place] + content[place + chance.choice((1, 7, 64, 512)) :]


def _zero(content: bytearray, chance: random.Random, kinds: dict[str, bytes]) -> bytearray:
    place = _place(content, chance)
    length = min(chance.choice((4, 64, 1_024)), len(content) - place)
    content[place : place + length] = bytes([chance.choice((0, 255))]) * length
    return content
