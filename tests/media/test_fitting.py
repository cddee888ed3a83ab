"""Files that X would refuse, or may, made into files that it takes."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest
from media_samples import jpeg_of, video
from PIL import Image, ImageSequence

from x_provider.media import (
    Fitted,
    Measured,
    MediaError,
    animations,
    breaches,
    changeable,
    fit,
    inspect,
    stills,
)
from x_provider.media.fitting import SOUND_RATE, bit_rate
from x_provider.media.limits import DEFAULT, MEGABYTE, PREMIUM, UPLOAD_BYTES
from x_provider.media.transcoding import shape

OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"}


@pytest.fixture
def fitted(tmp_path):
    """Fits a file and holds what is always true of that."""
    folder = tmp_path / "fitted"
    folder.mkdir()

    def fit_one(path: Path, *, premium: bool = False) -> Fitted:
        before = path.read_bytes()
        found, _ = inspect(path)
        assert list(breaches(found, premium=premium))
        made = fit(path, found, premium=premium, folder=folder)
        assert path.read_bytes() == before
        assert made.path.parent == folder
        assert made.done
        assert inspect(made.path)[0] == made.found
        assert list(breaches(made.found, premium=premium)) == []
        return made

    return fit_one


def noise(size: tuple[int, int], mode: str = "RGB", spread: int = 80) -> Image.Image:
    bands = [Image.effect_noise(size, spread) for _ in mode]
    return Image.merge(mode, bands)


def test_a_file_that_x_takes_is_left_alone(album, tmp_path):
    for name in ("good.mp4", "good.mov", "most.gif"):
        found, _ = inspect(album(name))
        assert fit(album(name), found, premium=False, folder=tmp_path) == Fitted(album(name), found, [])
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_is_too_large_loses_quality_before_it_loses_pixels(fitted, tmp_path):
    noise((1_900, 1_500)).save(tmp_path / "a.png")
    made = fitted(tmp_path / "a.png")
    assert (made.found.media_type, made.found.width, made.found.height) == ("image/jpeg", 1_900, 1_500)


def test_a_picture_loses_pixels_when_quality_is_not_enough(tmp_path):
    noise((400, 300)).save(tmp_path / "a.jpg", quality=90)
    assert stills.refit(tmp_path / "a.jpg", target=str(tmp_path / "b"), most=30_000) == ".jpg"
    made, _ = inspect(tmp_path / "b.jpg")
    assert 15_000 < made.size <= 30_000
    assert made.width < 400
    assert made.width / made.height == pytest.approx(4 / 3, abs=0.02)


def test_a_moving_picture_is_not_made_a_still_one(tmp_path):
    frames = [noise((40, 30)) for _ in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(MediaError, match=r"a\.webp moves, and would not when made to fit"):
        stills.refit(tmp_path / "a.webp", target=str(tmp_path / "b"), most=10)


def test_a_picture_keeps_its_transparency(fitted, tmp_path):
    noise((1_250, 1_100), "RGBA").save(tmp_path / "a.png")
    made = fitted(tmp_path / "a.png")
    assert made.found.media_type == "image/webp"
    with Image.open(made.path) as picture:
        assert picture.mode == "RGBA"


def test_a_picture_stays_upright_and_loses_where_it_was_taken(fitted, tmp_path):
    picture = noise((2_400, 2_000))
    picture.paste((255, 0, 0), (0, 0, 2_400, 400))  # on top as it is stored: on the right as it is shown
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    picture.save(tmp_path / "a.jpg", quality=100, exif=exif)
    made = fitted(tmp_path / "a.jpg")
    with Image.open(made.path) as upright:
        assert upright.size == (2_000, 2_400)
        assert not upright.getexif()
        red, green, _ = upright.convert("RGB").getpixel((1_990, 1_000))
        assert (red > 200, green > 100) == (True, False)


@pytest.mark.parametrize("name", ["a.bmp", "a.tif"])
def test_what_x_may_not_show_becomes_a_png_and_loses_nothing(fitted, tmp_path, name):
    picture = noise((60, 40))
    picture.save(tmp_path / name)
    made = fitted(tmp_path / name)
    assert made.found.media_type == "image/png"
    with Image.open(made.path) as same:
        assert same.convert("RGB").tobytes() == picture.tobytes()


def test_a_large_tiff_becomes_a_jpeg(fitted, tmp_path):
    noise((1_900, 1_500)).save(tmp_path / "a.tif")
    assert fitted(tmp_path / "a.tif").found.media_type == "image/jpeg"


def test_a_tail_that_nothing_decodes_is_left_behind(fitted, tmp_path):
    made = fitted(jpeg_of(tmp_path / "a.jpg", 6 * MEGABYTE))
    assert made.found.size < 10_000


def test_a_gif_with_too_many_frames_keeps_its_time(fitted, tmp_path):
    path = tmp_path / "a.gif"
    frames = [Image.new("L", (8, 8), number * 97 % 256) for number in range(500)]
    durations = [20 + 10 * (number % 3) for number in range(500)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=3)
    made = fitted(path)
    assert made.found.frames == 350
    with Image.open(made.path) as animation:
        assert animation.info["loop"] == 3
        assert sum(frame.info["duration"] for frame in ImageSequence.Iterator(animation)) == sum(durations)
    assert "350 instead of 500 frames, in the same time" in made.done


@pytest.mark.parametrize(("size", "frames"), [((1_281, 40), 2), ((40, 1_081), 2), ((2_000, 1_500), 2)])
def test_a_gif_becomes_small_enough_in_pixels(fitted, tmp_path, size, frames):
    path = tmp_path / "a.gif"
    path.write_bytes(moving(*size, frames))
    made = fitted(path)
    assert made.found.width / made.found.height == pytest.approx(size[0] / size[1], rel=0.05)


def moving(width: int, height: int, frames: int) -> bytes:
    """A GIF in which a pixel goes on and off: Pillow leaves out frames in which nothing changes."""
    canvas = struct.pack("<HHBBB", width, height, 0b1000_0000, 0, 0) + b"\0\0\0\xff\xff\xff"
    pixel = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    dots = [b"\x02\x02\x44\x01\x00", b"\x02\x02\x4c\x01\x00"]
    return b"GIF89a" + canvas + b"".join(pixel + dots[number % 2] for number in range(frames)) + b"\x3b"


@pytest.mark.parametrize(
    ("width", "height", "frames"), [(1_280, 1_080, 350), (900, 1_000, 350), (1_000, 1_000, 350)]
)
def test_a_gif_becomes_small_enough_in_all_its_pixels(width, height, frames):
    scale = animations.scale_of(width, height, frames)
    assert 290_000_000 < width * scale * height * scale * frames <= 300_000_001


def test_a_gif_becomes_small_enough_in_bytes(tmp_path):
    frames = [noise((200, 150)).quantize(128, method=Image.Quantize.FASTOCTREE) for _ in range(9)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50)
    animations.refit(tmp_path / "a.gif", target=str(tmp_path / "b"), most=60_000)
    made, _ = inspect(tmp_path / "b.gif")
    assert 30_000 < made.size <= 60_000
    assert made.frames == 9
    assert made.width / made.height == pytest.approx(4 / 3, abs=0.1)


def test_a_gif_keeps_its_transparency(fitted, tmp_path):
    frames = []
    for number in range(3):
        frame = Image.new("RGBA", (1_300, 40))
        frame.paste((255, 0, 0, 255), (number * 100, 0, number * 100 + 50, 40))
        frames.append(frame)
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50, disposal=2)
    with Image.open(fitted(tmp_path / "a.gif").path) as animation:
        for number in range(3):
            animation.seek(number)
            alpha = animation.convert("RGBA").getchannel("A")
            assert [alpha.getpixel((x * 100 + 20, 20)) for x in range(3)] == [
                255 if x == number else 0 for x in range(3)
            ]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"codec": "mpeg4", "sound": "stereo"}),
        ("a.webm", {"codec": "libvpx"}),
        ("a.mp4", {"rate": 120, "frames": 120}),
        ("a.mp4", {"size": (30, 64)}),
        ("a.mp4", {"size": (322, 64)}),
        ("a.mp4", {"size": (64, 322)}),
        ("a.mp4", {"size": (1_920, 1_080)}),
        ("a.mov", {"size": (1_440, 1_440)}),
        ("a.mp4", {"pixels": "yuv444p", "size": (65, 65)}),
        ("a.mp4", {"pixels": "yuv420p10le"}),
        ("a.mp4", {"options": {"x264-params": "interlaced=1"}}),
        ("a.mp4", {"options": OPEN_GOP, "frames": 40}),
        ("a.mp4", {"sound": "5.1"}),
        ("a.mp4", {"aspect": 2}),
        ("a.ts", {"codec": "mpeg2video", "rate": 25, "frames": 50, "sound": "stereo"}),
    ],
)
def test_a_video_becomes_what_x_documents(fitted, tmp_path, name, options):
    path = video(tmp_path / name, **options)
    before, _ = inspect(path)
    made = fitted(path)
    found = made.found
    assert (found.media_type, found.codecs[0], found.pixel_format) == ("video/mp4", "h264", "yuv420p")
    assert found.codecs[1:] == (("aac",) if options.get("sound") else ())
    assert found.channels <= 2
    assert found.duration_seconds == pytest.approx(
        options.get("frames", 10) / options.get("rate", 10), abs=0.15
    )
    assert made.done[0] == "encoded anew as MP4 with H.264 video and AAC sound"
    assert before.duration_seconds is None or before.duration_seconds == pytest.approx(
        found.duration_seconds, abs=0.15
    )


def test_a_1080p_video_is_made_smaller_only_without_premium(tmp_path, fitted):
    path = video(tmp_path / "a.mp4", size=(1_080, 1_920))
    found, _ = inspect(path)
    assert fit(path, found, premium=True, folder=tmp_path).done == []
    made = fitted(path)
    assert (made.found.width, made.found.height) == (720, 1_280)


def test_a_video_from_a_phone_is_turned_upright(tmp_path, fitted):
    plain = tmp_path / "plain.mp4"
    with av.open(str(plain), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.set_display_rotation(-90)
        picture = Image.new("RGB", (128, 64), (0, 0, 255))
        picture.paste((255, 0, 0), (0, 0, 128, 16))
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    with av.open(str(plain)) as container:
        turned = next(container.decode(video=0)).rotation
    made = fitted(plain)
    assert (made.found.width, made.found.height) == (64, 128)
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
        red, _, blue = frame.to_image().getpixel((58 if turned == -90 else 6, 64))
    assert frame.rotation == 0
    assert red > 150 > blue


def test_a_video_that_is_too_long_is_not_cut(album, tmp_path):
    found, _ = inspect(album("endless.mp4"))
    for premium, longest in ((False, "1,200"), (True, "7,500")):
        with pytest.raises(MediaError, match=f"8,000 s long, and X takes {longest} s at most") as refused:
            fit(album("endless.mp4"), found, premium=premium, folder=tmp_path)
        assert refused.value.hint == "Cut it, or make several posts of it"
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_may_be_too_long_is_no_reason_to_encode_it(album, tmp_path):
    found, _ = inspect(album("long.mp4"))
    assert fit(album("long.mp4"), found, premium=False, folder=tmp_path).done == []


def test_a_damaged_video_leaves_nothing_behind(tmp_path):
    path = video(tmp_path / "a.mp4", size=(200, 40), frames=120, noise=True)
    found, _ = inspect(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle:-5_000] = bytes(len(content[middle:-5_000]))
    path.write_bytes(content)
    folder = tmp_path / "fitted"
    folder.mkdir()
    with pytest.raises(MediaError, match=r"a\.mp4"):
        fit(path, found, premium=False, folder=folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("plan", "seconds", "rate"),
    [
        (DEFAULT, 60, 10_000_000),
        (DEFAULT, 140, 10_000_000),
        (DEFAULT, 1_200, 3_046_400),
        (PREMIUM, 7_500, 2_048_000),
    ],
)
def test_the_bit_rate_is_the_best_that_fits(plan, seconds, rate):
    chosen = bit_rate(seconds, plan.size["tweet_video"])
    assert chosen == pytest.approx(rate, rel=0.01)
    assert (chosen + SOUND_RATE) * seconds / 8 < UPLOAD_BYTES


def h264(size: float, seconds: float) -> Measured:
    return Measured("tweet_video", "video/mp4", int(size), 1_280, 720, 0, seconds, 30, ("h264", "aac"))


@pytest.mark.parametrize("premium", [False, True])
@pytest.mark.parametrize("seconds", [10, 140, 1_200, 1_740, 1_760, 1_900, 3_600, 7_500])
def test_what_is_encoded_at_the_bit_rate_chosen_is_taken(premium, seconds):
    plan = PREMIUM if premium else DEFAULT
    if seconds > plan.duration.hard:
        return
    size = (bit_rate(seconds, plan.size["tweet_video"]) + SOUND_RATE) * seconds / 8
    assert changeable(h264(size, seconds), premium=premium) == []


def test_a_long_video_that_no_encoding_makes_small_enough_is_left_alone(tmp_path):
    path, found = tmp_path / "a.mp4", h264(1.9e9, 3_600)
    assert fit(path, found, premium=True, folder=tmp_path) == Fitted(path, found, [])


@pytest.mark.parametrize(
    ("size", "seconds", "words"),
    [
        (600e6, 1_700, "600.0 MB; X may refuse a size above 512.0 MB"),
        (600e6, 1_800, None),
        (8e9, 3_600, None),
        (8.1e9, 3_600, "8,100.0 MB; X takes a size of 8,000.0 MB at most"),
    ],
)
def test_a_size_that_x_may_refuse_counts_where_a_smaller_one_still_looks_good(size, seconds, words):
    assert changeable(h264(size, seconds), premium=True) == ([] if words is None else [words])


@pytest.mark.parametrize(
    ("size", "inner", "outer"),
    [
        ((1_920, 1_080), (1_280, 720), (1_280, 720)),
        ((1_080, 1_920), (720, 1_280), (720, 1_280)),
        ((3_001, 1_001), (1_280, 426), (1_280, 428)),
        ((4_000, 100), (1_280, 32), (1_280, 428)),
        ((100, 4_000), (32, 1_280), (428, 1_280)),
        ((1, 1), (32, 32), (32, 32)),
    ],
)
def test_a_video_is_scaled_and_given_borders_no_more_than_it_takes(size, inner, outer):
    assert shape(*size, (1_280, 1_024)) == (inner, outer)
