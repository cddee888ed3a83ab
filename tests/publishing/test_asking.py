"""Questions for a person: asked where nobody else can decide, with the evidence, and answered once."""

from __future__ import annotations

import json

import pytest

from x_provider.calendar import PartSpec
from x_provider.client import CreatePost
from x_provider.ledger import LedgerError, OvertakenError, PartState
from x_provider.publishing.asking import (
    ADOPT,
    DROP,
    GIVE_UP,
    RESEND,
    SEND,
    NoQuestionError,
    Question,
    answer,
    open_questions,
    question_about,
)
from x_provider.publishing.evidence import Timeline, read_timeline

CREATE = {"method": "POST", "path": "/2/tweets"}


@pytest.fixture
def ask(ledger, publisher, clock):
    """The one open question, as it comes back from wherever it was carried."""

    def ask(post, read=None):
        def timeline(part, older):
            attempt = ledger.sending.attempt_of(post, part)
            return read_timeline(ledger, publisher, attempt, older=older)

        (found,) = open_questions(ledger, now=clock())
        assert found.name == post.name
        post = ledger.posts.get(post.id)
        question = question_about(ledger, post, now=clock(), read=read or timeline)
        return Question.from_json(json.loads(json.dumps(question.to_json())))

    return ask


@pytest.fixture
def say(ledger, publisher, clock):
    """Answer a question as Ann."""

    def say(question, option, address="", user=None):
        return answer(
            ledger,
            question,
            option=option,
            address=address,
            by="ann",
            user=user or publisher.user(),
            now=clock(),
        )

    return say


@pytest.fixture
def absent(ledger, sandbox, publisher, plan, clock):
    """A post that was sent without an answer, is not on X, and whose calendar says to ask."""

    def absent(*texts: str):
        post = plan(*[PartSpec(text=text) for text in texts], on_absent="ask")
        sandbox.faults("drop_before_commit", times=1, **CREATE)
        assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
        clock.ahead += 200
        assert publisher.fire(post.id).retry_at is None
        return ledger.posts.get(post.id)

    return absent


def test_what_was_missed_is_sent_after_all_when_a_person_says_so(
    ledger, sandbox, publisher, plan, clock, ask, say
):
    post = plan(PartSpec(text="Yesterday's news"), then="ask")
    clock.ahead = 3600
    publisher.fire(post.id)
    question = ask(post)
    assert (question.kind, question.options) == ("missed", (SEND, DROP))
    assert "could not go out within its grace" in question.body
    assert "Yesterday's news" in question.body
    assert "never sent to X" in question.body
    assert sandbox.requests() == []  # nothing is on X, so nothing is paid for looking
    say(question, SEND)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    (decision,) = ledger.deciding.decisions(post.id)
    assert (decision.by, decision.decision) == ("ann", "resume")


def test_what_was_missed_is_dropped_when_a_person_says_so(ledger, plan, clock, publisher, ask, say):
    post = plan(PartSpec(text="Old"), then="ask")
    clock.ahead = 3600
    publisher.fire(post.id)
    say(ask(post), DROP)
    dropped = ledger.posts.get(post.id)
    assert dropped.state is PartState.REFUSED
    assert "given up by ann" in dropped.parts[0].why
    assert open_questions(ledger, now=clock()) == []


def test_an_absent_post_is_asked_about_with_both_texts_the_times_and_the_timeline(
    absent, ask, client, clock, ledger
):
    post = absent("Doors open at nine")
    created = client.create_post(CreatePost(text="Doors open at ten"))
    client.create_post(CreatePost(text="Something else"))
    question = ask(post)
    assert (question.kind, question.options) == ("unknown", (RESEND, ADOPT, GIVE_UP))
    for words in (
        "Doors open at nine",
        "Doors open at ten",
        created.id,
        "december/hello",
        "not on X 180 s later",
    ):
        assert words in question.body
    (attempt,) = ledger.deciding.attempts(post.id)
    assert attempt.started_at.format("YYYY-MM-DD HH:mm:ss") in question.body
    assert question.body.index("Doors open at ten") < question.body.index("Something else")


def test_a_question_says_that_its_account_has_more_posts_than_were_read(absent, ask, client, sandbox):
    sandbox.settings(rate_limits=False)
    post = absent("Doors open at nine")
    client.create_post(CreatePost(text="Doors open at ten"))
    for number in range(100):
        client.create_post(CreatePost(text=f"Number {number}"))
    body = ask(post).body
    assert "more posts on the account's timeline since" in body
    assert "Of the newest 100, which reach back to" in body
    assert "look at the older ones yourself" in body
    assert "Doors open at ten" not in body


def test_a_promoted_only_post_is_asked_about_and_taken_by_its_address(
    sandbox, publisher, plan, clock, ask, say, creates
):
    post = plan(PartSpec(text="An advertisement", nullcast=True))
    sandbox.faults("drop_after_commit", times=1, **CREATE)
    publisher.fire(post.id)
    clock.ahead = 200
    publisher.fire(post.id)
    question = ask(post)
    assert (question.kind, question.options) == ("unknown", (RESEND, ADOPT, GIVE_UP))
    assert "a promoted-only post (nullcast) is not on the account's timeline" in question.body
    say(question, ADOPT, sandbox.posts()[0]["id"])
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 1


def test_not_on_x_says_the_person_and_it_is_sent_once_more(absent, ask, say, publisher, sandbox):
    post = absent("One", "Two")
    question = ask(post)
    assert "part 1" in question.subject
    say(question, RESEND)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert [on_x["text"] for on_x in sandbox.posts()] == ["Two", "One"]


def test_it_is_this_post_says_the_person_and_nothing_more_is_sent(
    absent, ask, say, client, publisher, creates, sandbox, ledger
):
    post = absent("Doors open at nine")
    created = client.create_post(CreatePost(text="Doors open at 9"))
    before = len(creates())
    say(ask(post), ADOPT, f"{sandbox.url}/{sandbox.accounts[0]['username']}/status/{created.id}")
    fired = publisher.fire(post.id)
    assert fired.post.state is PartState.POSTED
    assert (fired.post.parts[0].receipt.x_id, fired.post.parts[0].receipt.adopted) == (created.id, True)
    assert len(creates()) == before


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "neither a post's address"),
        ("the second one", "neither a post's address"),
        ("https://x.com/somebody_else/status/1900000000000000001", "is @somebody_else's"),
    ],
)
def test_an_address_that_cannot_be_it_changes_nothing(absent, ask, say, ledger, address, words):
    post = absent("Hello")
    question = ask(post)
    with pytest.raises(LedgerError, match=words):
        say(question, ADOPT, address)
    assert ledger.posts.get(post.id) == post


def test_a_duplicate_is_asked_about_with_the_post_that_it_repeats(
    ledger, plan, publisher, clock, ask, say, creates
):
    first = plan(PartSpec(text="Good morning"), key="first")
    publisher.fire(first.id)
    again = plan(PartSpec(text="Good morning"), key="again")
    publisher.fire(again.id)
    clock.ahead = 200
    assert publisher.fire(again.id).post.state is PartState.REFUSED
    question = ask(again)
    assert (question.kind, question.options) == ("duplicate", (ADOPT, GIVE_UP))
    assert "another post of this ledger" in question.body
    assert "duplicate" in question.body
    known = ledger.posts.get(first.id).parts[0].receipt
    with pytest.raises(LedgerError, match="another part's post already"):
        say(question, ADOPT, known.x_id)
    say(question, GIVE_UP)
    assert open_questions(ledger, now=clock()) == []
    assert len(creates()) == 2


def test_after_an_hour_without_a_timeline_a_person_is_asked(
    ledger, sandbox, publisher, plan, clock, ask, say
):
    post = plan(PartSpec(text="Hello"))
    sandbox.faults("drop_after_commit", times=1, **CREATE)
    publisher.fire(post.id)
    sandbox.faults("status", method="GET", path="/2/users", status=503, times=-1)
    clock.ahead = 1800
    publisher.fire(post.id)
    assert open_questions(ledger, now=clock()) == []  # it may settle by itself
    clock.ahead = 3700
    publisher.fire(post.id)
    question = ask(post, read=lambda part, older: Timeline(unreadable="X answers 503"))
    assert "could not be read: X answers 503" in question.body
    assert "cannot look for it on X" in question.body
    say(question, ADOPT, sandbox.posts()[0]["id"])
    assert ledger.posts.get(post.id).state is PartState.POSTED


def test_an_answer_that_the_engine_was_faster_than_does_nothing(
    ledger, sandbox, publisher, plan, clock, ask, say
):
    post = plan(PartSpec(text="Hello"))
    sandbox.faults("drop_after_commit", times=1, **CREATE)
    publisher.fire(post.id)
    clock.ahead = 3700
    question = ask(post)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    for option in (RESEND, GIVE_UP):
        with pytest.raises(OvertakenError, match="is posted by now"):
            say(question, option)
    assert len(sandbox.posts()) == 1


def test_a_question_keeps_its_key_until_something_changes(ledger, plan, clock, publisher, say, ask):
    post = plan(PartSpec(text="Old"), then="ask")
    clock.ahead = 3600
    publisher.fire(post.id)
    (first,), (second,) = open_questions(ledger, now=clock()), open_questions(ledger, now=clock())
    assert first == second
    plan(PartSpec(text="New"), then="ask", revision="r2")
    publisher.fire(post.id)
    (third,) = open_questions(ledger, now=clock())
    assert third.key != first.key


def test_a_text_that_looks_like_markdown_is_shown_and_not_obeyed(ledger, plan, clock, publisher, ask):
    text = "```\n# Not a heading\n```"
    post = plan(PartSpec(text=text), then="ask")
    clock.ahead = 3600
    publisher.fire(post.id)
    assert f"````text\n{text}\n````" in ask(post).body


def test_nothing_is_asked_about_a_post_that_needs_nobody(ledger, plan, clock):
    post = plan(PartSpec(text="Hello"))
    with pytest.raises(NoQuestionError, match="december/hello is planned"):
        question_about(ledger, post, now=clock(), read=lambda part, older: Timeline())
