"""What X did is not known: it is found out, never guessed, and nothing goes out a second time."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from x_provider.calendar import PartSpec, PollSpec
from x_provider.client import CreatePost
from x_provider.ledger import PartState, Receipt
from x_provider.ledger.tables import attempts
from x_provider.publishing import Publisher, ReceiptNotStoredError, keep_evidence
from x_provider.publishing.engine import LEASE_SECONDS
from x_provider.publishing.receipts import keep
from x_provider.publishing.reconciling import QUIET_SECONDS

CREATE = {"method": "POST", "path": "/2/tweets", "times": 1}
ANSWER_LOST = [
    {"kind": "drop_after_commit"},
    {"kind": "status_after_commit", "status": 503},
    {"kind": "delay_after", "seconds": 2.5},
    {"kind": "truncate"},
]
POLL = PollSpec(options=["Red", "Blue"], duration_minutes=60)


def kind(fault):
    return fault["kind"]


def until(condition, *, within=10.0):
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def outcomes(ledger):
    """How the attempts ended, in their order."""

    def outcomes():
        with ledger.database.read() as connection:
            return list(connection.execute(select(attempts.c.outcome).order_by(attempts.c.id)).scalars())

    return outcomes


@pytest.fixture
def ledger_goes(ledger):
    """Take a table out of the ledger, as a database that fails would, and put it back."""

    class Goes:
        def away(self):
            with ledger.database.write() as connection:
                connection.execute(text("ALTER TABLE x_parts RENAME TO x_parts_away"))

        def back(self):
            with ledger.database.write() as connection:
                connection.execute(text("ALTER TABLE x_parts_away RENAME TO x_parts"))

    return Goes()


@pytest.fixture
def sent(sandbox, ledger, publisher, client, plan, clock):
    """A post that X has created and that the ledger believes to be on its way: its attempt and receipt."""
    user = publisher.user()
    post = publisher.arm(plan(PartSpec(text="Written on water")).id)
    attempt = ledger.sending.begin(
        post, post.parts[0], user_id="7", sender="test", clock=clock, lease_seconds=LEASE_SECONDS
    )
    created = client.create_post(CreatePost(text="Written on water"))
    url = f"{sandbox.url}/{user.username}/status/{created.id}"
    return attempt, Receipt(created.id, url, clock(), clock())


@pytest.mark.parametrize("fault", ANSWER_LOST, ids=kind)
def test_a_post_whose_answer_was_lost_is_found_on_x_and_not_sent_again(
    sandbox, publisher, plan, creates, outcomes, fault
):
    post = plan(PartSpec(text="Did it arrive?"))
    sandbox.faults(**fault, **CREATE)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    fired = publisher.fire(post.id)
    (on_x,) = sandbox.posts()
    receipt = fired.post.parts[0].receipt
    assert (receipt.x_id, receipt.adopted) == (on_x["id"], True)
    assert fired.retry_at is None
    assert fired.why is None
    until(creates)  # X lists a request when it has ended it, which a late answer is not yet
    assert (len(creates()), outcomes()) == (1, ["adopted"])


def test_a_post_that_x_does_not_show_yet_is_looked_for_again(sandbox, publisher, plan, clock, creates):
    post = plan(PartSpec(text="Reads lag writes"))
    sandbox.settings(read_lag_seconds=3600)
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS - 10
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert clock() < fired.retry_at <= clock().add(seconds=10)
    sandbox.settings(read_lag_seconds=0)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 1


@pytest.mark.parametrize("fault", ["drop_before_commit", "status"])
def test_a_post_that_is_not_on_x_after_the_quiet_period_is_sent_again_once(
    sandbox, publisher, plan, clock, creates, outcomes, fault
):
    post = plan(PartSpec(text="Lost on the way"))
    sandbox.faults(fault, **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    assert len(creates()) == 1
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.ARMED
    assert "sent again" in fired.why
    for _ in range(3):
        assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(sandbox.posts()) == 1
    assert (len(creates()), outcomes()[-1]) == (2, "posted")


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_while_the_timeline_cannot_be_read_nothing_is_sent_again(
    sandbox, publisher, plan, clock, creates, status
):
    post = plan(PartSpec(text="Nobody knows"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    sandbox.faults("status", status=status, method="GET", path=r"^/2/users/\d+/tweets$", times=-1)
    clock.ahead = QUIET_SECONDS * 10
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert fired.retry_at > clock()
    assert fired.post.wake_at is not None
    assert "cannot look for it on X" in fired.why
    assert len(creates()) == 1


def test_the_timeline_of_another_account_proves_nothing(
    sandbox, ledger, publisher, client_of, plan, clock, creates
):
    post = plan(PartSpec(text="Whose is it?"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    others = client_of(sandbox.accounts[1])
    others.create_post(CreatePost(text="Whose is it?"))
    clock.ahead = QUIET_SECONDS + 1
    fired = Publisher(ledger, others, account="x_default", clock=clock).fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    mine, theirs = sandbox.accounts[:2]
    assert f"belonged to the user {mine['id']}" in fired.why
    assert f"belongs to @{theirs['username']}" in fired.why
    assert len(creates()) == 2


@pytest.mark.parametrize("escape_text", [False, True], ids=["plain", "escaped"])
@pytest.mark.parametrize(
    "words",
    [
        "Tours: https://example.com/tours?from=a&to=b and example.org/ — see www.example.net",
        "HTTPS://Example.com/A, https://example.com/a/b/ and example.com",
        "Family 👩‍👩‍👧‍👦, flags 🇩🇪🏴󠁧󠁢󠁷󠁬󠁳󠁿 and a cafe\u0301",
        "Fish & chips < 5 € > 3 £, \"salt\" & 'vinegar'",
        "In HTML an & is written &amp; and a < &lt;, twice escaped &amp;amp;",
        "Two\n\n lines,  two spaces\tand a tab",
        "#stars @nobody $TSLA 日本語のテキスト",
    ],
    ids=[
        "links",
        "links that begin alike",
        "emoji",
        "HTML characters",
        "HTML itself",
        "white space",
        "names",
    ],
)
def test_a_text_is_known_again_however_x_shows_it(sandbox, publisher, plan, words, escape_text):
    sandbox.settings(escape_text=escape_text)
    post = plan(PartSpec(text=words))
    sandbox.faults("status_after_commit", status=503, **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_post_with_media_is_known_again(sandbox, publisher, plan, picture):
    files = [picture("a.png"), picture("b.png", colour=(200, 0, 0))]
    post = plan(PartSpec(text="Look: example.com/a", media=files))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_picture_without_words_is_known_again(sandbox, publisher, plan, picture):
    post = plan(PartSpec(text="", media=[picture()]))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_poll_is_known_again(sandbox, publisher, plan):
    post = plan(PartSpec(text="Which one?", poll=POLL))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_reply_in_a_thread_is_known_again_and_the_thread_goes_on(sandbox, publisher, plan, creates):
    post = plan(*(PartSpec(text=words) for words in ("One", "Two", "Three")))
    sandbox.faults("drop_after_commit", skip=1, **CREATE)
    publisher.fire(post.id)
    fired = publisher.fire(post.id)
    three, two, one = sandbox.posts()
    assert (two["in_reply_to"], three["in_reply_to"]) == (one["id"], two["id"])
    assert [part.receipt.adopted for part in fired.post.parts] == [False, True, False]
    assert len(creates()) == 3


def test_a_long_premium_text_is_known_again(sandbox, publisher, plan):
    account = sandbox.post(f"/_sandbox/accounts/{sandbox.accounts[0]['id']}", {"premium": True})
    assert account
    try:
        words = "Once upon a time, at https://example.com/tales, a fox & a crow met. " * 20
        post = plan(PartSpec(text=words.strip()))
        sandbox.faults("drop_after_commit", **CREATE)
        publisher.fire(post.id)
        assert publisher.fire(post.id).post.state is PartState.POSTED
    finally:
        sandbox.post(f"/_sandbox/accounts/{sandbox.accounts[0]['id']}", {"premium": False})


@pytest.mark.parametrize(
    "part",
    [
        lambda picture: PartSpec(text="The dome", media=[picture()]),
        lambda picture: PartSpec(text="The dome", poll=POLL),
        lambda picture: PartSpec(text="The dome!"),
        lambda picture: PartSpec(text="The dome", reply_to="{earlier}"),
    ],
    ids=["no picture", "no poll", "another text", "no reply"],
)
def test_a_post_that_only_resembles_it_is_not_taken_for_it(sandbox, publisher, client, plan, picture, part):
    earlier = client.create_post(CreatePost(text="Earlier"))
    spec = part(picture)
    if spec.reply_to:
        spec = spec.model_copy(update={"reply_to": earlier.id})
    post = plan(spec)
    publisher.prepare(post.id)
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    client.create_post(CreatePost(text="The dome"))
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


def test_one_post_on_x_is_not_taken_for_two_with_the_same_text(sandbox, publisher, plan):
    sandbox.settings(duplicate_window_seconds=0)
    created, lost = (plan(PartSpec(text="Open today"), key=key) for key in ("monday", "tuesday"))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(created.id)
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(lost.id)
    assert publisher.fire(created.id).post.state is PartState.POSTED
    assert publisher.fire(lost.id).post.state is PartState.UNCERTAIN
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize("posted_before", [False, True])
def test_a_duplicate_of_a_post_that_is_not_ours_is_refused_with_words(
    sandbox, publisher, client, plan, clock, creates, posted_before
):
    if posted_before:
        publisher.fire(plan(PartSpec(text="Earlier"), key="earlier").id)
    client.create_post(CreatePost(text="Good morning"))
    clock.ahead = 3600
    post = plan(PartSpec(text="Good morning"), due_in=3600)
    before = len(creates())
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    clock.ahead += QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert fired.retry_at is None
    assert "posted this text already, by another post" in fired.why
    publisher.fire(post.id)
    assert len(creates()) == before + 1


def test_a_duplicate_of_our_own_lost_post_is_that_post(sandbox, publisher, plan, clock):
    post = plan(PartSpec(text="Late to be seen"))
    sandbox.settings(read_lag_seconds=3600)
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS + 1
    assert publisher.fire(post.id).post.state is PartState.ARMED
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    sandbox.settings(read_lag_seconds=0)
    fired = publisher.fire(post.id)
    (on_x,) = sandbox.posts()
    assert fired.post.parts[0].receipt.x_id == on_x["id"]


@pytest.mark.parametrize("looked_for", [False, True])
def test_an_answer_that_comes_after_the_lease_ran_out_is_kept(
    sandbox, ledger, client, publisher, plan, clock, creates, looked_for
):
    publisher.user()
    post = plan(PartSpec(text="Slow answer"))
    sandbox.faults("delay_after", seconds=1.5, **CREATE)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(publisher.fire, post.id)
        (on_x,) = until(sandbox.posts)
        clock.ahead = LEASE_SECONDS + 1
        second = Publisher(ledger, client, account="x_default", clock=clock)
        assert second.fire(post.id).post.state is PartState.UNCERTAIN
        if looked_for:
            assert second.fire(post.id).post.state is PartState.POSTED
        assert not slow.done()
        assert slow.result().post.state is PartState.POSTED
    receipt = ledger.posts.get(post.id).parts[0].receipt
    assert (receipt.x_id, receipt.adopted) == (on_x["id"], looked_for)
    assert len(creates()) == 1


def test_a_receipt_is_written_when_the_ledger_is_back(ledger, ledger_goes, sent):
    attempt, receipt = sent
    ledger_goes.away()
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            ledger_goes.back()

    keep(ledger, attempt, receipt, account="x_default", sleep=sleep)
    assert len(pauses) == 3
    assert pauses == sorted(pauses)
    assert ledger.posts.get(attempt.post_id).parts[0].receipt == receipt


def test_a_ledger_that_fails_between_x_s_answer_and_the_receipt_loses_nothing(
    sandbox, ledger, ledger_goes, publisher, plan, creates
):
    publisher.user()
    post = plan(PartSpec(text="Good morning"))
    sandbox.faults("delay_after", seconds=0.5, **CREATE)
    with ThreadPoolExecutor(1) as pool:
        firing = pool.submit(publisher.fire, post.id)
        (on_x,) = until(sandbox.posts)
        ledger_goes.away()
        until(lambda: [request for request in creates() if request["status"] == 201])
        ledger_goes.back()
        assert firing.result().post.parts[0].receipt.x_id == on_x["id"]
    assert len(creates()) == 1


def test_while_the_ledger_stays_away_the_receipt_is_carried_as_plain_json(ledger, ledger_goes, sent):
    attempt, receipt = sent
    ledger_goes.away()
    with pytest.raises(ReceiptNotStoredError, match=receipt.x_id) as away:
        keep(ledger, attempt, receipt, account="x_default", patience=0)
    ledger_goes.back()
    assert ledger.posts.get(attempt.post_id).state is PartState.SENDING
    for _ in range(2):
        keep_evidence(ledger, json.loads(json.dumps(away.value.evidence)))
        assert ledger.posts.get(attempt.post_id).parts[0].receipt == receipt


def test_a_second_receipt_for_a_part_is_reported_with_both_its_facts(ledger, sent):
    attempt, receipt = sent
    keep(ledger, attempt, receipt, account="x_default")
    other = Receipt(
        "1900000000000000002", "https://x.com/me/status/2", receipt.posted_at, receipt.received_at
    )
    with pytest.raises(ReceiptNotStoredError, match="holds another receipt") as conflict:
        keep(ledger, attempt, other, account="x_default")
    assert conflict.value.evidence["x_id"] == other.x_id
    assert ledger.posts.get(attempt.post_id).parts[0].receipt == receipt
