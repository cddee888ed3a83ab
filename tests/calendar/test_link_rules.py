"""Parameters for links, and calendars that want their links in a reply or nowhere."""

from __future__ import annotations

import pytest
from media_samples import MADE

ENTRY = "  - {{id: {id}, at: now + 1 h, {fields}}}\n"
UTM = "utm: {source: x, campaign: '{calendar}', content: '{id}', hosts: [.example.org]}"


@pytest.fixture
def findings_and_parts(read):
    def read_one(fields: str, **options):
        reading = read(ENTRY.format(id="a", fields=fields), **options)
        posts = reading.calendar.posts if reading.calendar else []
        return [str(finding) for finding in reading.findings], posts[0].parts if posts else []

    return read_one


def test_every_link_of_an_entry_gets_the_calendars_parameters(findings_and_parts):
    fields = (
        "thread: [{text: 'https://example.org/a'}, {text: 'https://x.com https://www.example.org?b=c'}],"
        " first_comment: {text: 'https://example.org/#top'}"
    )
    findings, parts = findings_and_parts(fields, head=UTM)
    added = "utm_source=x&utm_campaign=plan&utm_content=a"
    assert findings == []
    assert [part.text for part in parts] == [
        f"https://example.org/a?{added}",
        f"https://x.com https://www.example.org?b=c&{added}",
        f"https://example.org/?{added}#top",
    ]


@pytest.mark.parametrize(
    ("utm", "text"),
    [
        ("{content: teaser}", "https://www.example.org?utm_source=x&utm_campaign=plan&utm_content=teaser"),
        (
            "{medium: post}",
            "https://www.example.org?utm_source=x&utm_medium=post&utm_campaign=plan&utm_content=a",
        ),
        ("{content: ''}", "https://www.example.org?utm_source=x&utm_campaign=plan"),
        ("{content: }", "https://www.example.org?utm_source=x&utm_campaign=plan&utm_content=a"),
        ("{hosts: [example.net]}", "https://www.example.org"),
        ("true", "https://www.example.org?utm_source=x&utm_campaign=plan&utm_content=a"),
        ("false", "https://www.example.org"),
    ],
)
def test_what_an_entry_says_of_parameters_comes_over_the_calendars(findings_and_parts, utm, text):
    findings, (part,) = findings_and_parts(f"text: 'https://www.example.org', utm: {utm}", head=UTM)
    assert (findings, part.text) == ([], text)


def test_an_entrys_parameters_are_for_the_calendars_hosts_unless_it_names_its_own(findings_and_parts):
    text = "text: 'https://example.net', utm: {content: b"
    assert findings_and_parts(f"{text}}}", head=UTM)[1][0].text == "https://example.net"
    every = findings_and_parts(f"{text}, hosts: []}}", head=UTM)[1][0].text
    assert every == "https://example.net?utm_source=x&utm_campaign=plan&utm_content=b"


def test_an_entry_that_takes_all_parameters_away_is_told_how_to_say_so(findings_and_parts):
    findings, parts = findings_and_parts("text: A, utm: {source: ''}", head="utm: {source: x}")
    assert parts == []
    assert "write utm: false to leave links alone" in findings[0]


@pytest.mark.parametrize(
    ("utm", "words"),
    [
        ("utm: {campaign: '{month}'}", "utm.campaign: has the placeholder"),
        ("utm: {source: x, hosts: ['https://example.org']}", "utm.hosts[0]:"),
        ("utm: {hosts: [example.org]}", "there is nothing to add to links"),
        ("utm: maybe", "utm: must be true or false"),
        ("links: move", "links: must be one of keep, reply, refuse"),
    ],
)
def test_rules_that_nobody_can_follow_are_said(read, utm, words):
    reading = read(ENTRY.format(id="a", fields="text: Hello"), head=utm)
    assert reading.calendar is None
    assert words in str(reading.findings[0])


def test_links_stay_where_they_are_when_nothing_is_said(findings_and_parts):
    findings, (part,) = findings_and_parts("text: 'See https://example.org'")
    assert (findings, part.text) == ([], "See https://example.org")


def test_links_move_into_a_reply_and_that_is_never_silent(findings_and_parts):
    fields = "text: 'Tickets (https://example.org/t) and https://example.org/maps are free.'"
    findings, parts = findings_and_parts(fields, head=f"links: reply\n{UTM}")
    added = "utm_source=x&utm_campaign=plan&utm_content=a"
    assert [part.text for part in parts] == [
        "Tickets and are free.",
        f"https://example.org/t?{added}\nhttps://example.org/maps?{added}",
    ]
    (finding,) = findings
    assert "warning: a: text: 2 links move into a reply, as links: reply says" in finding


def test_links_move_into_the_comment_that_is_there(findings_and_parts):
    fields = (
        "text: 'See https://example.org', first_comment: {text: 'More: https://example.net', after: 5 min}"
    )
    _, parts = findings_and_parts(fields, head="links: reply")
    assert [(part.text, part.after_seconds) for part in parts] == [
        ("See", 0),
        ("More: https://example.net\nhttps://example.org", 300),
    ]


def test_the_links_of_a_thread_move_behind_it_each_once(findings_and_parts):
    fields = "thread: [{text: 'A https://example.org'}, {text: 'B https://example.org'}], links: reply"
    assert [part.text for part in findings_and_parts(fields)[1]] == ["A", "B", "https://example.org"]


def test_who_may_see_a_post_holds_for_the_reply_with_its_links(findings_and_parts):
    _, parts = findings_and_parts(
        "text: 'A https://example.org', for_super_followers_only: true, links: reply"
    )
    assert [part.for_super_followers_only for part in parts] == [True, True]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("text: 'https://example.org'", 'text: is nothing but "https://example.org"'),
        (
            f"text: 'See https://example.org', first_comment: {{text: {'x' * 260}}}",
            "first_comment: the reply with the links would have 284 of at most 280 characters",
        ),
    ],
)
def test_links_that_cannot_move_are_said(findings_and_parts, fields, words):
    findings, parts = findings_and_parts(f"{fields}, links: reply")
    assert parts == []
    assert any("error" in finding and words in finding for finding in findings)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("text: 'See example.org'", "text"),
        ("thread: [{text: A}, {text: 'See example.org'}]", "thread[1].text"),
        ("text: A, first_comment: {text: 'See example.org'}", "first_comment.text"),
        ("text: A, follow_ups: [{likes: 1, within: 1 day, text: 'See example.org'}]", "follow_ups[0].text"),
    ],
)
def test_a_calendar_that_refuses_links_names_them_wherever_they_are(findings_and_parts, fields, field):
    findings, parts = findings_and_parts(fields, head="links: refuse")
    assert parts == []
    assert f'a: {field}: has the link "example.org"; this calendar says links: refuse' in findings[0]
    assert findings_and_parts(f"{fields}, links: keep", head="links: refuse")[0] == []


@pytest.fixture
def with_buttons(findings_and_parts, tmp_path):
    """Read an entry whose video has buttons."""
    MADE["good.mp4"](tmp_path / "a.mp4")

    def read_one(buttons: str, more: str = "", **options):
        fields = f"text: A, media: [{{file: a.mp4}}], video: {{{buttons}}}{more}"
        return findings_and_parts(fields, **options)

    return read_one


def test_the_buttons_of_a_video_get_the_same_parameters(with_buttons):
    # The full stop is the address's own here, though no link in a text has one at its end.
    buttons = "visit_site: 'https://example.org/a.', watch_now: 'https://www.example.org/?b=c#top'"
    findings, (part,) = with_buttons(buttons, head=UTM)
    added = "utm_source=x&utm_campaign=plan&utm_content=a"
    assert findings == []
    assert part.video.visit_site == f"https://example.org/a.?{added}"
    assert part.video.watch_now == f"https://www.example.org/?b=c&{added}#top"


def test_buttons_of_other_hosts_and_of_entries_without_parameters_stay_as_they_are(with_buttons):
    elsewhere = "visit_site: 'https://example.net/a'"
    assert with_buttons(elsewhere, head=UTM)[1][0].video.visit_site == "https://example.net/a"
    own = "visit_site: 'https://example.org/a'"
    assert with_buttons(own, ", utm: false", head=UTM)[1][0].video.visit_site == "https://example.org/a"


@pytest.mark.parametrize("name", ["visit_site", "watch_now"])
def test_a_calendar_that_refuses_links_refuses_those_behind_buttons(with_buttons, name):
    button = f"{name}: 'https://example.org/a'"
    findings, parts = with_buttons(button, head="links: refuse")
    assert parts == []
    assert f'a: video.{name}: opens "https://example.org/a"; this calendar says links: refuse' in findings[0]
    assert with_buttons(button, ", links: keep", head="links: refuse")[0] == []
    assert with_buttons("app_store_id: '1'", head="links: refuse")[0] == []


def test_a_button_stays_where_links_move_into_a_reply(with_buttons):
    findings, parts = with_buttons("visit_site: 'https://example.org/a'", head="links: reply")
    assert findings == []
    assert [part.video.visit_site for part in parts] == ["https://example.org/a"]
