"""Broken files, and decoders that break: whatever happens, it is said, and whoever asked lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from malformed_media import malformed, outcome, samples

from x_provider.media import MediaError, inspect, isolation, read_subtitles
from x_provider.media.isolation import apart

FILES = 250


def test_no_broken_file_does_anything_but_be_measured_or_refused(tmp_path):
    (tmp_path / "sound").mkdir()
    kinds = samples(tmp_path / "sound")
    outcomes = Counter()
    for number in range(FILES):
        name, content = malformed(kinds, number)
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(content)
        outcomes[outcome(path)] += 1
    assert set(outcomes) == {"measured", "refused"}
    assert min(outcomes.values()) > FILES / 10


def test_samples_are_sound_before_they_are_broken(tmp_path):
    (tmp_path / "sound").mkdir()
    for name in samples(tmp_path / "sound"):
        path = tmp_path / "sound" / name
        assert (read_subtitles if path.suffix in {".srt", ".vtt"} else inspect)(path)


@pytest.fixture
def child(tmp_path):
    """Calls a function of `misbehaving` as if it decoded a.mp4."""

    def call(function: str, *, seconds: int = 30, writes: int = 0, **arguments) -> Any:
        path = tmp_path / "a.mp4"
        limits = {"seconds": seconds, "megabytes": 256, "writes": writes}
        return apart("misbehaving", function, path, arguments, name=path.name, **limits)

    return call


def test_a_decoder_that_crashes_takes_nobody_with_it(child):
    with pytest.raises(MediaError, match=r"^a\.mp4 crashes its decoder"):
        child("crash")
    assert child("length", of="abc") == 3


def test_a_decoder_that_does_not_end_is_stopped(child):
    with pytest.raises(MediaError, match=r"^a\.mp4 is not decoded after 1 s"):
        child("never_end", seconds=1)


def test_a_decoder_gets_no_more_memory_than_it_may_have(child):
    with pytest.raises(MediaError, match=r"^a\.mp4 takes more than 256 MB of memory to decode"):
        child("fill", mebibytes=300)
    assert child("fill", mebibytes=200) == 200 << 20


def test_a_decoder_writes_no_more_than_it_may(child):
    with pytest.raises(MediaError, match="File too large"):
        child("write", size=1_000, writes=999)
    assert child("write", size=1_000, writes=1_000) == 1_000


def test_a_decoder_knows_no_secrets(child, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_X_SECRET", "s3cret")
    isolation._decoders.leave()
    assert "s3cret" not in str(child("environment"))


def test_a_decoder_ends_with_the_one_who_asked(tmp_path):
    asking = (
        "from pathlib import Path; from x_provider.media.isolation import apart;"
        " apart('misbehaving', 'say_and_wait', Path({!r}), {{}}, name='a', seconds=100, megabytes=256)"
    )
    said = tmp_path / "said"
    os.mkfifo(said)
    process = subprocess.Popen(
        [sys.executable, "-c", asking.format(str(said))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with said.open() as pipe:
        assert int(pipe.readline()) > 0
        process.kill()
        process.wait()
        assert pipe.read() == ""  # closed: by the decoder's end, which is no child of ours


def test_many_threads_and_a_forked_process_ask_at_once(child):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: child("length", of="a" * number), range(40))) == list(range(40))
    forked = os.fork()
    if forked == 0:
        os._exit(child("length", of="abcd"))
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 4
    assert child("length", of="ab") == 2


def test_the_process_that_decoders_come_from_may_die(child):
    assert child("length", of="a") == 1
    parent = isolation._decoders._process
    parent.kill()
    parent.wait()
    assert child("length", of="ab") == 2


def test_a_machine_on_which_no_decoder_starts_is_told_from_a_broken_file(child, monkeypatch):
    isolation._decoders.leave()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(MediaError, match="no decoder starts") as refused:
        child("length", of="a")
    assert refused.value.may_pass
    monkeypatch.undo()
    assert child("length", of="ab") == 2
