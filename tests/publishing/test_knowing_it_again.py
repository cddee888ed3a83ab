"""A post is known again on its account's timeline, however X shows it, and no other is taken for it."""

from __future__ import annotations

import pytest

from x_provider.calendar import PartSpec, PollSpec
from x_provider.client import CreatePost, Post
from x_provider.ledger import PartState
from x_provider.publishing.reconciling import UndecidedError, look_for, matches

CREATE = {"method": "POST", "path": "/2/tweets", "times": 1}
POLL = PollSpec(options=["Red", "Blue"], duration_minutes=60)


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


@pytest.mark.parametrize(
    "words",
    [
        "Well said",
        "Well said: https://example.com/why",
        "Well said: https://x.com/{bob}/status/{id}",
        "https://x.com/{bob}/status/{id} is well said",
    ],
    ids=["text", "a link", "the same link", "the same link in front"],
)
def test_a_quote_is_known_again_by_the_link_that_x_puts_behind_it(
    sandbox, publisher, client_of, plan, creates, words
):
    sandbox.settings(self_serve=False)
    said = client_of(1).create_post(CreatePost(text="Something wise"))
    words = words.format(bob=sandbox.accounts[1]["username"], id=said.id)
    post = plan(PartSpec(text=words, quote=said.id))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 2


def test_a_quote_of_another_post_is_not_taken_for_it(sandbox, publisher, client, client_of, plan):
    sandbox.settings(self_serve=False)
    wise, wiser = (client_of(1).create_post(CreatePost(text=text)) for text in ("Wise", "Wiser"))
    post = plan(PartSpec(text="Well said", quote=wise.id))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    client.create_post(CreatePost(text="Well said", quote_tweet_id=wiser.id))
    client.create_post(CreatePost(text=f"Well said https://x.com/bob/status/{wise.id}"))
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


@pytest.mark.parametrize("names", [True, False], ids=["names added", "no names added"])
@pytest.mark.parametrize("words", ["Yes, at nine", "@{bob} yes, at nine", "@nobody @{bob} at nine"])
def test_a_reply_to_another_is_known_again_behind_the_names_that_x_puts_in_front(
    sandbox, publisher, client_of, plan, creates, words, names
):
    sandbox.settings(reply_names=names)
    me, other = (account["username"] for account in sandbox.accounts[:2])
    asked = client_of(1).create_post(CreatePost(text=f"Is it open, @{me}?"))
    words = words.format(bob=other)
    post = plan(PartSpec(text=words, reply_to=asked.id), PartSpec(text="And every day"))
    sandbox.faults("drop_after_commit", **{**CREATE, "times": 2})
    publisher.fire(post.id)
    publisher.fire(post.id)
    fired = publisher.fire(post.id)
    assert [part.receipt.adopted for part in fired.post.parts] == [True, True]
    assert len(creates()) == 3


def test_a_reply_with_a_name_more_inside_is_not_taken_for_it(sandbox, publisher, client, client_of, plan):
    me, other = (account["username"] for account in sandbox.accounts[:2])
    asked = client_of(1).create_post(CreatePost(text=f"Is it open, @{me}?"))
    post = plan(PartSpec(text="Yes, at nine", reply_to=asked.id))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    reply = {"in_reply_to_tweet_id": asked.id}
    client.create_post(CreatePost(text=f"Yes, @{other}, at nine", reply=reply))
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


def test_a_name_in_front_of_what_is_no_reply_counts(sandbox, publisher, client, plan):
    post = plan(PartSpec(text="The dome"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    client.create_post(CreatePost(text="@nobody The dome"))
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


def test_who_looks_when_another_has_just_found_it_does_not_take_its_twin_s(
    sandbox, ledger, publisher, client, plan, clock
):
    sandbox.settings(duplicate_window_seconds=0)
    one, twin = (plan(PartSpec(text="Open today"), key=key) for key in ("one", "twin"))
    sandbox.faults("drop_after_commit", **{**CREATE, "times": 2})
    for post in (one, twin):
        publisher.fire(post.id)
    read = ledger.posts.get(one.id)
    attempt = ledger.sending.attempt_of(read, read.parts[0])
    assert publisher.fire(one.id).post.state is PartState.POSTED
    with pytest.raises(UndecidedError, match="somebody else has found it"):
        look_for(
            ledger,
            client,
            publisher.user(),
            attempt,
            PartSpec(text="Open today"),
            parent=None,
            now=clock(),
        )
    assert publisher.fire(twin.id).post.state is PartState.POSTED


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        ("https://twitter.com/bob/status/7", True),
        ("https://x.com/i/status/7?s=20", True),
        ("https://www.x.com/bob/status/7", True),
        ("https://x.com/bob/status/77", False),
        ("https://x.com.example/bob/status/7", False),
    ],
)
def test_the_link_behind_a_quote_is_known_whatever_host_x_writes(address, is_it):
    link = {"start": 10, "end": 33, "url": "https://t.co/abcdefghij", "expanded_url": address}
    on_x = Post(
        id="8",
        text="Well said https://t.co/abcdefghij",
        entities={"urls": [link]},
        referenced_posts=[{"type": "quoted", "id": "7"}],
    )
    assert matches(PartSpec(text="Well said", quote="7"), on_x, parent=None) is is_it


def test_reposts_neither_hide_a_post_nor_are_taken_for_it(
    sandbox, publisher, client, client_of, plan, creates
):
    sandbox.settings(rate_limits=False)
    me = sandbox.accounts[0]
    others = [client_of(1).create_post(CreatePost(text=f"Star {number}")) for number in range(201)]
    before = len(creates())
    post = plan(PartSpec(text=f"RT @{sandbox.accounts[1]['username']}: Star 200"))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    for other in others:
        client.repost(me["id"], other.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == before + 1


def test_a_repost_with_the_same_words_is_not_taken_for_it(sandbox, publisher, client, client_of, plan):
    star = client_of(1).create_post(CreatePost(text="Star"))
    post = plan(PartSpec(text=f"RT @{sandbox.accounts[1]['username']}: Star"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    client.repost(sandbox.accounts[0]["id"], star.id)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


@pytest.fixture
def premium(sandbox):
    sandbox.post(f"/_sandbox/accounts/{sandbox.accounts[0]['id']}", {"premium": True})
    yield
    sandbox.post(f"/_sandbox/accounts/{sandbox.accounts[0]['id']}", {"premium": False})


@pytest.mark.usefixtures("premium")
def test_a_new_version_is_known_again_and_the_old_one_that_says_the_same_is_not(
    sandbox, publisher, client, plan, clock, creates
):
    sandbox.settings(duplicate_window_seconds=0)
    old = client.create_post(CreatePost(text="Open from 9 to 5"))
    post = plan(PartSpec(text="Open from 9 to 5", edit_of=old.id))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN
    clock.ahead = 181
    sandbox.faults("drop_after_commit", **CREATE)
    for _ in ("absent", "sent again"):
        publisher.fire(post.id)
    (part,) = publisher.fire(post.id).post.parts
    (on_x,) = sandbox.posts()
    assert (part.receipt.x_id, on_x["edits"]) == (on_x["id"], [old.id])
    assert len(creates()) == 3


@pytest.mark.usefixtures("premium")
def test_a_new_version_of_an_answer_is_known_again(sandbox, publisher, client, plan, creates):
    root = client.create_post(CreatePost(text="The dome"))
    answer = client.create_post(CreatePost(text="Typo", reply={"in_reply_to_tweet_id": root.id}))
    post = plan(PartSpec(text="No typo", edit_of=answer.id))
    sandbox.faults("drop_after_commit", **CREATE)
    publisher.fire(post.id)
    assert publisher.fire(post.id).post.state is PartState.POSTED
    assert len(creates()) == 3


@pytest.mark.usefixtures("premium")
def test_a_later_version_of_another_part_is_not_taken_for_it(sandbox, publisher, client, plan):
    other = publisher.fire(plan(PartSpec(text="Open"), key="other").id).post.parts[0].receipt
    post = plan(PartSpec(text="Open daily"))
    sandbox.faults("drop_before_commit", **CREATE)
    publisher.fire(post.id)
    client.create_post(CreatePost(text="Open daily", edit_options={"previous_post_id": other.x_id}))
    assert publisher.fire(post.id).post.state is PartState.UNCERTAIN


def test_the_link_that_x_puts_behind_a_post_for_its_button_does_not_hide_it():
    address = "https://x.com/messages/compose?recipient_id=7"
    link = {"start": 9, "end": 32, "url": "https://t.co/abcdefghij", "expanded_url": address}
    on_x = Post(id="8", text="Write us https://t.co/abcdefghij", entities={"urls": [link]})
    assert matches(PartSpec(text="Write us", direct_message_deep_link=address), on_x, parent=None)
    assert not matches(PartSpec(text="Write us"), on_x, parent=None)
