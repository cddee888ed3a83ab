"""The comparison with tweepy scripts counts what it says it counts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import rival_scripts
from rival_faults import FAULTS, Post, draw
from rivals import Counts, Engine, Script, compete, count

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


def test_every_fault_strikes_and_only_the_script_posts_twice(sandbox, tmp_path):
    faults = ("dropped after the commit", "killed before the request", "killed before the receipt")
    posts = [
        Post(0, ("Single",), faults[0], 0),
        Post(1, ("Thread 1", "Thread 2"), faults[2], 1),
        Post(2, ("Not sent at first",), faults[1], 0),
    ]
    heads = ("posts", "struck", "duplicates", "lost", "out of order", "wrong receipts")
    rows = {}
    for contestant in (
        Script("tweepy", rival_scripts.plain, tmp_path / "tweepy"),
        Engine("engine", tmp_path / "engine"),
    ):
        contestant.folder.mkdir()
        name, *cells = compete(contestant, sandbox, posts, refuses=False)
        rows[name] = dict(zip(heads, cells, strict=False))
    nothing = dict.fromkeys(heads[2:], 0)
    assert rows["engine"] == {"posts": 3, "struck": 3, **nothing}
    # The single once more, and the thread's first two parts.
    assert rows["tweepy"] == {"posts": 3, "struck": 3, **nothing, "duplicates": 3}
