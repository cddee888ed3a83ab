from __future__ import annotations

from dataclasses import replace

import pendulum

from x_provider.ledger import AccountOnX, Snapshot

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)

UPLOAD = {
    "account": "x_default",
    "sha256": "a" * 64,
    "category": "tweet_image",
    "alt": "A dome at night",
    "x_media_id": "1900000000000000009",
    "media_key": "3_1900000000000000009",
    "size": 12,
    "ask_at": None,
    "uploaded_at": NOW,
    "expires_at": NOW.add(hours=24),
}
SNAPSHOT = Snapshot(
    "x_default", "1900000000000000001", NOW, "public", NOW.add(minutes=3), impressions=0, likes=5
)


def find(ledger, **changes):
    wanted = {"account": "x_default", "sha256": "a" * 64, "category": "tweet_image", "alt": "A dome at night"}
    return ledger.media.find(**{**wanted, "alive_at": NOW, **changes})


def test_an_upload_is_found_again_while_its_id_lives(ledger):
    ledger.media.add(**UPLOAD)
    assert find(ledger).x_media_id == UPLOAD["x_media_id"]
    assert find(ledger, alive_at=NOW.add(hours=24)) is None


def test_an_upload_is_not_reused_for_another_account_or_alt_text(ledger):
    ledger.media.add(**UPLOAD)
    assert find(ledger, account="x_other") is None
    assert find(ledger, alt="Something else") is None


def test_an_upload_that_x_still_processes_is_kept_with_when_to_ask_and_what_is_left_to_do(ledger):
    uploaded = ledger.media.add(**{**UPLOAD, "ask_at": NOW.add(seconds=5)})
    assert find(ledger) == uploaded
    assert (uploaded.state, uploaded.described, uploaded.ask_at) == ("processing", False, NOW.add(seconds=5))
    assert ledger.media.describe(uploaded).described
    later = ledger.media.ask_again(find(ledger), NOW.add(seconds=10))
    assert find(ledger) == later
    ready = ledger.media.finish(later)
    assert find(ledger) == ready
    assert (ready.state, ready.described, ready.ask_at) == ("ready", True, None)


def test_what_has_no_alt_text_is_described_at_once(ledger):
    assert ledger.media.add(**{**UPLOAD, "alt": ""}).described


def test_a_ready_upload_goes_before_a_newer_one_that_x_still_processes(ledger):
    ready = ledger.media.add(**UPLOAD)
    ledger.media.add(**{**UPLOAD, "x_media_id": "1900000000000000010", "ask_at": NOW})
    assert find(ledger).id == ready.id


def test_a_failed_upload_is_not_reused(ledger):
    uploaded = ledger.media.add(**{**UPLOAD, "ask_at": NOW})
    assert ledger.media.fail(uploaded, "Unsupported codec").why == "Unsupported codec"
    assert find(ledger) is None


def test_who_asked_earlier_does_not_undo_what_somebody_learnt_since(ledger):
    stale = ledger.media.add(**{**UPLOAD, "ask_at": NOW})
    ledger.media.finish(stale)
    ledger.media.ask_again(stale, NOW.add(seconds=30))
    ledger.media.fail(stale, "too late")
    assert find(ledger).state == "ready"
    assert find(ledger).ask_at is None


def test_an_upload_that_x_forgot_is_not_reused_and_remembered_as_forgotten(ledger):
    uploaded = ledger.media.add(**UPLOAD)
    other = ledger.media.add(**{**UPLOAD, "sha256": "b" * 64})
    assert not ledger.media.forgotten(uploaded, since=NOW.subtract(hours=2))
    ledger.media.forget([uploaded], now=NOW)
    assert find(ledger) is None
    assert ledger.media.forgotten(uploaded, since=NOW.subtract(hours=2))
    assert not ledger.media.forgotten(uploaded, since=NOW.add(seconds=1))
    assert not ledger.media.forgotten(other, since=NOW.subtract(hours=2))


def test_an_interval_keeps_the_numbers_it_has(ledger):
    assert ledger.snapshots.add([SNAPSHOT]) == 1
    assert ledger.snapshots.add([replace(SNAPSHOT, likes=99)]) == 0
    assert ledger.snapshots.of_post(SNAPSHOT.x_id) == [SNAPSHOT]
    assert ledger.snapshots.covered("x_default", NOW) == {SNAPSHOT.x_id}


def test_unknown_numbers_stay_unknown_and_zero_stays_zero(ledger):
    ledger.snapshots.add([SNAPSHOT])
    (kept,) = ledger.snapshots.of_post(SNAPSHOT.x_id)
    assert kept.url_link_clicks is None
    assert kept.impressions == 0


def test_an_account_is_remembered_for_the_x_it_was_met_on(ledger):
    user = AccountOnX("x_default", "https://api.x.com", "42", "nordlicht", "fingerprint")
    ledger.accounts.put(user, now=NOW)
    now_called = replace(user, username="nordlicht_obs", name="Nordlicht", picture_url="https://x/1.png")
    ledger.accounts.put(now_called, now=NOW)
    assert ledger.accounts.find("x_default", "https://api.x.com") == now_called
    assert ledger.accounts.base_urls() == ["https://api.x.com"]
    assert ledger.accounts.find("x_default", "http://127.0.0.1:8090") is None
    assert ledger.accounts.names() == ["x_default"]
