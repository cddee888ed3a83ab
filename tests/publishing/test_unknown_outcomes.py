"""What X did is not known: it is found out, never guessed, and nothing goes out a second time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflow_harness import wait_for
from sqlalchemy import Engine, event, select

from x_provider.calendar import PartSpec
from x_provider.client import CreatePost, XClient
from x_provider.ledger import Ledger, PartState
from x_provider.ledger.tables import attempts
from x_provider.publishing import Publisher
from x_provider.publishing.asking import open_questions
from x_provider.publishing.reconciling import QUIET_SECONDS
from x_provider.publishing.sending import LEASE_SECONDS
from x_provider.publishing.upkeep import Swept, sweep
from x_provider.triggers.waiting import next_try

CREATE = {"method": "POST", "path": "/2/tweets", "times": 1}
ANSWER_LOST = [
    {"kind": "drop_after_commit"},
    {"kind": "status_after_commit", "status": 503},
    {"kind": "delay_after", "seconds": 2.5},
    {"kind": "truncate"},
]


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
def seen_by_others(ledger):
    """The states of a post's parts as another process sees them before each commit from now on."""
    seen = []
    remove = []

    def watch(post):
        def committing(_connection):
            seen.append(tuple(part.state for part in Ledger(ledger.database.url).posts.get(post.id).parts))

        event.listen(Engine, "commit", committing)
        remove.append(committing)
        return seen

    yield watch
    for committing in remove:
        event.remove(Engine, "commit", committing)


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


def test_the_quiet_period_counts_from_when_the_request_can_have_left(
    sandbox, publisher, plan, clock, creates, monkeypatch
):
    post = plan("One")
    publisher.user()
    sandbox.faults("drop_before_commit", **CREATE)
    create = XClient.create_post

    def suspended(*args, **kwargs):
        clock.ahead += LEASE_SECONDS - 5
        return create(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(XClient, "create_post", suspended)
        assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    clock.ahead += QUIET_SECONDS - 5
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    clock.ahead += 6
    assert publisher.fire(post.id).post.state is PartState.ARMED
    assert len(creates()) == 1


def test_of_a_dead_sender_the_quiet_period_counts_from_the_end_of_its_lease(
    ledger, publisher, plan, clock, creates
):
    post = publisher.arm(plan("One").id)
    user_id, began_at = publisher.user().user_id, clock()
    ledger.sending.begin(
        post, post.parts[0], user_id=user_id, sender="mortal", clock=clock, lease_seconds=LEASE_SECONDS
    )
    for seconds, state in (
        (LEASE_SECONDS + 1, PartState.UNCERTAIN),
        (QUIET_SECONDS + 1, PartState.UNCERTAIN),
        (LEASE_SECONDS + QUIET_SECONDS - 5, PartState.UNCERTAIN),
        (LEASE_SECONDS + QUIET_SECONDS + 1, PartState.ARMED),
    ):
        clock.ahead += (began_at.add(seconds=seconds) - clock()).total_seconds()
        assert publisher.fire(post.id).post.state is state
    assert creates() == []


def test_a_look_that_began_in_the_quiet_period_does_not_count_as_the_one_after_it(
    sandbox, publisher, client, plan, clock, creates, monkeypatch
):
    post = plan("One")
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS - 5
    look = XClient.user_timeline

    def answered_late(*args, **kwargs):
        seen = list(look(*args, **kwargs))
        client.create_post(CreatePost(text="One"))  # only now X does what it was asked
        clock.ahead += 10
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(XClient, "user_timeline", answered_late)
        fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert fired.retry_at <= clock()
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 2


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
    others = client_of(1)
    others.create_post(CreatePost(text="Whose is it?"))
    clock.ahead = QUIET_SECONDS + 1
    fired = Publisher(ledger, others, account="x_default", clock=clock).fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    mine, theirs = sandbox.accounts[:2]
    assert f"belonged to the user {mine['id']}" in fired.why
    assert f"belongs to @{theirs['username']}" in fired.why
    assert len(creates()) == 2


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
    unsure = publisher.fire(post.id)
    assert unsure.post.state is PartState.UNCERTAIN
    said = next_try(unsure)
    assert said.count(f"post {post.name}: ") == 1
    assert said.endswith(f"change its text; looking for it again at {unsure.retry_at}")
    clock.ahead += QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.REFUSED
    assert fired.retry_at is None
    assert "posted this text already, by another post" in fired.why
    assert "where it has none (of the form, of a DAG), post another text anew." in fired.why
    publisher.fire(post.id)
    assert len(creates()) == before + 1


def test_a_duplicate_of_another_post_is_never_seen_as_something_to_send(
    sandbox, ledger, publisher, client, plan, clock, seen_by_others
):
    client.create_post(CreatePost(text="Good morning"))
    clock.ahead = 3600
    post = plan(PartSpec(text="Good morning"), PartSpec(text="Coffee?"), due_in=3600)
    publisher.fire(post.id)
    clock.ahead += QUIET_SECONDS + 1
    seen = seen_by_others(post)
    fired = publisher.fire(post.id)
    assert [part.state for part in fired.post.parts] == [PartState.REFUSED, PartState.REFUSED]
    assert fired.post.wake_at is None
    assert set(seen) == {(PartState.UNCERTAIN, PartState.PLANNED)}


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


def test_a_duplicate_of_our_own_post_is_that_post_however_long_it_was_held_before_it_was_sent_again(
    sandbox, publisher, plan, clock, creates
):
    post = plan(PartSpec(text="Seen the next day"))
    sandbox.settings(read_lag_seconds=3600)
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS + 1
    assert publisher.fire(post.id).post.state is PartState.ARMED
    clock.ahead = 24 * 3600
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    sandbox.settings(read_lag_seconds=0)
    fired = publisher.fire(post.id)
    (on_x,) = sandbox.posts()
    assert fired.post.parts[0].receipt.x_id == on_x["id"]
    assert len(creates()) == 2


def test_an_attempt_that_was_refused_long_ago_does_not_widen_the_look(
    sandbox, publisher, client, plan, clock
):
    post = plan(PartSpec(text="Which one?"))
    sandbox.faults("status", status=400, **CREATE)
    assert publisher.fire(post.id).post.state is PartState.REFUSED
    client.create_post(CreatePost(text="The other one"))
    clock.ahead = 3600
    post = plan(PartSpec(text="The other one"), revision="r2", due_in=3600)
    sandbox.settings(duplicate_window_seconds=0)
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


def test_while_it_is_stopped_a_post_that_is_absent_is_not_made_ready_and_is_looked_for_again(
    sandbox, ledger, publisher, plan, clock, creates
):
    post = plan(PartSpec(text="Late to be seen"))
    sandbox.settings(read_lag_seconds=3600)
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    ledger.controls.stop(why="a crisis", by="eve", now=clock())
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert (fired.retry_at - clock()).total_seconds() == pytest.approx(60, abs=5)
    assert "stopped by eve" in fired.why
    sandbox.settings(read_lag_seconds=0)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 1


def test_while_its_rate_limit_is_used_up_a_post_that_is_absent_waits_and_is_looked_for_before_it_is_sent(
    sandbox, publisher, plan, clock, creates
):
    sandbox.settings(limits={"POST /2/tweets": {"user": 2, "window_seconds": 600}})
    post = plan(PartSpec(text="Lost on the way"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    for key in ("one", "two"):
        publisher.fire(plan(PartSpec(text=key), key=key).id)
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert (fired.retry_at - clock()).total_seconds() > 300
    assert "rate limit" in fired.why
    clock.ahead = 601
    sandbox.settings(clock_ahead_seconds=601)
    assert publisher.fire(post.id).post.state is PartState.ARMED
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(sandbox.posts()) == 3


@pytest.mark.parametrize("fault", [{"kind": "drop_after_commit"}, {"kind": "status", "problem": "duplicate"}])
def test_a_promoted_only_post_which_no_timeline_shows_is_never_sent_again_of_itself(
    sandbox, ledger, publisher, plan, clock, creates, fault
):
    post = plan(PartSpec(text="An advertisement", nullcast=True))
    sandbox.faults(**fault, **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at, fired.post.wake_at) == (PartState.UNCERTAIN, None, None)
    assert "a promoted-only post (nullcast) is not on the account's timeline" in fired.why
    assert sweep(ledger, now=clock()) == Swept()
    assert [question.post_id for question in open_questions(ledger, now=clock())] == [post.id]
    assert len(creates()) == 1


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("community_id", "Look for it in the community"),
        ("for_super_followers_only", "logged in as the account"),
    ],
)
@pytest.mark.parametrize("number", [0, 1], ids=["the post", "what answers it"])
def test_what_a_timeline_may_not_show_is_never_sent_again_of_itself(
    publisher, sandbox, plan, clock, creates, field, words, number
):
    value = "1493446837214187523" if field == "community_id" else True
    post = plan(PartSpec(text="Among us", **{field: value}), PartSpec(text="And more"))
    sandbox.faults("drop_before_commit", skip=number, **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at) == (PartState.UNCERTAIN, None)
    assert field in fired.why
    assert words in fired.why
    assert len(creates()) == number + 1


def others(client, number):
    for each in range(number):
        client.create_post(CreatePost(text=f"Number {each}"))


def test_a_post_is_found_under_the_hundreds_that_its_account_made_later(
    sandbox, publisher, client, plan, clock, creates
):
    sandbox.settings(rate_limits=False)
    post = plan(PartSpec(text="At the bottom"))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    hours = 3 * 3600
    sandbox.settings(clock_ahead_seconds=hours)
    others(client, 201)
    clock.ahead = hours
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_where_there_are_too_many_posts_to_read_not_finding_it_proves_nothing(
    sandbox, ledger, publisher, client, plan, clock, creates
):
    sandbox.settings(rate_limits=False)
    post = plan(PartSpec(text="At the bottom"))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    others(client, 201)
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.UNCERTAIN
    assert 1800 < (fired.retry_at - clock()).total_seconds() < 2000  # then no later ones are read
    clock.ahead = 3600
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at, fired.post.wake_at) == (PartState.UNCERTAIN, None, None)
    assert "more than 200 posts on X" in fired.why
    assert [question.post_id for question in open_questions(ledger, now=clock())] == [post.id]
    assert len(creates()) == 202


def test_where_the_calendar_says_to_ask_a_post_that_is_not_on_x_is_not_sent_again(
    sandbox, publisher, plan, clock, creates
):
    post = plan(PartSpec(text="Ask me first"), on_absent="ask")
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    clock.ahead = QUIET_SECONDS + 1
    fired = publisher.fire(post.id)
    assert (fired.post.state, fired.retry_at, fired.post.wake_at) == (PartState.UNCERTAIN, None, None)
    assert "ask a person" in fired.why
    assert len(creates()) == 1


def test_looking_again_and_again_does_not_ask_x_every_time_whose_keys_they_are(
    sandbox, ledger, client, plan, clock
):
    post = plan(PartSpec(text="Each look costs money"))
    sandbox.faults("drop_before_commit", **CREATE)
    for _ in range(5):
        Publisher(ledger, client, account="x_default", clock=clock).fire(post.id)
    assert len([r for r in sandbox.requests() if r["path"] == "/2/users/me"]) == 1


def test_other_credentials_are_asked_for_their_user_before_they_post(
    sandbox, ledger, publisher, client_of, plan, clock
):
    publisher.fire(plan(PartSpec(text="As the first"), key="first").id)
    others = Publisher(ledger, client_of(1), account="x_default", clock=clock)
    fired = others.fire(plan(PartSpec(text="As the second"), key="second").id)
    assert f"/{sandbox.accounts[1]['username']}/status/" in fired.post.parts[0].receipt.url


def test_of_two_parts_that_say_the_same_none_takes_what_the_other_is_sending(
    sandbox, ledger, publisher, client, plan, clock, creates
):
    sandbox.settings(duplicate_window_seconds=0)
    lost, slow = (plan(PartSpec(text="Open today"), key=key) for key in ("lost", "slow"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(lost.id)
    sandbox.faults("delay_after", seconds=1, **CREATE)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(publisher.fire, slow.id)
        wait_for("the post on X", sandbox.posts, within=10, every=0.02)
        looking = Publisher(ledger, client, account="x_default", clock=clock).fire(lost.id)
        assert looking.post.state is PartState.UNCERTAIN
        assert "another part that says the same" in looking.why
        assert sending.result().post.state is PartState.POSTED
    clock.ahead = QUIET_SECONDS + 1
    publisher.fire(lost.id)
    assert publisher.fire(lost.id).post.state is PartState.POSTED
    assert len(sandbox.posts()) == 2


def test_a_twin_whose_sender_died_keeps_a_part_waiting_no_longer_than_its_lease(
    sandbox, ledger, publisher, client, plan, clock
):
    sandbox.settings(duplicate_window_seconds=0)
    lost, posted, dead = (plan(PartSpec(text="Open today"), key=key) for key in ("lost", "posted", "dead"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(lost.id)
    publisher.fire(posted.id)
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(dead.id)
    with ledger.database.write() as connection:  # as a sender leaves it that dies before the answer
        connection.exec_driver_sql(f"UPDATE x_parts SET state = 'sending' WHERE post_id = {dead.id}")
    clock.ahead = QUIET_SECONDS + 1
    assert clock() > ledger.sending.attempt_of(dead, ledger.posts.get(dead.id).parts[0]).lease_until
    publisher.fire(lost.id)
    assert publisher.fire(lost.id).post.state is PartState.POSTED


def test_what_was_given_up_and_planned_anew_since_is_sent_again_when_its_answer_is_lost(
    sandbox, ledger, publisher, plan, clock
):
    given_up = plan("Not this", key="again")
    ledger.deciding.void(given_up.id, why="not wanted", now=clock())
    post = plan("But this", key="again", revision="2")
    sandbox.faults("drop_before_commit", **CREATE)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    clock.ahead = QUIET_SECONDS + 1
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED


def test_a_part_given_up_while_it_was_sent_and_not_on_x_needs_nobody(sandbox, ledger, publisher, plan, clock):
    post = plan("One", "Two")
    sandbox.faults("drop_before_commit", **CREATE)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    attempt = ledger.sending.attempt_of(post, ledger.posts.get(post.id).parts[0])
    with ledger.database.write() as connection:  # as it was while its sender had no answer yet
        connection.exec_driver_sql("UPDATE x_parts SET state = 'sending' WHERE position = 0")
    ledger.deciding.void(post.id, why="not wanted", now=clock())
    clock.ahead = (attempt.lease_until - attempt.started_at).total_seconds() + QUIET_SECONDS
    publisher.fire(post.id)
    fired = publisher.fire(post.id)
    assert [part.state for part in fired.post.parts] == [PartState.REFUSED, PartState.REFUSED]
    assert fired.post.wake_at is None
