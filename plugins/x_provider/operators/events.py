"""Operators that handle what X has told the webhook, and tell it to other DAGs as asset events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias, Context

from x_provider.hooks.ledger import LedgerHook
from x_provider.operators.retrying import XOperator
from x_provider.publishing import utc_now

if TYPE_CHECKING:
    from x_provider.events.handling import Handled, Happening
    from x_provider.events.reach import Reach, UnknownAccountError
    from x_provider.ledger import Ledger, StoredEvent

EVENTS = "x_events"
"""The asset alias that stands for whatever happened: ``airflow.sdk.AssetAlias("x_events")``."""

_ASSETS = {
    "mention": "mentions",
    "reply": "replies",
    "quote": "quotes",
    "repost": "reposts",
    "deleted": "deleted",
    "created": "created",
}
_CLAIM_MINUTES = 10
_KEPT_DAYS = 30
_MOST_DOUBLINGS = 6
# Airflow's API server writes all asset events of a task in one request, and whoever waits longer than 5 s for its
# answer sends it again, so that all of them are there twice: a thousand take that long.
_MOST = 100


def asset_uri(what: str, account: str) -> str:
    """The URI of the asset that stands for what happens to an account, such as ``x://mentions/x_default``.

    :param what: ``mentions``, ``replies``, ``quotes``, ``reposts``, ``deleted`` or ``created``.
    :param account: the connection id; all but letters of ASCII, digits and ``._-~`` is percent-encoded.
    """
    return f"x://{what}/{quote(account, safe='')}"


class XHandleEventsOperator(XOperator):
    """Bring the ledger up to date with what X has told, and emit an asset event for each thing that happened.

    What a webhook was told is believed of the accounts of its connection's app, and of no others.

    The assets are ``x://mentions/ACCOUNT``, ``x://replies/…``, ``x://quotes/…``, ``x://reposts/…``,
    ``x://deleted/…`` (a post of the account was deleted on X) and ``x://created/…`` (it has a new post), with the
    account's connection id (:func:`asset_uri`). What happened is the event's ``extra``: ``kind``, ``account``,
    ``post_id``, ``url``, ``author``, ``on``: the account's post, and for new ones ``planned``: whether the ledger has
    it. What was said is in the ledger only, which forgets it when X does; Airflow would not.

    What it returns must be given to :class:`XSettleEventsOperator`: Airflow takes the asset events when this task
    has succeeded, and only then may the ledger forget what they came from. After a crash in between they are emitted
    again.

    One run takes on a hundred events, and the watcher wakes the DAG for the rest.

    :param limit: how many events a run takes on. Airflow takes asset events twice where there are many hundreds.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"handled", "ignored"}``, ids of events (XCom).
    """

    def __init__(self, *, limit: int = _MOST, ledger_conn_id: str = "x_ledger", **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "outlets": [*(kwargs.get("outlets") or []), AssetAlias(EVENTS)]})
        self.limit = limit
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, list[int]]:
        from x_provider.events.reach import Reach  # noqa: PLC0415  (SQLAlchemy, which parsing a DAG does not need)
        from x_provider.hooks.apps import Apps  # noqa: PLC0415  (as above)

        ledger, now, apps = LedgerHook(self.ledger_conn_id).ledger(), utc_now(), Apps()
        done: dict[str, list[int]] = {"handled": [], "ignored": []}
        events = ledger.events.claim(now, until=now.add(minutes=_CLAIM_MINUTES), limit=self.limit)
        for event in events:
            handled = self._handled(event, Reach(ledger, event.app, apps.relation), context)
            if handled is None:
                continue
            done["ignored" if handled.why else "handled"].append(event.id)
            if handled.why:
                self.log.info("event %s: %s", event.id, handled.why)
        self.log.info(
            "%s of %s events handled, %s of no concern",
            len(done["handled"]),
            len(events),
            len(done["ignored"]),
        )
        return done

    def _handled(self, event: StoredEvent, reach: Reach, context: Context) -> Handled | None:
        """What came of an event; None where it is to be tried again, or cannot be handled at all.

        Nothing that an event brings about may end the task, which holds others.
        """
        from x_provider.events.handling import handle  # noqa: PLC0415  (as above)
        from x_provider.events.reach import UnknownAccountError  # noqa: PLC0415

        ledger = reach.ledger
        try:
            self._charge(event, reach)
            try:
                handled = handle(event, reach, now=utc_now())
            except UnknownAccountError as error:
                self._meet(ledger, event.app, error)
                handled = handle(event, reach, now=utc_now(), is_met=True)
            handled = self._recognized(reach, handled)
            # Who comes back to an event cannot know whether Airflow was told of it.
            self._emit(context, [each for each in handled.happenings if each.is_new or event.tries])
        except Exception as error:
            now = utc_now()
            wake_at = now.add(seconds=30 * 2 ** min(event.tries, _MOST_DOUBLINGS))
            again = ledger.events.failed(event.id, why=str(error), now=now, wake_at=wake_at)
            what = f"again at {wake_at}" if again else "given up, kept in the ledger"
            self.log.exception("event %s could not be handled; %s", event.id, what)
            return None
        return handled

    def _recognized(self, reach: Reach, handled: Handled) -> Handled:
        """Say of a new post whether it is the ledger's, and have it looked after where its outcome is unknown."""
        from x_provider.publishing.sighting import planned_as  # noqa: PLC0415  (as above)

        if handled.seen is None:
            return handled
        account = planned_as(reach.ledger, handled.seen, now=utc_now())
        if account is not None:
            reach.require(account)
        happenings = tuple(
            replace(each, account=account or each.account, is_planned=account is not None)
            for each in handled.happenings
        )
        return replace(handled, happenings=happenings)

    def _meet(self, ledger: Ledger, conn_id: str, unknown: UnknownAccountError) -> None:
        """Learn who the webhook's own connection is on X, which most events are about.

        :param unknown: why; where another account is known to be meant, that says more than who cannot be met.
        """
        from x_provider.client import XError  # noqa: PLC0415  (as above)
        from x_provider.events.reach import OtherAppError  # noqa: PLC0415
        from x_provider.hooks.problems import XConnectionError  # noqa: PLC0415
        from x_provider.hooks.publisher import open_publisher  # noqa: PLC0415
        from x_provider.publishing.accounts import who_is  # noqa: PLC0415

        try:
            publisher = open_publisher(account=conn_id, ledger_conn_id=self.ledger_conn_id)
            who_is(ledger, publisher.client, account=conn_id, now=utc_now())
        except (XConnectionError, XError) as error:
            if isinstance(unknown, OtherAppError):
                raise unknown from error
            raise

    def _emit(self, context: Context, happenings: Sequence[Happening]) -> None:
        # All of them are made before one is told: an event that is tried again tells them all.
        assets = [Asset(asset_uri(_ASSETS[each.kind], each.account)) for each in happenings]
        for asset, happening in zip(assets, happenings, strict=True):
            context["outlet_events"][AssetAlias(EVENTS)].add(asset, extra=self._extra(happening))

    def _extra(self, happening: Happening) -> dict[str, Any]:
        extra: dict[str, Any] = {
            "kind": happening.kind,
            "account": happening.account,
            "post_id": happening.by_x_id,
            "url": happening.url,
            "author": happening.by_username,
            "on": happening.x_id,
        }
        if happening.is_planned is not None:
            extra["planned"] = happening.is_planned
        return extra

    def _charge(self, event: StoredEvent, reach: Reach) -> None:
        """Write down what X bills for telling, to the account that the event is about.

        At the instant it was told, whenever it is handled: an account pays for the same once a day. Whose it is may
        be known better at the next try, so it counts then only if nobody knows whether it was charged; what came
        days ago was.
        """
        from x_provider.client.prices import charge  # noqa: PLC0415  (as above)
        from x_provider.events.handling import is_billed, subject_of  # noqa: PLC0415
        from x_provider.hooks.problems import XConnectionError  # noqa: PLC0415
        from x_provider.prices import ACTIVITY_EVENT  # noqa: PLC0415
        from x_provider.publishing.governor import cost_of  # noqa: PLC0415

        at = event.received_at
        may_be_charged = event.was_left and at > utc_now().subtract(days=1)
        if not is_billed(event) or (event.tries and not may_be_charged):
            return
        cost = cost_of(charge(ACTIVITY_EVENT, at))
        try:
            account = subject_of(event, reach)
        except XConnectionError:  # then nobody can say of which app an account is
            account = event.app
        near = reach.ledger.charges.add(
            account, cost, what="activity", at=at, resources=[f"event/{event.id}"]
        )
        if near is not None:
            self.log.warning("%s", near.warning())


class XSettleEventsOperator(XOperator):
    """Write down that events are done with, once Airflow knows of what they brought.

    Their bodies go, and the events themselves after 30 days. Deletions of posts that have turned out to be ours since
    they were told are to be handled again.

    :param events: what :class:`XHandleEventsOperator` returned (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: how many were settled (XCom).
    """

    template_fields: Sequence[str] = ("events",)

    def __init__(
        self, *, events: dict[str, list[int]] | Any, ledger_conn_id: str = "x_ledger", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.events = events
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> int:  # noqa: ARG002
        from x_provider.events.deleted import unheeded  # noqa: PLC0415  (as above)

        ledger, now = LedgerHook(self.ledger_conn_id).ledger(), utc_now()
        settled = ledger.events.handled(self.events["handled"], now=now, outcome="handled")
        settled += ledger.events.handled(self.events["ignored"], now=now, outcome="ignored")
        since = now.subtract(days=_KEPT_DAYS)
        ledger.events.forget(since)
        ledger.events.store(list(unheeded(ledger, since=since, now=now)))
        return settled
