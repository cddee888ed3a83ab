"""The comparison with tweepy scripts counts what it says it counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from rival_faults import FAULTS, Post, draw
from rivals import Counts, count

SINGLE = Post(0, ("one",), "429", 0)
THREAD = Post(1, ("a", "b", "c"), "429", 0)


def on_x(*entries):
    """Posts of the sandbox: (id, text, what it answers)."""
    return [{"id": x_id, "written": text, "in_reply_to": parent} for x_id, text, parent in entries]


RIGHT = on_x(("1", "one", None), ("2", "a", None), ("3", "b", "2"), ("4", "c", "3"))
KNOWN = {"one": "1", "a": "2", "b": "3", "c": "4"}


def test_what_is_as_intended_counts_as_nothing():
    assert count([SINGLE, THREAD], RIGHT, KNOWN) == Counts()


def test_a_planted_duplicate_is_counted():
    assert count([SINGLE, THREAD], [*RIGHT, *on_x(("5", "one", None))], KNOWN) == Counts(duplicates=1)


def test_a_thread_sent_twice_is_three_duplicates_in_order():
    again = on_x(("5", "a", None), ("6", "b", "5"), ("7", "c", "6"))
    assert count([SINGLE, THREAD], [*RIGHT, *again], KNOWN) == Counts(duplicates=3)


def test_what_is_not_on_x_is_lost_and_a_receipt_for_it_is_wrong():
    assert count([SINGLE, THREAD], RIGHT[:-1], KNOWN) == Counts(lost=1, wrong_receipts=1)
    unknown = {text: x_id for text, x_id in KNOWN.items() if text != "c"}
    assert count([SINGLE, THREAD], RIGHT[:-1], unknown) == Counts(lost=1)


def test_a_part_that_answers_another_post_is_out_of_order():
    beside = on_x(("1", "one", None), ("2", "a", None), ("3", "b", "2"), ("4", "c", "2"))
    assert count([SINGLE, THREAD], beside, KNOWN) == Counts(out_of_order=1)


@pytest.mark.parametrize("receipts", [{**KNOWN, "b": "4"}, {"one": "1", "a": "2", "c": "4"}])
def test_a_receipt_that_names_another_post_or_is_missing_is_wrong(receipts):
    assert count([SINGLE, THREAD], RIGHT, receipts) == Counts(wrong_receipts=1)


def test_everybody_gets_the_same_faults_each_as_often_as_every_other():
    posts = draw(2 * len(FAULTS), seed=7)
    assert posts == draw(2 * len(FAULTS), seed=7)
    assert posts != draw(2 * len(FAULTS), seed=8)
    assert sorted(post.fault for post in posts) == sorted([*FAULTS, *FAULTS])


# It forks, which a test run with its threads should not.
_CONTEST = """
import json, sys
from pathlib import Path
import rival_scripts
from rival_faults import Post
from rivals import Engine, Script, compete
from sandbox_server import SandboxServer

folder, url, credentials = Path(sys.argv[1]), sys.argv[2], json.loads(sys.stdin.read())
posts = [
    Post(0, ("Single",), "dropped after the commit", 0),
    Post(1, ("Thread 1", "Thread 2"), "killed before the receipt", 1),
    Post(2, ("Not sent at first",), "killed before the request", 0),
]
for contestant in (Script("tweepy", rival_scripts.plain, folder / "t"), Engine("engine", folder / "e")):
    contestant.folder.mkdir()
    print(json.dumps(compete(contestant, SandboxServer(url, credentials, None), posts, refuses=False)))
"""


def test_every_fault_strikes_and_only_the_script_posts_twice(sandbox, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", _CONTEST, tmp_path, sandbox.url],
        input=json.dumps(sandbox.credentials),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    heads = ("posts", "faults", "duplicates", "lost", "out of order", "wrong receipts")
    rows = (json.loads(line) for line in run.stdout.splitlines())
    tweepy, engine = (dict(zip(heads, row[1:], strict=False)) for row in rows)
    nothing = dict.fromkeys(heads[2:], 0)
    assert engine == {"posts": 3, "faults": 3, **nothing}
    # The single once more, and the thread's two parts.
    assert tweepy == {"posts": 3, "faults": 3, **nothing, "duplicates": 3}
