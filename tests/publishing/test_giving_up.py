"""Giving up what is being sent at that moment, and taking that back: what X has not is not sent, or sent once."""

from __future__ import annotations

import pytest
from other_processes import begin_attempt

from x_provider.calendar import PartSpec
from x_provider.ledger import FollowUpDraft, LedgerError, PartState, Receipt, standing_of
from x_provider.publishing.asking import open_questions
from x_provider.publishing.reconciling import QUIET_SECONDS
from x_provider.publishing.sending import LEASE_SECONDS

CREATE = {"method": "POST", "path": "/2/tweets", "times": 1}
NOT_SENT = {"kind": "drop_before_commit", **CREATE}
NOT_HEARD = {"kind": "drop_after_commit", **CREATE}


@pytest.fixture
def void(ledger, clock):
    """Give a post up."""
    return lambda post: ledger.deciding.void(post.id, why="not wanted", now=clock(), by="ann")


@pytest.fixture
def resume(ledger, clock):
    """Take that back."""
    return lambda post: ledger.deciding.resume(post.id, now=clock(), by="ann")


@pytest.fixture
def give_up_while_it_is_sent(ledger, publisher, sandbox, monkeypatch, void):
    """Fire a post, and give it up while X has its request."""

    def give_up_while_it_is_sent(post, *, fault, then=lambda _post: None):
        create_post = type(publisher.client).create_post

        def create(*args, **kwargs):
            assert void(post).parts[0].state is PartState.SENDING
            then(post)
            return create_post(*args, **kwargs)

        sandbox.faults(**fault)
        with monkeypatch.context() as patch:
            patch.setattr(type(publisher.client), "create_post", create)
            return publisher.fire(post.id).post

    return give_up_while_it_is_sent


@pytest.fixture
def ends(publisher, clock):
    """Look again when it is known whether X has the post, until nothing is left to do; the states of its parts."""

    def ends(post):
        clock.ahead += QUIET_SECONDS + 1
        for _ in range(3):
            fired = publisher.fire(post.id)
        return [part.state for part in fired.post.parts]

    return ends


@pytest.mark.parametrize("texts", [("One",), ("One", "Two")], ids=["a post", "a thread"])
@pytest.mark.parametrize("on_absent", ["resend", "ask"])
def test_what_was_given_up_on_its_way_and_x_has_not_is_not_sent(
    ledger, plan, give_up_while_it_is_sent, ends, creates, clock, texts, on_absent
):
    post = plan(*texts, on_absent=on_absent)
    assert give_up_while_it_is_sent(post, fault=NOT_SENT).state is PartState.UNCERTAIN
    assert set(ends(post)) == {PartState.REFUSED}
    assert len(creates()) == 1
    assert open_questions(ledger, now=clock()) == []
    assert ledger.overview.stopped(clock()).count == 0


def test_what_was_given_up_on_its_way_and_x_has_is_adopted_and_the_rest_is_not_sent(
    plan, give_up_while_it_is_sent, ends, creates
):
    post = plan("One", "Two")
    give_up_while_it_is_sent(post, fault=NOT_HEARD)
    assert ends(post) == [PartState.POSTED, PartState.REFUSED]
    assert len(creates()) == 1


@pytest.mark.parametrize("texts", [("One",), ("One", "Two")], ids=["a post", "a thread"])
@pytest.mark.parametrize("fault", [NOT_SENT, NOT_HEARD], ids=["X has it not", "X has it"])
@pytest.mark.parametrize("when", ["while it is sent", "while it is looked for"])
def test_what_is_taken_back_before_it_is_known_goes_out_once(
    plan, give_up_while_it_is_sent, resume, ends, sandbox, texts, fault, when
):
    post = plan(*texts)
    at_once = when == "while it is sent"
    given_up = give_up_while_it_is_sent(post, fault=fault, **({"then": resume} if at_once else {}))
    assert given_up.parts[0].state is PartState.UNCERTAIN
    if not at_once:
        assert resume(post).parts[0].state is PartState.UNCERTAIN
    assert ends(post) == [PartState.POSTED] * len(texts)
    assert sorted(on_x["text"] for on_x in sandbox.posts()) == list(texts)


def test_what_is_taken_back_at_the_moment_of_giving_it_up_goes_out(
    ledger, plan, give_up_while_it_is_sent, resume, ends, sandbox, monkeypatch
):
    post = plan("One")
    give_up_while_it_is_sent(post, fault=NOT_SENT)
    refuse = ledger.sending.refuse_given_up

    def resumed_before(*args):
        resume(post)
        return refuse(*args)

    monkeypatch.setattr(ledger.sending, "refuse_given_up", resumed_before)
    assert ends(post) == [PartState.POSTED]
    assert [on_x["text"] for on_x in sandbox.posts()] == ["One"]


@pytest.mark.parametrize("on_absent", ["resend", "ask"])
def test_what_is_taken_back_after_it_was_refused_is_sent_as_its_entry_says(
    sandbox, plan, give_up_while_it_is_sent, resume, ends, creates, on_absent
):
    post = plan("One", on_absent=on_absent)
    give_up_while_it_is_sent(post, fault=NOT_SENT)
    ends(post)
    resume(post)
    sandbox.faults(**NOT_SENT)
    ends(post)
    assert ends(post) == [PartState.POSTED if on_absent == "resend" else PartState.UNCERTAIN]
    assert len(creates()) == (3 if on_absent == "resend" else 2)


def test_what_nobody_gave_up_is_not_sent_again_while_it_is_looked_for(sandbox, publisher, plan, resume):
    post = plan("One")
    sandbox.faults(**NOT_SENT)
    publisher.fire(post.id)
    with pytest.raises(LedgerError, match="may be on X"):
        resume(post)


@pytest.fixture
def lost(publisher, plan, sandbox):
    """A post that was sent without an answer, and is looked for."""

    def lost(*texts, fault, **entry):
        post = plan(*texts, **entry)
        sandbox.faults(**fault)
        assert publisher.fire(post.id).post.parts[0].state is PartState.UNCERTAIN
        return post

    return lost


@pytest.mark.parametrize("on_absent", ["resend", "ask"])
@pytest.mark.parametrize(
    ("fault", "first"),
    [(NOT_SENT, PartState.REFUSED), (NOT_HEARD, PartState.POSTED)],
    ids=["absent", "there"],
)
def test_what_is_given_up_while_it_is_looked_for_ends_once_it_is_known_whether_it_is_on_x(
    ledger, lost, void, ends, creates, clock, fault, first, on_absent
):
    post = lost("One", "Two", fault=fault, on_absent=on_absent)
    given_up = void(post)
    assert [part.state for part in given_up.parts] == [PartState.UNCERTAIN, PartState.REFUSED]
    assert given_up.wake_at is not None
    assert ends(post) == [first, PartState.REFUSED]
    ended = ledger.posts.get(post.id)
    assert (ended.parts[1].why, ended.wake_at) == ("not wanted", None)
    assert open_questions(ledger, now=clock()) == []
    assert ledger.overview.stopped(clock()).count == 0
    assert len(creates()) == 1


@pytest.mark.parametrize("fault", [NOT_SENT, NOT_HEARD], ids=["absent", "there"])
def test_what_is_given_up_while_it_is_looked_for_and_taken_back_is_on_x_once(
    lost, publisher, void, resume, ends, sandbox, creates, fault
):
    sandbox.settings(duplicate_window_seconds=0)
    post = lost("One", fault=fault)
    void(post)
    assert resume(post).parts[0].state is PartState.UNCERTAIN
    publisher.fire(post.id)
    assert len(creates()) == 1
    assert ends(post) == [PartState.POSTED]
    assert [on_x["text"] for on_x in sandbox.posts()] == ["One"]


def test_what_is_given_up_between_the_look_and_sending_it_again_is_not_sent(
    ledger, lost, void, ends, creates, monkeypatch
):
    post = lost("One", fault=NOT_SENT)
    resend = ledger.sending.resend

    def given_up_before(*args, **kwargs):
        void(post)
        return resend(*args, **kwargs)

    monkeypatch.setattr(ledger.sending, "resend", given_up_before)
    assert ends(post) == [PartState.REFUSED]
    assert len(creates()) == 1


@pytest.mark.parametrize("is_known", [False, True], ids=["while it is looked for", "after it was refused"])
def test_what_was_given_up_and_a_person_finds_on_x_is_adopted_and_its_rest_stays_given_up(
    ledger, lost, void, ends, clock, is_known
):
    post = lost("One", "Two", fault=NOT_SENT)
    void(post)
    if is_known:
        ends(post)
    receipt = Receipt("7", "https://x.com/a/status/7", clock(), clock(), adopted=True)
    adopted = ledger.deciding.adopt(post.id, receipt)
    assert [part.state for part in adopted.parts] == [PartState.POSTED, PartState.REFUSED]
    assert adopted.wake_at is None


def test_what_only_a_person_can_settle_ends_at_once_when_they_give_it_up(
    ledger, publisher, lost, void, clock, creates
):
    hidden = PartSpec(text="An advertisement", nullcast=True)
    post = lost(hidden, fault=NOT_SENT)
    void(post)
    clock.ahead += QUIET_SECONDS + 1
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN  # no look tells, so they are asked
    assert [question.post_id for question in open_questions(ledger, now=clock())] == [post.id]
    given_up = void(post)
    assert (given_up.state, given_up.wake_at) == (PartState.REFUSED, None)
    assert len(creates()) == 1


def test_who_was_asked_has_looked_so_that_what_they_give_up_ends_at_once(ledger, lost, clock):
    post = lost("One", fault=NOT_SENT)
    standing = standing_of(ledger.posts.get(post.id))
    assert standing is not None
    given_up = ledger.deciding.void(post.id, why="not wanted", now=clock(), only_if=standing)
    assert (given_up.state, given_up.wake_at) == (PartState.REFUSED, None)


def test_what_is_being_sent_is_given_up_once_and_its_taking_down_last(ledger, plan, void, resume, clock):
    deletion = FollowUpDraft(None, None, repost=False, content=None, after_seconds=86_400, delete=True)
    post = plan("One", follow_ups=[deletion])
    ledger.sending.arm(post, post.parts[0])
    begin_attempt(ledger, post, at=clock())
    with pytest.raises(LedgerError, match="nothing to resume"):
        resume(post)
    void(post)
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["waiting"]
    void(post)
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["void"]
    with pytest.raises(LedgerError, match="nothing to give up"):
        void(post)
    assert resume(post).state is PartState.SENDING
    assert [each.state for each in ledger.follow_ups.of(post.id)] == ["waiting"]


def test_what_a_dead_sender_left_and_somebody_gave_up_is_not_sent(
    ledger, publisher, plan, void, ends, clock, creates
):
    post = plan("One")
    publisher.arm(post.id)
    armed, user_id = ledger.posts.get(post.id), publisher.user().user_id
    ledger.sending.begin(
        armed, armed.parts[0], user_id=user_id, sender="mortal", clock=clock, lease_seconds=LEASE_SECONDS
    )
    void(post)
    clock.ahead += LEASE_SECONDS
    assert ends(post) == [PartState.REFUSED]
    assert creates() == []
