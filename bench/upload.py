"""Uploading a large video over a link with latency: XClient beside two loops that do the same calls.

    python bench/upload.py --megabytes 512

Starts a sandbox of its own whose every answer takes ``--latency`` seconds longer, uploads one file in turn
in each way, every time in a fresh process, and prints MB/s, the median ratios, and how much memory each
upload added to its process (peak minus before). Leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import av
import requests
import requests_oauthlib

from x_provider.client import OAuth1, XClient

MEBIBYTE = 1024 * 1024
MEGABYTE = 1_000_000
READY = "x-sandbox ready: "

OURS = "XClient"
LOOPS = {"1 MiB loop": MEBIBYTE, "4 MiB loop": 4 * MEBIBYTE}
METHOD = """\
{megabytes} MB video, initialize to finalize, {rounds} rounds; every answer of the sandbox takes {latency:.0f} ms
longer, as over a link with such a round trip; loopback, client and sandbox on one machine; each upload in a
fresh process
  XClient     upload_media as it is: 4 MiB segments, four at a time
  1 MiB loop  one segment after the other over one requests session, as tweepy's chunked_upload does
  4 MiB loop  the same with segments as large as ours
"""


def main() -> None:
    arguments = parse()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.url, arguments.credentials, arguments.file)))
        return
    with tempfile.TemporaryDirectory(prefix="x-upload-bench-", dir=arguments.folder) as folder:
        compare(Path(folder), arguments.megabytes, arguments.rounds, arguments.latency)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=512, help="size of the file (10^6 bytes)")
    parser.add_argument("--rounds", type=int, default=3, help="uploads each way")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that every answer takes longer")
    parser.add_argument("--folder", type=Path, help="where to work; needs three times the size")
    for internal in ("--way", "--url"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    for internal in ("--credentials", "--file"):
        parser.add_argument(internal, type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(folder: Path, megabytes: int, rounds: int, latency: float) -> None:
    """Print what each way achieves."""
    needed = 3 * megabytes * MEGABYTE
    if shutil.disk_usage(folder).free < needed:
        sys.exit(f"{folder} has no room for {needed / MEGABYTE:,.0f} MB; choose another place with --folder")
    print(METHOD.format(megabytes=megabytes, rounds=rounds, latency=latency * 1000), flush=True)
    video = folder / "video.mp4"
    write_video(video, megabytes * MEGABYTE)
    credentials = folder / "credentials.json"
    server, url = start_sandbox(folder / "state", credentials, latency)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in (OURS, *LOOPS)}
    try:
        run(OURS, url, credentials, video)  # warms the page cache; not counted
        for number in range(rounds):
            # Whoever goes second finds a warmer machine: take turns.
            for way in sorted(found, reverse=bool(number % 2)):
                result = run(way, url, credentials, video)
                found[way].append(result)
                speed = megabytes / result["seconds"]
                print(f"{way:10}  {speed:7.1f} MB/s  +{result['grown_mb']:.1f} MB", flush=True)
    finally:
        server.terminate()
        server.wait(timeout=30)
    print(*report(found, megabytes), sep="\n")


def report(found: dict[str, list[dict[str, float]]], megabytes: int) -> list[str]:
    """What was found, a line each."""
    lines = []
    for way, results in found.items():
        speed = megabytes / statistics.median(result["seconds"] for result in results)
        grown = max(result["grown_mb"] for result in results)
        lines.append(f"{way}: median {speed:.1f} MB/s, at most +{grown:.1f} MB of memory")
    for loop in LOOPS:
        pairs = zip(found[OURS], found[loop], strict=True)
        ratio = statistics.median(theirs["seconds"] / ours["seconds"] for ours, theirs in pairs)
        lines.append(f"{OURS} / {loop}, {megabytes} MB, median of {len(found[OURS])} rounds: {ratio:.2f}")
    return lines


def run(way: str, url: str, credentials: Path, video: Path) -> dict[str, float]:
    """One upload in a process of its own; the sandbox is empty again afterwards."""
    command = [sys.executable, __file__, "--way", way, "--url", url]
    command += ["--credentials", str(credentials), "--file", str(video)]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    requests.post(f"{url}/_sandbox/reset", timeout=60).raise_for_status()
    result: dict[str, float] = json.loads(finished.stdout)
    return result


def measure(way: str, url: str, credentials: Path, video: Path) -> dict[str, float]:
    """Seconds and memory of one upload, from initialize to finalize."""
    keys = json.loads(credentials.read_text())
    account = keys["accounts"][0]
    keys_of_account = (
        keys["api_key"],
        keys["api_secret"],
        account["access_token"],
        account["access_token_secret"],
    )
    before = memory("VmRSS")
    started = time.perf_counter()
    if way == OURS:
        with_client(url, keys_of_account, video)
    else:
        with_loop(url, keys_of_account, video, LOOPS[way])
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "grown_mb": (memory("VmHWM") - before) / MEGABYTE}


def with_client(url: str, keys: tuple[str, str, str, str], video: Path) -> None:
    XClient(url, OAuth1(*keys)).upload_media(video, "tweet_video", media_type="video/mp4", wait=False)


def with_loop(url: str, keys: tuple[str, str, str, str], video: Path, segment_bytes: int) -> None:
    session = requests.Session()
    session.auth = requests_oauthlib.OAuth1(*keys)
    body = {
        "media_type": "video/mp4",
        "total_bytes": video.stat().st_size,
        "media_category": "tweet_video",
    }
    begun = session.post(f"{url}/2/media/upload/initialize", json=body, timeout=60)
    begun.raise_for_status()
    upload = f"{url}/2/media/upload/{begun.json()['data']['id']}"
    with video.open("rb") as file:
        index = 0
        while segment := file.read(segment_bytes):
            sent = session.post(
                f"{upload}/append", data={"segment_index": index}, files={"media": segment}, timeout=60
            )
            sent.raise_for_status()
            index += 1
    session.post(f"{upload}/finalize", timeout=600).raise_for_status()


def memory(kind: str) -> int:
    """Resident bytes of this process: ``VmRSS`` now, ``VmHWM`` at its peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        # Elsewhere only the peak is known, in bytes on macOS.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in status.read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) * 1024


def write_video(path: Path, size: int) -> None:
    """Write a valid MP4 of that size: a second of grey, then a box of noise that players skip."""
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode())
    noise = random.Random(0)
    filling = size - path.stat().st_size
    with path.open("ab") as file:
        file.write(struct.pack(">I4sQ", 1, b"free", filling))
        left = filling - 16
        while left > 0:
            left -= file.write(noise.randbytes(min(left, MEBIBYTE)))


def start_sandbox(state: Path, credentials: Path, latency: float) -> tuple[subprocess.Popen[str], str]:
    """A sandbox that processes at once, and its URL."""
    server = subprocess.Popen(
        [
            Path(sys.executable).with_name("x-sandbox"),
            *("serve", "--port", "0", "--processing-seconds", "0", "--latency", str(latency)),
            *("--state", state, "--credentials", credentials),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    late = threading.Timer(60, server.kill)
    late.start()
    line = server.stdout.readline() if server.stdout else ""
    late.cancel()
    if not line.startswith(READY):
        server.kill()
        server.wait()
        sys.exit(f"the sandbox did not start: {line.strip()}")
    return server, line.removeprefix(READY).strip()


if __name__ == "__main__":
    main()
