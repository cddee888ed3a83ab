"""Keeping the proof that a part is on X, whatever happens to the ledger at that moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import pendulum
from pendulum import DateTime

from x_provider.ledger import Attempt, Ledger, LedgerError, NotRecordedHereError, Origin, Receipt, Window

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_PATIENCE_SECONDS = 300.0


class ReceiptNotStoredError(RuntimeError):
    """X created the post and the ledger could not be told; ``evidence`` is what it must be told."""

    def __init__(self, evidence: Mapping[str, Any], cause: Exception) -> None:
        self.evidence = dict(evidence)
        super().__init__(
            f"X created post {evidence['x_id']} ({evidence['url']}), but the ledger could not be told: {cause}"
        )


class PostedTwiceError(ReceiptNotStoredError):
    """The part is on X, or will be, by another attempt or with other words too: a person must look at both."""


class AnotherLedgerError(ReceiptNotStoredError):
    """The part was sent from another ledger than this one, which was left as it is."""


def keep(
    ledger: Ledger,
    attempt: Attempt,
    receipt: Receipt,
    *,
    account: str,
    name: str | None,
    request_id: str | None = None,
    http_status: int | None = None,
    windows: Iterable[Window] = (),
    origin: Origin | None = None,
    patience: float = _PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write the receipt; while the ledger cannot be reached, again and again.

    :param name: of the post, for whoever carries the receipt when the ledger stays away.
    :param origin: of an attempt that somebody has carried here.
    :raises ReceiptNotStoredError: when the ledger stayed away for ``patience`` seconds.
    :raises PostedTwiceError: when the ledger holds another receipt for the part.
    :raises AnotherLedgerError: when the ledger is another one than the attempt was recorded in.
    :raises ReceiptTakenError: when another part, which says the same, has taken that post on X.
    """
    pause = _FIRST_PAUSE_SECONDS
    deadline = time.monotonic() + patience
    while True:
        try:
            kept = ledger.sending.posted(
                attempt,
                receipt,
                account=account,
                request_id=request_id,
                http_status=http_status,
                windows=windows,
                origin=origin,
            )
        except NotRecordedHereError as error:
            why = _elsewhere(ledger, attempt, receipt, name)
            raise AnotherLedgerError(evidence_of(attempt, receipt, account, name), why) from error
        except LedgerError as error:
            if time.monotonic() + pause > deadline:
                evidence = evidence_of(attempt, receipt, account, name)
                raise ReceiptNotStoredError(evidence, error) from error
        else:
            if kept:
                return
            evidence = evidence_of(attempt, receipt, account, name)
            raise PostedTwiceError(evidence, _conflict(ledger, attempt))
        sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _conflict(ledger: Ledger, attempt: Attempt) -> RuntimeError:
    post = ledger.posts.get(attempt.post_id)
    part = next((part for part in post.parts if part.id == attempt.part_id), None)
    if part is not None and part.receipt is not None:
        return RuntimeError(
            f"it holds another receipt for the same part, {part.receipt.url}: look at both posts"
        )
    return RuntimeError(
        f"post {post.name} has been sent again, changed or withdrawn since: look at what is on X, and stop the other"
        f" with `airflow x void {post.name}`"
    )


def _elsewhere(ledger: Ledger, attempt: Attempt, receipt: Receipt, name: str | None) -> RuntimeError:
    known_as = name or f"the post that has number {attempt.post_id} there"
    return RuntimeError(
        f"{known_as} was sent from another ledger than {ledger.database!r}, where nothing was changed. Point the"
        " connection of the ledger at the former database: the post is found on X there by itself, or by"
        f" `airflow x adopt {name or attempt.post_id} {receipt.url}`"
    )


def evidence_of(attempt: Attempt, receipt: Receipt, account: str, name: str | None) -> dict[str, Any]:
    """The receipt as plain JSON, to be carried by whoever can."""
    return {
        "post": name,
        "started_at": attempt.started_at.isoformat(),
        "attempt_id": attempt.id,
        "part_id": attempt.part_id,
        "post_id": attempt.post_id,
        "account": account,
        "x_id": receipt.x_id,
        "url": receipt.url,
        "posted_at": receipt.posted_at.isoformat(),
        "received_at": receipt.received_at.isoformat(),
    }


def keep_evidence(ledger: Ledger, evidence: Mapping[str, Any]) -> None:
    """Tell the ledger what it could not be told before.

    :param evidence: as :func:`evidence_of` gives it; an older release's has neither name nor start.
    :raises ReceiptNotStoredError: as :func:`keep`.
    """
    posted_at, received_at = _instant(evidence["posted_at"]), _instant(evidence["received_at"])
    name, started_at = evidence.get("post"), evidence.get("started_at")
    origin = Origin(name, _instant(started_at) if started_at else None)
    attempt = Attempt(
        id=evidence["attempt_id"],
        part_id=evidence["part_id"],
        post_id=evidence["post_id"],
        started_at=origin.started_at or received_at,
        lease_until=received_at,
        user_id="",
        newest_own_id=None,
    )
    receipt = Receipt(evidence["x_id"], evidence["url"], posted_at, received_at)
    try:
        keep(ledger, attempt, receipt, account=evidence["account"], name=name, origin=origin)
    except ReceiptNotStoredError as error:
        error.evidence = dict(evidence)  # what it does not say must not be made up on the way
        raise


def _instant(written: str) -> DateTime:
    return pendulum.instance(datetime.fromisoformat(written)).in_timezone("UTC")
