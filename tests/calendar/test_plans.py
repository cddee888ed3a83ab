"""What X refuses from some accounts is said beforehand, with the reason and since when."""

from __future__ import annotations

import pendulum
import pytest

from x_provider.calendar.plans import CASHTAGS, EDITS, LONG_TEXTS, QUOTES, REPLIES

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


@pytest.mark.parametrize("restriction", [QUOTES, CASHTAGS, REPLIES, LONG_TEXTS, EDITS])
def test_a_restriction_says_its_page_and_its_day(restriction):
    assert restriction.page.startswith("https://docs.x.com/")
    assert f"{restriction.since or restriction.read_on}, {restriction.page})" in str(restriction)


@pytest.mark.parametrize("head", ["plan: pro", "premium: maybe"])
def test_an_account_of_an_unknown_kind_is_said(read, head):
    reading = read("  - {id: a, at: now, text: A}\n", head=head)
    assert reading.calendar is None
