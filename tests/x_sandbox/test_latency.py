from __future__ import annotations

import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

CLIENTS = 8
MEGABYTE = 1 << 20


def most_at_once(requests: list[dict[str, Any]]) -> int:
    """Count how many of the requests that were logged were under way at the busiest instant."""
    changes = []
    for request in requests:
        begun = datetime.fromisoformat(request["at"].replace("Z", "+00:00")).timestamp()
        changes += [(begun, 1), (begun + request["milliseconds"] / 1000, -1)]
    under_way = busiest = 0
    for _, change in sorted(changes):
        under_way += change
        busiest = max(busiest, under_way)
    return busiest


def peak_megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the system does not tell how much memory a process has had")


def test_answers_that_take_long_do_not_wait_for_each_other(sandbox, api_of) -> None:
    sandbox.settings(latency_seconds=0.5)
    clients, together = [api_of(sandbox, number % 2) for number in range(CLIENTS)], Barrier(CLIENTS)

    def post(number: int) -> None:
        together.wait()
        clients[number].create(f"post {number}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(post, range(CLIENTS)))
    requests = sandbox.requests()
    # The loop that waits and the log that measures read two clocks, which differ by microseconds.
    assert min(request["milliseconds"] for request in requests) >= 499
    assert most_at_once(requests) == CLIENTS


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_segments_come_at_once_and_in_any_order_and_stay_out_of_memory(own_sandbox, api_of, mp4) -> None:
    server = own_sandbox("--latency", "0.05", "--no-rate-limits")
    content = mp4 + os.urandom(96 * MEGABYTE - len(mp4))
    alice = api_of(server)
    opened = alice.post(
        "/2/media/upload/initialize",
        {"media_type": "video/mp4", "total_bytes": len(content), "media_category": "tweet_video"},
    )
    media_id = opened.json()["data"]["id"]
    before = peak_megabytes(server.process.pid)
    indices = random.Random(7).sample(range(24), 24)

    def append(index: int) -> int:
        segment = content[index * 4 * MEGABYTE : (index + 1) * 4 * MEGABYTE]
        path = f"/2/media/upload/{media_id}/append"
        form = {"segment_index": str(index)}
        return api_of(server).post(path, data=form, files={"media": segment}).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert set(pool.map(append, indices)) == {200}
    assert alice.post(f"/2/media/upload/{media_id}/finalize").status_code == 200
    assert peak_megabytes(server.process.pid) - before < 32
    appended = [request for request in server.requests() if request["path"].endswith("/append")]
    assert most_at_once(appended) > CLIENTS / 2
    file = server.url + f"/_sandbox/media/{media_id}"
    assert hashlib.sha256(alice.session.get(file, timeout=30).content).digest() == (
        hashlib.sha256(content).digest()
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_file_in_one_request_stays_out_of_memory_too(own_sandbox, api_of, mp4) -> None:
    server = own_sandbox("--latency", "0.05")
    content = mp4 + bytes(96 * MEGABYTE)
    before = peak_megabytes(server.process.pid)
    assert api_of(server).upload(content, "dm_video").status_code == 200
    assert peak_megabytes(server.process.pid) - before < 32


def test_a_body_that_would_have_to_be_held_in_memory_has_a_limit(alice) -> None:
    refused = alice.post(
        "/2/media/upload", data="x" * (33 * MEGABYTE), headers={"content-type": "text/plain"}
    )
    assert refused.status_code == 400
    assert "more than" in refused.json()["errors"][0]["message"]
