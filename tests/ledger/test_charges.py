"""What X charged, once a post whatever happens, and what a month may cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pendulum
import pytest
from sqlalchemy import func, select, text

from x_provider.ledger import Attempt, Cost, Held, PartState, Receipt, dollars, month_of
from x_provider.ledger import tables as t
from x_provider.ledger.limits import Window

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)
CENT = Decimal("0.010")
POST = Cost("post_create", Decimal("0.015"))
CHEAP = Cost("owned_read", Decimal("0.001"))
READ = Cost("post_read", Decimal("0.500"), 100)


def begin(ledger, post, part=None, *, cost=POST, at=NOW, **more):
    return ledger.sending.begin(
        post,
        part or post.parts[0],
        user_id="7",
        sender="test",
        clock=lambda: at,
        lease_seconds=60,
        cost=cost,
        **more,
    )


def receipt(number=1, at=NOW):
    x_id = str(1_900_000_000_000_000_000 + number)
    return Receipt(x_id, f"https://x.com/me/status/{x_id}", at.add(seconds=1), at.add(seconds=2))


@pytest.fixture
def armed(ledger, draft):
    """Plan and arm a post of that name."""

    def armed(key="hello", **fields):
        ledger.posts.put(draft(key, **fields), now=NOW)
        post = ledger.posts.find("december", key)
        assert ledger.sending.arm(post, post.parts[0])
        return ledger.posts.get(post.id)

    return armed


@pytest.fixture
def budget(ledger):
    """Limit what a month of x_default may cost."""

    def budget(usd, at=NOW):
        ledger.charges.set_budget("x_default", Decimal(usd), by="eve", now=at)

    return budget


def month(ledger, at=NOW):
    return ledger.charges.month("x_default", now=at)


def finish(ledger, attempt, to, outcome="refused"):
    assert ledger.sending.finish(attempt, to, outcome=outcome, now=NOW, why="?", wake_at=None)


def sum_of_charges(ledger):
    with ledger.database.read() as connection:
        return connection.execute(select(func.sum(t.charges.c.usd))).scalar_one() or Decimal(0)


def test_a_post_is_charged_with_its_receipt_and_once(ledger, armed):
    attempt = begin(ledger, armed())
    assert (month(ledger).spent, month(ledger).on_its_way) == (Decimal(0), POST.usd)
    for _ in range(3):
        assert ledger.sending.posted(attempt, receipt(), account="x_default")
    assert (month(ledger).spent, month(ledger).on_its_way) == (POST.usd, Decimal(0))
    assert ledger.charges.by_kind("x_default", "2026-12") == [POST]


def test_many_who_learn_of_one_post_at_once_charge_it_once(ledger, armed):
    attempt = begin(ledger, armed())
    with ThreadPoolExecutor(8) as pool:
        told = list(
            pool.map(lambda _: ledger.sending.posted(attempt, receipt(), account="x_default"), range(8))
        )
    assert all(told)
    assert month(ledger).spent == sum_of_charges(ledger) == POST.usd


def test_a_receipt_that_cannot_be_kept_is_no_charge_either(ledger, armed):
    first, second = begin(ledger, armed("a")), begin(ledger, armed("b"))
    ledger.sending.posted(first, receipt(), account="x_default")
    with pytest.raises(RuntimeError, match="another part's receipt"):
        ledger.sending.posted(second, receipt(), account="x_default")
    assert month(ledger).spent == POST.usd
    assert month(ledger).on_its_way == POST.usd


def test_a_post_that_a_person_adopts_is_charged_as_it_was_sent(ledger, armed):
    post = armed()
    attempt = begin(ledger, post)
    finish(ledger, attempt, PartState.UNCERTAIN, "uncertain")
    ledger.deciding.adopt(post.id, receipt(), by="eve")
    assert ledger.charges.by_kind("x_default", "2026-12") == [POST]
    assert month(ledger).spent == POST.usd


@pytest.mark.parametrize("to", [PartState.ARMED, PartState.REFUSED])
def test_what_x_did_not_create_costs_nothing(ledger, armed, to):
    finish(ledger, begin(ledger, armed()), to)
    assert month(ledger).used == 0


def test_what_may_be_on_x_counts_as_spent_until_it_is_known(ledger, armed, budget):
    budget("0.020")
    post, other = armed(), armed("other")
    attempt = begin(ledger, post)
    finish(ledger, attempt, PartState.UNCERTAIN, "uncertain")
    assert begin(ledger, other).name == "over_budget"
    post = ledger.posts.get(post.id)
    assert ledger.sending.resend(post, post.parts[0], why="not there")
    assert isinstance(begin(ledger, other), Attempt)


def test_what_does_not_fit_into_the_budget_is_held_until_the_next_month(ledger, armed, budget):
    budget("0.210")
    link = Cost("post_create_with_url", Decimal("0.200"))
    assert isinstance(begin(ledger, armed("a"), cost=link), Attempt)
    held = begin(ledger, armed("b"))
    assert held == Held("over_budget", held.why, pendulum.datetime(2027, 1, 1))
    assert "$0.200 on its way" in held.why
    assert "its budget of $0.210, and this would cost $0.015" in held.why
    assert "airflow x budget x_default --set" in held.why
    assert isinstance(begin(ledger, armed("c"), cost=Cost("post_create", CENT)), Attempt)
    assert isinstance(begin(ledger, armed("d"), cost=None), Attempt)


def test_a_thread_begins_only_if_all_of_it_fits(ledger, armed, budget):
    budget("0.030")
    post = armed(texts=("One", "Two", "Three"))
    assert begin(ledger, post, thread_usd=2 * POST.usd).name == "over_budget"
    assert isinstance(begin(ledger, post, thread_usd=POST.usd), Attempt)


def test_a_new_month_has_a_budget_of_its_own(ledger, armed, budget):
    budget("0.015")
    post = armed("a")
    ledger.sending.posted(begin(ledger, post), receipt(1), account="x_default")
    assert begin(ledger, armed("b")).name == "over_budget"
    january = pendulum.datetime(2027, 1, 1)
    attempt = begin(ledger, armed("c"), at=january)
    ledger.sending.posted(attempt, receipt(2, at=january), account="x_default")
    assert (month(ledger).spent, month(ledger, january).spent) == (POST.usd, POST.usd)


def test_months_are_utc():
    assert month_of(pendulum.datetime(2027, 1, 1, 0, 30, tz="Europe/Berlin")) == "2026-12"


def test_senders_at_once_never_begin_more_than_the_budget_holds(ledger, armed, budget):
    budget("0.050")
    posts = [armed(f"post {number}") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        attempts = list(pool.map(lambda post: begin(ledger, post), posts))
    begun = [attempt for attempt in attempts if isinstance(attempt, Attempt)]
    assert len(begun) == 3
    with ThreadPoolExecutor(4) as pool:
        receiving = [
            pool.submit(ledger.sending.posted, attempt, receipt(number), account="x_default")
            for number, attempt in enumerate(begun)
        ]
        more = [pool.submit(begin, ledger, armed(f"more {number}")) for number in range(4)]
    assert all(future.result() for future in receiving)
    assert {future.result().name for future in more} == {"over_budget"}
    assert month(ledger).used == Decimal("0.045")


def test_a_month_near_its_budget_is_warned_of_once_and_anew_for_a_new_budget(ledger, armed, budget):
    budget("0.060")
    warnings = [begin(ledger, armed(f"post {number}")).warning for number in range(4)]
    assert [warning is not None for warning in warnings] == [False, False, False, True]
    assert "(100 %)" in warnings[3]
    budget("0.075")
    assert "(100 %)" in begin(ledger, armed("fifth")).warning
    assert month(ledger).warned


def test_reads_are_summed_and_warn_too(ledger, budget):
    budget("1")
    assert ledger.charges.add("x_default", READ, what="get_posts", at=NOW) is None
    warned = ledger.charges.add("x_default", READ, what="get_posts", at=NOW)
    assert (warned.share, warned.spent) == (1, Decimal(1))
    assert ledger.charges.add("x_default", READ, what="get_posts", at=NOW) is None
    assert ledger.charges.by_kind("x_default", "2026-12") == [Cost("post_read", Decimal("1.500"), 300)]
    assert sum_of_charges(ledger) == month(ledger).spent == Decimal("1.500")
    assert ledger.charges.held("x_default", CENT, now=NOW).name == "over_budget"
    assert ledger.charges.held("x_other", CENT, now=NOW) is None


def test_what_was_read_that_day_is_not_charged_again(ledger):
    def read(*ids, account="x_default", at=NOW):
        cost = Cost("post_read", Decimal("0.005") * len(ids), len(ids))
        ledger.charges.add(account, cost, what="get_posts", at=at, resources=[f"post/{each}" for each in ids])
        return month(ledger, at).spent

    assert read(1, 2, 3) == Decimal("0.015")
    assert read(2, 3, 4) == Decimal("0.020")
    assert read(2, 3, 4) == read(1) == Decimal("0.020")
    assert read(1, account="x_other") == Decimal("0.020")
    assert ledger.charges.month("x_other", now=NOW).spent == Decimal("0.005")
    assert read(1, at=NOW.add(days=1)) == Decimal("0.025")
    assert ledger.charges.by_kind("x_default", "2026-12") == [Cost("post_read", Decimal("0.025"), 5)]
    assert sum_of_charges(ledger) == Decimal("0.030")


def test_readers_at_once_are_charged_for_each_post_once(ledger):
    def read(_):
        ids = [f"post/{number}" for number in range(50)]
        ledger.charges.add(
            "x_default", Cost("post_read", Decimal("0.250"), 50), what="?", at=NOW, resources=ids
        )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(read, range(6)))
    assert month(ledger).spent == Decimal("0.250")


def test_sums_of_many_writers_are_exact(ledger):
    with ThreadPoolExecutor(8) as pool:
        for future in [
            pool.submit(
                ledger.charges.add, "x_default", Cost("owned_read", Decimal("0.001")), what="?", at=NOW
            )
            for _ in range(100)
        ]:
            future.result()
    assert month(ledger).spent == sum_of_charges(ledger) == Decimal("0.100")


def test_money_costs_a_post_two_statements_and_a_budget_two_more(ledger, armed, budget, statements_of):
    """A thousand posts may be due at one instant: whatever each of them costs the ledger counts."""
    ledger.limits.note("x_default", "create_post", [Window("15-minute", 100, 90, NOW.add(minutes=10))])
    attempts = []
    post = armed("first")
    # On PostgreSQL one more keeps stops out until the attempt is recorded, and one waits for who holds the post.
    beginning, receiving = (9, 5) if ledger.database.url.get_backend_name() == "postgresql" else (8, 4)
    assert statements_of(lambda: attempts.append(begin(ledger, post))) == beginning
    receive = partial(ledger.sending.posted, attempts[0], receipt(), account="x_default")
    assert statements_of(receive) == receiving + 2
    budget("20")
    post = armed("second")
    assert statements_of(lambda: begin(ledger, post)) == beginning + 2


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("what", ["a receipt", "a read"])
def test_an_attempt_that_warns_and_a_charge_do_not_wait_for_each_other(
    ledger, armed, budget, wait_until_waiting, what
):
    window = Window("15-minute", 100, 90, NOW.add(minutes=10))
    ledger.charges.add("x_default", POST, what="?", at=NOW)
    ledger.limits.note("x_default", "create_post", [window])
    sent, other = begin(ledger, armed("sent")), armed("other")
    budget("0.050")
    charge = {
        "a receipt": lambda: ledger.sending.posted(sent, receipt(), account="x_default", windows=[window]),
        "a read": lambda: ledger.charges.add("x_default", CHEAP, what="?", at=NOW),
    }[what]
    with ThreadPoolExecutor(2) as pool:
        with ledger.database.write() as another:
            another.execute(text("SELECT * FROM x_spending FOR UPDATE"))
            charging = pool.submit(charge)
            wait_until_waiting(1)
            beginning = pool.submit(begin, ledger, other)
            wait_until_waiting(2)
        charging.result()
        assert isinstance(beginning.result(), Attempt)


def test_a_budget_is_set_changed_and_removed(ledger, budget):
    assert month(ledger).budget is None
    budget("10")
    budget("20.50")
    assert month(ledger).budget == Decimal("20.50")
    assert ledger.charges.accounts() == ["x_default"]
    assert ledger.charges.remove_budget("x_default")
    assert not ledger.charges.remove_budget("x_default")
    assert month(ledger).share is None
    for wrong in ("-1", "0.0000001", "NaN", "Infinity"):
        with pytest.raises(ValueError, match="0 US dollars or more"):
            budget(wrong)


def test_a_budget_of_nothing_lets_nothing_out_that_costs(ledger, armed, budget):
    budget("0")
    assert begin(ledger, armed()).name == "over_budget"


def test_units_are_counted_by_day_over_all_accounts(ledger):
    for account, at in (("a", NOW), ("b", NOW), ("a", NOW.add(days=1)), ("a", NOW.subtract(days=9))):
        ledger.charges.add(account, READ, what="get_posts", at=at)
    ledger.charges.add("a", POST, what="?", at=NOW)
    counted = ledger.charges.units_since(["post_read", "owned_read"], NOW.subtract(days=7))
    assert counted == {"2026-12-01": 200, "2026-12-02": 100}


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("0", "$0.00"),
        ("0.2", "$0.200"),
        ("0.015", "$0.015"),
        ("20", "$20.00"),
        ("3.005", "$3.005"),
        ("0.0001", "$0.0001"),
    ],
)
def test_amounts_are_written_to_the_tenth_of_a_cent_where_that_matters(usd, words):
    assert dollars(Decimal(usd)) == words
