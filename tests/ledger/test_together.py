from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pendulum
import pytest
from airflow_harness import wait_for
from new_ledger import new_ledger
from other_processes import begin_attempt
from sqlalchemy import event, select, text

from x_provider.ledger import Attempt, Ledger, LedgerError, PartState, Receipt, ReceiptTakenError
from x_provider.ledger import tables as t
from x_provider.ledger.together import Together, UnknownWriteError, _queue_of

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
CROWD = 8

needs_fdatasync = pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="this system flushes with fsync")


@pytest.fixture
def on_sqlite(tmp_path):
    ledger = Ledger(new_ledger(tmp_path))
    ledger.database.upgrade()
    yield ledger
    ledger.database.dispose()


@pytest.fixture
def interruptible():
    """SIGINT raises here, also where the tests run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def armed(draft):
    """Arm so many posts, of an account each."""

    def armed(ledger, count=CROWD):
        posts = []
        for number in range(count):
            ledger.posts.put(draft(f"post-{number}", account=f"x_{number}"), now=NOW)
            post = ledger.posts.find("december", f"post-{number}")
            assert ledger.sending.arm(post, post.parts[0])
            posts.append(ledger.posts.get(post.id))
        return posts

    return armed


def all_at_once(ledger, *calls):
    """Have a thread each wait for its turn to write, and then let them; the futures of what comes of it."""
    with ThreadPoolExecutor(len(calls)) as pool, ledger.database.write():
        futures = [pool.submit(call) for call in calls]
        if ledger.database.url.get_backend_name() == "sqlite":
            wait_for_waiting(ledger, len(calls))
    return futures


def wait_for_waiting(ledger, number):
    """Wait until so many writes wait for the next transaction."""
    queue = _queue_of(ledger.database.url, os.getpid())
    wait_for(f"{number} that wait", lambda: len(queue._waiting) == number, within=10, every=0.001)


def marking(ledger, number, then=lambda: None):
    """Write a halt of that number, and do something before the transaction ends."""

    def mark(connection):
        said = {"account": f"x_{number}", "source": "", "why": "", "stopped_by": "test", "since": NOW}
        connection.execute(t.halts.insert().values(said))
        then()
        return number

    return lambda: Together(ledger.database).write(mark)


def marks(ledger):
    with ledger.database.read() as connection:
        return sorted(int(account[2:]) for account in connection.execute(select(t.halts.c.account)).scalars())


def fail(error):
    def failing():
        raise error

    return failing


def test_writes_that_wait_at_the_same_time_share_a_transaction(on_sqlite):
    begun = []

    def note(_, __, statement, *_rest):
        begun.append(statement) if statement.startswith("BEGIN") else None

    event.listen(on_sqlite.database._engine, "before_cursor_execute", note)
    futures = all_at_once(on_sqlite, *(marking(on_sqlite, number) for number in range(CROWD)))
    assert [future.result() for future in futures] == list(range(CROWD))
    assert len(begun) == 2  # of whoever had the turn before, and of all of them
    assert marks(on_sqlite) == list(range(CROWD))


def test_one_that_raises_takes_back_what_it_has_done_and_nothing_else(ledger):
    calls = [
        marking(ledger, number, fail(ValueError("no")) if number == 3 else lambda: None)
        for number in range(CROWD)
    ]
    futures = all_at_once(ledger, *calls)
    with pytest.raises(ValueError, match="no"):
        futures.pop(3).result()
    done = [number for number in range(CROWD) if number != 3]
    assert [future.result() for future in futures] == done
    assert marks(ledger) == done


def test_when_the_database_fails_nobody_is_told_that_anything_was_written(on_sqlite):
    def broken(connection):
        connection.execute(text("SELECT * FROM nowhere"))

    calls = [marking(on_sqlite, number) for number in range(CROWD - 1)]
    futures = all_at_once(on_sqlite, *calls, lambda: Together(on_sqlite.database).write(broken))
    for future in futures:
        with pytest.raises(LedgerError, match="nowhere") as failed:
            future.result()
        assert failed.value.may_pass
    assert marks(on_sqlite) == []


@needs_fdatasync
def test_nobody_is_told_before_all_of_it_is_on_the_disk(on_sqlite, monkeypatch):
    flushing, may_flush = threading.Event(), threading.Event()

    def flush(_file):
        flushing.set()
        assert may_flush.wait(10)

    monkeypatch.setattr(os, "fdatasync", flush)
    with ThreadPoolExecutor(CROWD) as pool:
        futures = [pool.submit(marking(on_sqlite, number)) for number in range(CROWD)]
        assert flushing.wait(10)
        wait_for("all that are committed", lambda: len(marks(on_sqlite)) == CROWD, within=10, every=0.01)
        assert not any(future.done() for future in futures)
        may_flush.set()
    assert [future.result() for future in futures] == list(range(CROWD))


@needs_fdatasync
def test_a_disk_that_cannot_be_written_is_named_to_all(on_sqlite, monkeypatch):
    def flush(_file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", flush)
    pool = ThreadPoolExecutor(CROWD)
    for future in [pool.submit(marking(on_sqlite, number)) for number in range(CROWD)]:
        with pytest.raises(LedgerError, match="Input/output error"):
            future.result(10)


class Interrupting:
    """A profile function that raises at the n-th moment at which Python itself would hand its thread a signal there:
    where a function of together.py begins, or one of C's that it has called ends.
    """

    def __init__(self, at):
        self.at, self.reached = at, 0

    def __call__(self, frame, event, _argument):
        if event in ("call", "c_return") and frame.f_code.co_filename.endswith("together.py"):
            self.reached += 1
            if self.reached == self.at:
                raise KeyboardInterrupt


def lead_others(ledger, lead, *calls):
    """Write first, in this thread, while the others wait for their turn; a result or an exception each."""
    queue = _queue_of(ledger.database.url, os.getpid())
    others = ThreadPoolExecutor(len(calls) + 1)  # not waited for, or whoever hangs would hang the test
    has_turn, has_ended = threading.Event(), threading.Event()
    futures = []

    def all_wait():
        ended = sum(future.done() for future in futures) + has_ended.is_set()
        return len(queue._waiting) + ended == len(calls) + 1

    def keep_turn():
        with ledger.database.write():
            has_turn.set()
            wait_for("the first", lambda: queue._waiting or has_ended.is_set(), within=10, every=0.001)
            futures.extend(others.submit(call) for call in calls)
            wait_for("all that wait", all_wait, within=10, every=0.001)

    keeping = others.submit(keep_turn)
    assert has_turn.wait(10)
    try:
        first = lead()
    except (Exception, KeyboardInterrupt) as error:
        first = error
    has_ended.set()
    keeping.result(10)
    return [first, *(future.exception(10) or future.result() for future in futures)]


def broken(connection):
    connection.execute(text("SELECT * FROM nowhere"))


@pytest.mark.parametrize("fault", ["nothing", "one is refused", "the database fails"])
def test_a_thread_interrupted_anywhere_leaves_nobody_waiting_and_nobody_deceived(on_sqlite, fault):
    def interrupted():
        sys.setprofile(interrupting)
        try:
            return marking(on_sqlite, numbers[0])()
        finally:
            sys.setprofile(None)

    for moment in count(1):
        numbers = range(4 * moment, 4 * moment + 4)
        others = [marking(on_sqlite, number) for number in numbers[1:3]]
        if fault == "one is refused":
            others[0] = marking(on_sqlite, numbers[1], fail(ValueError("no")))
        elif fault == "the database fails":
            others[1] = lambda: Together(on_sqlite.database).write(broken)
        interrupting = Interrupting(moment)
        ends = lead_others(on_sqlite, interrupted, *others)
        written = marks(on_sqlite)
        for number, end in zip(numbers, ends, strict=False):
            if not isinstance(end, (UnknownWriteError, KeyboardInterrupt)):
                assert (end == number) == (number in written), f"moment {moment}: {end!r}"
        assert marking(on_sqlite, numbers[3])() == numbers[3]
        if interrupting.reached < moment:
            break
        assert isinstance(ends[0], KeyboardInterrupt)
        assert all(end.may_pass for end in ends if isinstance(end, LedgerError))
    assert moment > 20


@pytest.mark.parametrize(
    ("moment", "is_committed"),
    [
        *((moment, False) for moment in ("BEGIN", "SAVEPOINT", "INSERT", "RELEASE", "commit")),
        pytest.param("flush", True, marks=needs_fdatasync),
    ],
)
def test_a_signal_to_a_thread_that_writes_for_others_leaves_it_unknown_to_them(
    on_sqlite, monkeypatch, interruptible, moment, is_committed
):
    struck = []

    def strike(*about):
        is_it = moment in ("commit", "flush") or about[2].startswith(moment)
        if is_it and not struck and threading.current_thread() is threading.main_thread():
            struck.append(moment)
            signal.raise_signal(signal.SIGINT)

    if moment == "flush":
        monkeypatch.setattr(os, "fdatasync", strike)
    else:
        hook = "commit" if moment == "commit" else "before_cursor_execute"
        event.listen(on_sqlite.database._engine, hook, strike)
    first, *others = lead_others(on_sqlite, *(marking(on_sqlite, number) for number in range(CROWD)))
    assert isinstance(first, KeyboardInterrupt)
    for end in others:
        assert isinstance(end, UnknownWriteError)
        assert str(end).endswith(
            "was ended by KeyboardInterrupt. Try again: what is in the ledger by then decides."
        )
    assert marks(on_sqlite) == (list(range(CROWD)) if is_committed else [])
    assert marking(on_sqlite, CROWD)() == CROWD


def test_what_waits_for_another_thread_is_written_though_its_own_is_interrupted(on_sqlite, interruptible):
    mine, has_turn, has_left = threading.main_thread().ident, threading.Event(), threading.Event()
    first = []

    def interrupt():
        with on_sqlite.database.write():
            first.append(pool.submit(marking(on_sqlite, 0)))
            wait_for_waiting(on_sqlite, 1)
            has_turn.set()
            wait_for_waiting(on_sqlite, 2)
            signal.pthread_kill(mine, signal.SIGINT)
            assert has_left.wait(10)

    with ThreadPoolExecutor(2) as pool:
        interrupting = pool.submit(interrupt)
        assert has_turn.wait(10)
        with pytest.raises(KeyboardInterrupt):
            marking(on_sqlite, 1)()
        has_left.set()
        interrupting.result(10)
        assert first[0].result(10) == 0
    assert marks(on_sqlite) == [0, 1]


def test_of_all_who_begin_a_part_together_one_may_send_it(ledger, armed):
    post = armed(ledger, 1)[0]
    futures = all_at_once(ledger, *[lambda: begin_attempt(ledger, post, at=NOW)] * CROWD)
    begun = [future.result() for future in futures]
    assert sum(attempt is not None for attempt in begun) == 1
    with ledger.database.read() as connection:
        assert len(connection.execute(select(t.attempts.c.id)).all()) == 1


def test_posts_that_begin_together_have_an_attempt_each(ledger, armed):
    posts = armed(ledger)
    futures = all_at_once(ledger, *[lambda post=post: begin_attempt(ledger, post, at=NOW) for post in posts])
    begun = [future.result() for future in futures]
    assert [attempt.post_id for attempt in begun] == [post.id for post in posts]
    assert len({attempt.id for attempt in begun}) == CROWD
    for post, attempt in zip(posts, begun, strict=True):
        part = ledger.posts.get(post.id).parts[0]
        assert (part.state, part.attempt_id) == (PartState.SENDING, attempt.id)


def test_a_receipt_that_another_part_has_is_refused_beside_receipts_that_are_kept(ledger, armed):
    posts = armed(ledger)
    attempts = [begin_attempt(ledger, post, at=NOW) for post in posts]
    ids = ["1900000000000000001"] + [f"190000000000000000{number}" for number in range(1, CROWD)]

    def keep(attempt, x_id, account):
        assert isinstance(attempt, Attempt)
        receipt = Receipt(x_id, f"https://x.com/me/status/{x_id}", NOW.add(seconds=1), NOW.add(seconds=2))
        return ledger.sending.posted(attempt, receipt, account=account)

    futures = all_at_once(
        ledger,
        *[
            lambda each=each: keep(*each)
            for each in zip(attempts, ids, [post.account for post in posts], strict=True)
        ],
    )
    ends = [future.exception() or future.result() for future in futures]
    assert sum(isinstance(end, ReceiptTakenError) for end in ends) == 1
    assert ends.count(True) == CROWD - 1
    states = [ledger.posts.get(post.id).state for post in posts]
    assert states.count(PartState.POSTED) == CROWD - 1
    assert states.count(PartState.SENDING) == 1
