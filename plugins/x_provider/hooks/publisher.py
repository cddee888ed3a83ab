"""Opening the engine for an account, by the names of Airflow connections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.media import media_sources
from x_provider.hooks.x import XHook
from x_provider.publishing import Publisher
from x_provider.publishing.firing import Aside

Report = Callable[[str], None]


def open_publisher(*, account: str, ledger_conn_id: str, report: Report | None = None) -> Publisher:
    """The engine for one account, for code in a task.

    :param account: the account's Airflow connection id (type ``x``).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param report: told, in words, what the engine is doing.
    """
    return _publisher(XHook(account, ledger_conn_id), LedgerHook(ledger_conn_id), report)


async def aopen_publisher(
    *, account: str, ledger_conn_id: str, report: Report | None = None, aside: Aside = nullcontext
) -> Publisher:
    """The same for code on an event loop; triggers of one account share its lookups and its client.

    :param aside: surrounds uploads, and looking for posts on X.
    """
    return _publisher(
        await XHook.aget(account, ledger_conn_id), await LedgerHook.aget(ledger_conn_id), report, aside
    )


def _publisher(x: XHook, ledger: LedgerHook, report: Report | None, aside: Aside = nullcontext) -> Publisher:
    return Publisher(
        ledger.ledger(),
        x.get_conn(to_post=True),
        account=x.x_conn_id,
        sources=media_sources(),
        report=report,
        aside=aside,
    )
