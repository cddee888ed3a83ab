"""What X refuses from some accounts is said beforehand, with the reason and since when."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pendulum
import pytest
from media_samples import MADE

from x_provider.calendar.plans import (
    CASHTAGS,
    EDITS,
    LONG_TEXTS,
    QUOTES,
    REPLIES,
    Restriction,
    Rights,
)
from x_provider.media.limits import DEFAULT

ACCOUNTS = "account: x_brand\naccounts: {x_premium: {premium: true}, x_press: {plan: enterprise}}"
NOW = pendulum.datetime(2026, 11, 20, 12)


def id_of(made_at: pendulum.DateTime) -> str:
    return str((int(made_at.timestamp() * 1000) - 1_288_834_974_657) << 22)


@pytest.fixture
def found(read):
    """Severity, field and message of what is said about one entry that is due at once."""

    def found(fields: str, **options) -> list[tuple[str, str | None, str]]:
        reading = read(f"  - {{id: a, at: now, {fields}}}\n", **options)
        return [(finding.severity, finding.field, finding.message) for finding in reading.findings]

    return found


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ("text: A, quote: 12", "quote", str(QUOTES)),
        ("text: $TSLA or $GM, reply_settings: verified", "text", f"has 2 cashtags ($TSLA, $GM); {CASHTAGS}"),
    ],
)
def test_self_serve_plans_lack_what_enterprise_has(found, fields, field, message):
    assert found(fields) == [("error", field, message)]
    assert found(fields, head="plan: enterprise") == []


def test_an_answer_may_be_refused_and_nobody_can_tell_offline(found):
    assert found("text: A, reply_to: 12") == [("warning", "reply_to", str(REPLIES))]
    assert found("text: A, reply_to: 12", head="plan: enterprise") == []


def test_every_part_of_a_split_text_may_have_a_cashtag(found):
    words = "word " * 50
    assert found(f"text: '$TSLA {words} $GM {words}', split: true") == []


def test_only_premium_writes_long_texts_and_edits(found):
    (long,) = found("text: " + "x" * 300)
    assert long[:2] == ("error", "text")
    assert found("text: " + "x" * 300, head="premium: true") == []
    edit = f"text: A, edit_of: {id_of(NOW.subtract(minutes=5))}"
    assert found(edit) == [("error", "edit_of", str(EDITS))]
    assert found(edit, head="premium: true") == []


@pytest.mark.parametrize(
    ("minutes", "severities"),
    [(29, []), (31, ["warning"]), (59, ["warning"]), (61, ["error"]), (60 * 24, ["error"])],
)
def test_an_edit_must_be_due_while_x_takes_one(found, minutes, severities):
    edit = f"text: A, edit_of: {id_of(NOW.subtract(minutes=minutes))}"
    assert [severity for severity, _, _ in found(edit, head="premium: true")] == severities


def test_a_post_from_before_ids_carried_their_time_is_too_old_for_an_edit(found):
    (finding,) = found("text: A, edit_of: 20", head="premium: true")
    assert finding[:2] == ("error", "edit_of")


@pytest.mark.parametrize("restriction", [QUOTES, CASHTAGS, REPLIES, LONG_TEXTS, EDITS])
def test_a_restriction_says_its_page_and_its_day(restriction):
    assert restriction.page.startswith(("https://docs.x.com/", "https://devcommunity.x.com/"))
    assert f"{restriction.since or restriction.read_on}, {restriction.page})" in str(restriction)


@pytest.mark.parametrize("head", ["plan: pro", "premium: maybe"])
def test_an_account_of_an_unknown_kind_is_said(read, head):
    reading = read("  - {id: a, at: now, text: A}\n", head=head)
    assert reading.calendar is None


@pytest.mark.parametrize("plan", ["pro", "Basic", "free", "pay-per-use"])
def test_an_older_plan_is_told_which_of_the_two_it_is(read, plan):
    (finding,) = read("  - {id: a, at: now, text: A}\n", head=f"plan: {plan}").findings
    assert f'plan: must be one of self-serve, enterprise, not "{plan}". Write plan: self-serve' in str(
        finding
    )


def test_a_rule_holds_for_posts_that_are_due_on_its_days(read, monkeypatch):
    announced = Restriction(
        "No quotes", "https://x", date(2026, 8, 22), since=date(2026, 12, 1), until=date(2027, 1, 1)
    )
    monkeypatch.setattr("x_provider.calendar.plans.QUOTES", announced)
    days = ("2026-12-01 00:59", "2026-12-01 01:00", "2027-01-01 00:59", "2027-01-01 01:00")
    for due, refused in zip(days, (False, True, True, False), strict=True):
        findings = read(f"  - {{id: a, at: {due}, text: A, quote: 12}}\n").findings
        assert [finding.message for finding in findings] == [str(announced)] * refused
    assert str(announced) == "No quotes (from 2026-12-01 on until 2027-01-01, https://x)"
    assert Rights().lack(announced)


def test_how_long_a_text_may_be_is_decided_by_the_due_time(read, monkeypatch):
    announced = Restriction("Short texts", "https://x", date(2026, 8, 22), since=date(2026, 12, 1))
    monkeypatch.setattr("x_provider.calendar.parts.LONG_TEXTS", announced)
    long = "x" * 300
    assert read(f"  - {{id: a, at: 2026-11-30 12:00, text: {long}}}\n").findings == []
    (finding,) = read(f"  - {{id: a, at: 2026-12-02 12:00, text: {long}}}\n").findings
    assert finding.severity == "error"


def test_each_account_of_a_calendar_has_rights_of_its_own(found):
    long = f"text: {'x' * 300}"
    quote = "text: A, quote: 12"
    assert found(f"{long}, account: x_premium", head=ACCOUNTS) == []
    assert found(f"{quote}, account: x_press", head=ACCOUNTS) == []
    assert found(f"{quote}, account: x_premium", head=ACCOUNTS) == [("error", "quote", str(QUOTES))]
    for entry in (long, quote, f"{long}, account: x_press"):
        assert [severity for severity, _, _ in found(entry, head=ACCOUNTS)] == ["error"]


def test_what_is_not_said_of_an_account_is_as_at_the_top(found):
    head = (
        "plan: enterprise\naccounts: {x_premium: {premium: true}, x_plain: {premium: false}}\npremium: true"
    )
    assert found(f"text: {'x' * 300}, quote: 12, account: x_premium", head=head) == []
    assert found(f"text: {'x' * 300}, quote: 12, account: x_other", head=head) == []
    (long,) = found(f"text: {'x' * 300}, quote: 12, account: x_plain", head=head)
    assert long[:2] == ("error", "text")


@pytest.mark.parametrize(
    ("account", "fields", "words"),
    [
        ("x_brand", "quote: 12", "write plan: enterprise if that is the plan of x_brand's app"),
        (
            "x_other",
            "quote: 12",
            "write accounts: {x_other: {plan: enterprise}} if that is the plan of x_other's",
        ),
        (
            "x_premium",
            "reply_to: 12",
            "Write accounts: {x_premium: {plan: enterprise}} if that is the plan of",
        ),
        ("x_press", "edit_of: 12", "write accounts: {x_press: {premium: true}} if x_press has X Premium"),
    ],
)
def test_what_an_account_lacks_is_said_with_its_name_and_where_to_write_it(read, account, fields, words):
    reading = read(f"  - {{id: a, at: now, account: {account}, text: A, {fields}}}\n", head=ACCOUNTS)
    assert words in str(reading.findings[0])


def test_a_video_too_long_for_an_account_is_said_with_its_name(read, monkeypatch, tmp_path):
    MADE["good.mp4"](tmp_path / "a.mp4")
    without = replace(DEFAULT, duration=replace(DEFAULT.duration, hard=0.1))
    monkeypatch.setattr("x_provider.media.limits.DEFAULT", without)
    entry = "  - {{id: a, at: now, account: {}, text: A, media: [{{file: a.mp4}}]}}\n"
    (finding,) = read(entry.format("x_press"), head=ACCOUNTS).findings
    assert finding.severity == "error"
    assert finding.hint == "Write accounts: {x_press: {premium: true}} if x_press has X Premium"
    assert read(entry.format("x_premium"), head=ACCOUNTS).findings == []


@pytest.mark.parametrize(
    ("accounts", "words"),
    [
        ("[x_brand]", "accounts: must have the names of accounts"),
        ("{x_brand: true}", "accounts.x_brand: must have the fields plan, premium"),
        (
            "{x_brand: {premum: true}}",
            'accounts.x_brand."premum": is no field that is known here. Did you mean',
        ),
        ("{x_brand: {premium: maybe}}", "accounts.x_brand.premium: must be true or false"),
    ],
)
def test_accounts_that_nobody_can_read_are_said(read, accounts, words):
    reading = read("  - {id: a, at: now, text: A}\n", head=f"accounts: {accounts}")
    assert reading.calendar is None
    assert words in str(reading.findings[0])


def test_a_misspelt_account_is_said(read):
    entry = "  - {id: a, at: now, text: A, account: x_premium}\n"
    (finding,) = read(entry, head="accounts: {x_premuim: {premium: true}, x_press: {}}").findings
    assert (finding.severity, finding.hint) == ("warning", "Did you mean x_premium?")


def test_an_entry_that_says_its_accounts_rights_is_told_where_they_belong(read):
    (finding,) = read("  - {id: a, at: now, text: A, premium: true}\n").findings
    assert "at the top of the calendar, or under accounts: there for one account" in str(finding)
