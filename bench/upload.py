"""Uploading a large video: XClient beside a bare ``requests`` loop that does the same calls.

    python bench/upload.py --megabytes 512

Starts a sandbox of its own, uploads one file alternately through both, each round in a fresh process, and
prints MB/s, the median ratio, and how much memory each upload added to its process (peak minus before).
Leaves nothing behind.
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

SEGMENT_BYTES = 4 * 1024 * 1024
MEGABYTE = 1_000_000
READY = "x-sandbox ready: "


def main() -> None:
    arguments = parse()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.url, arguments.credentials, arguments.file)))
        return
    with tempfile.TemporaryDirectory(prefix="x-upload-bench-", dir=arguments.folder) as folder:
        compare(Path(folder), arguments.megabytes, arguments.rounds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=512, help="size of the file (10^6 bytes)")
    parser.add_argument("--rounds", type=int, default=3, help="uploads each way")
    parser.add_argument("--folder", type=Path, help="where to work; needs three times the size")
    for internal in ("--way", "--url"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    for internal in ("--credentials", "--file"):
        parser.add_argument(internal, type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(folder: Path, megabytes: int, rounds: int) -> None:
    """Print what each way achieves."""
    needed = 3 * megabytes * MEGABYTE
    if shutil.disk_usage(folder).free < needed:
        sys.exit(f"{folder} has no room for {needed / MEGABYTE:,.0f} MB; choose another place with --folder")
    video = folder / "video.mp4"
    write_video(video, megabytes * MEGABYTE)
    credentials = folder / "credentials.json"
    server, url = start_sandbox(folder / "state", credentials)
    found: dict[str, list[dict[str, float]]] = {"requests": [], "XClient": []}
    try:
        run("requests", url, credentials, video)  # warms the page cache; not counted
        for number in range(rounds):
            # Whoever goes second finds a warmer machine: take turns.
            for way in sorted(found, reverse=bool(number % 2)):
                result = run(way, url, credentials, video)
                found[way].append(result)
                speed = megabytes / result["seconds"]
                print(f"{way:8}  {speed:7.1f} MB/s  +{result['grown_mb']:.1f} MB", flush=True)
    finally:
        server.terminate()
        server.wait(timeout=30)
    report(found, megabytes)


def report(found: dict[str, list[dict[str, float]]], megabytes: int) -> None:
    pairs = zip(found["XClient"], found["requests"], strict=True)
    ratio = statistics.median(bare["seconds"] / ours["seconds"] for ours, bare in pairs)
    for way, results in found.items():
        speed = megabytes / statistics.median(result["seconds"] for result in results)
        grown = max(result["grown_mb"] for result in results)
        print(f"{way}: median {speed:.1f} MB/s, at most +{grown:.1f} MB of memory")
    print(f"XClient / requests, {megabytes} MB, median of {len(found['XClient'])} rounds: {ratio:.2f}")


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
    upload = {"XClient": with_client, "requests": with_requests}[way]
    before = memory("VmRSS")
    started = time.perf_counter()
    upload(url, keys_of_account, video)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "grown_mb": (memory("VmHWM") - before) / MEGABYTE}


def with_client(url: str, keys: tuple[str, str, str, str], video: Path) -> None:
    XClient(url, OAuth1(*keys)).upload_media(video, "tweet_video", media_type="video/mp4", wait=False)


def with_requests(url: str, keys: tuple[str, str, str, str], video: Path) -> None:
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
        while segment := file.read(SEGMENT_BYTES):
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
            left -= file.write(noise.randbytes(min(left, SEGMENT_BYTES)))


def start_sandbox(state: Path, credentials: Path) -> tuple[subprocess.Popen[str], str]:
    """A sandbox that processes at once, and its URL."""
    server = subprocess.Popen(
        [
            Path(sys.executable).with_name("x-sandbox"),
            *("serve", "--port", "0", "--processing-seconds", "0"),
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
