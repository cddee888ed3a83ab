"""The laws of the plan and of the revision it compares."""

from __future__ import annotations

import pendulum
from hypothesis import given
from hypothesis import strategies as st

from x_provider.calendar import Calendar, KnownPost, PartSpec, PostSpec, plan

NOW = pendulum.datetime(2026, 11, 20, 12)
IDS = st.sampled_from("abcdefgh")


def post(id: str, text: str = "Hello", at: str = "2026-12-01 09:00", due_at=NOW) -> PostSpec:
    return PostSpec(
        id=id,
        account="x_default",
        due_at=due_at,
        at=at,
        timezone="Europe/Berlin",
        parts=[PartSpec(text=text)],
    )


def calendar(*posts: PostSpec, broken=(), unidentified: int = 0) -> Calendar:
    return Calendar(
        name="plan",
        timezone="Europe/Berlin",
        account="x_default",
        posts=list(posts),
        broken=frozenset(broken) - {p.id for p in posts},
        unidentified=unidentified,
    )


POSTS = st.dictionaries(IDS, st.sampled_from(["One", "Two"])).map(
    lambda texts: [post(id, text) for id, text in texts.items()]
)
CALENDARS = st.builds(
    lambda posts, broken, unidentified: calendar(*posts, broken=broken, unidentified=unidentified),
    POSTS,
    st.sets(IDS),
    st.integers(0, 1),
)
KNOWN = st.dictionaries(
    IDS,
    st.builds(
        lambda text, state: KnownPost(post("a", text).revision, state, NOW),
        st.sampled_from(["One", "Two"]),
        st.sampled_from(["planned", "posted", "sending", "uncertain"]),
    ),
)


@given(CALENDARS, KNOWN)
def test_every_id_is_in_exactly_one_place_of_the_plan(calendar, known):
    made = plan(calendar, known, now=NOW)
    ids = [*made.create, *made.update, *made.withdraw, *made.unchanged, *made.locked, *made.broken]
    assert sorted(ids) == sorted({p.id for p in calendar.posts} | calendar.broken | known.keys())
    assert set(made.locked) == {id for id, k in known.items() if k.state != "planned"}
    assert not set(made.withdraw) & calendar.broken
    assert len(made.lines()) == len(ids)


@given(CALENDARS, KNOWN)
def test_a_plan_applied_twice_changes_nothing(calendar, known):
    first = plan(calendar, known, now=NOW)
    posts = {p.id: p for p in calendar.posts}
    after = {id: k for id, k in known.items() if id not in first.withdraw}
    for id in (*first.create, *first.update):
        after[id] = KnownPost(posts[id].revision, "planned", posts[id].due_at)
    second = plan(calendar, after, now=NOW)
    assert (second.create, second.update, second.withdraw) == ((), (), ())


def test_nothing_is_withdrawn_while_an_entry_has_no_id():
    known = {"a": KnownPost("r", "planned", NOW)}
    assert plan(calendar(unidentified=1), known, now=NOW).broken == ("a",)
    assert plan(calendar(), known, now=NOW).withdraw == ("a",)


def test_a_relative_time_is_no_change_when_it_is_read_later():
    before, later = (post("a", at="now + 30 s", due_at=due) for due in (NOW, NOW.add(hours=1)))
    known = {"a": KnownPost(before.revision, "planned", before.due_at)}
    assert plan(calendar(later), known, now=NOW).unchanged == ("a",)


def test_a_local_time_that_became_another_instant_is_a_change():
    known = {"a": KnownPost(post("a").revision, "planned", NOW.subtract(hours=1))}
    assert plan(calendar(post("a")), known, now=NOW).update == ("a",)


def test_the_plan_reads_well(read, picture):
    picture("a.png")
    entry = "  - {id: hello-december, at: 2026-12-01 09:00, text: Hello, media: [{file: a.png, alt: A}]}\n"
    made = plan(read(entry).calendar, {}, now=NOW)
    assert made.lines() == ["+ hello-december  2026-12-01 09:00 Europe/Berlin  text, 1 image"]
    assert str(made).startswith("plan: 1 to create\n")


def test_a_revision_ignores_the_order_of_fields_and_comments(read):
    one = read("  - {id: a, at: 2026-12-01 09:00, text: Hello, made_with_ai: yes}\n").calendar.posts[0]
    two = read(
        '  # Monday\n  - {made_with_ai: true, text: "Hello", at: 2026-12-01  09:00, id: a}\n'
    ).calendar.posts[0]
    assert one.revision == two.revision


def test_a_revision_changes_with_whatever_is_published(read, picture):
    picture("a.png")
    picture("b.png", size=(8, 8))
    entries = [
        "at: 2026-12-01 09:00, text: Hello",
        "at: 2026-12-01 09:01, text: Hello",
        "at: 2026-12-01 09:00, text: Hello!",
        "at: 2026-12-01 09:00, text: Hello, account: x_other",
        "at: 2026-12-01 09:00, text: Hello, timezone: Europe/London",
        "at: 2026-12-01 09:00, text: Hello, late: {then: ask}",
        "at: 2026-12-01 09:00, text: Hello, reply_settings: verified",
        "at: 2026-12-01 09:00, thread: [{text: Hello}, {text: World}]",
        "at: 2026-12-01 09:00, text: Hello, media: [{file: a.png, alt: A}]",
        "at: 2026-12-01 09:00, text: Hello, media: [{file: a.png, alt: B}]",
        "at: 2026-12-01 09:00, text: Hello, media: [{file: b.png, alt: A}]",
    ]
    revisions = {read(f"  - {{id: a, {entry}}}\n").calendar.posts[0].revision for entry in entries}
    assert len(revisions) == len(entries)


def test_a_moved_file_is_no_change(read, picture):
    picture("a.png")
    picture("b.png")
    revisions = {
        read(f"  - {{id: a, at: now, media: [{{file: {name}, alt: A}}]}}\n").calendar.posts[0].revision
        for name in ("a.png", "b.png")
    }
    assert len(revisions) == 1


def test_of_what_has_begun_nothing_is_withdrawn_and_the_plan_says_how_to_stop_it():
    known = {"a": KnownPost(post("a").revision, "planned", NOW, has_begun=True)}
    gone = plan(calendar(), known, now=NOW)
    assert (gone.locked, gone.withdraw) == (("a",), ())
    assert "airflow x void plan/a" in gone.lines()[0]
    assert plan(calendar(post("a", "Changed")), known, now=NOW).update == ("a",)
