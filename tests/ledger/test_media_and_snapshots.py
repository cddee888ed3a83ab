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
    "state": "ready",
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


def test_a_failed_upload_is_not_reused(ledger):
    ledger.media.add(**{**UPLOAD, "state": "processing"})
    ledger.media.set_state(UPLOAD["x_media_id"], "failed")
    assert find(ledger) is None


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
    ledger.accounts.put(replace(user, username="nordlicht_obs"), now=NOW)
    assert ledger.accounts.find("x_default", "https://api.x.com").username == "nordlicht_obs"
    assert ledger.accounts.find("x_default", "http://127.0.0.1:8090") is None
    assert ledger.accounts.names() == ["x_default"]
