"""What `airflow x webhooks` does: have X tell this Airflow what happens, and try again what could not be handled."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pendulum
from airflow.cli.simple_table import AirflowConsole
from airflow.configuration import conf
from pendulum import DateTime

from x_provider.calendar.findings import nearest
from x_provider.calendar.times import TimeError, checked_zone, due_time
from x_provider.cli.commands import explained
from x_provider.client import XClient, XError, XInvalidRequest
from x_provider.client.listening import ACCOUNT_ACTIVITY_SCOPES, PRIVATE_EVENTS, PUBLIC_EVENTS, Webhook
from x_provider.events.handling import kind_of
from x_provider.hooks.apps import app_of
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.publisher import open_publisher
from x_provider.hooks.x import XHook
from x_provider.ledger import Ledger, LedgerError
from x_provider.publishing import utc_now
from x_provider.publishing.accounts import who_is

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEYS_DO_NOT = (
    "X takes no OAuth 1.0a keys for mentions, replies, quotes and reposts: log in by OAuth 2.0 (`airflow x login"
    " CONNECTION`; with keys in the connection too, set its auth to oauth2), then subscribe again"
)
DEFAULT_EVENTS = (*PRIVATE_EVENTS, "post.delete")
_ACCOUNT_ACTIVITY = "all (Account Activity)"
_REGISTER = "make one: airflow x webhooks register CONNECTION"


@explained
def list_(args: Namespace) -> None:
    """List the app's webhooks, and what each is told."""
    client = _client(args)
    rows = []
    subscriptions = client.subscriptions()
    for webhook in client.webhooks():
        told = [
            (each.event_type, each.filter.get("user_id", ""), each.id)
            for each in subscriptions
            if each.webhook_id == webhook.id
        ]
        if args.account_activity:
            told += [(_ACCOUNT_ACTIVITY, user, "") for user in client.account_activity(webhook.id)]
        rows += [
            {
                "webhook": webhook.id,
                "url": webhook.url,
                "valid": webhook.valid,
                "event": event,
                "user": user,
                "subscription": subscription,
            }
            for event, user, subscription in told or [("", "", "")]
        ]
    AirflowConsole().print_as(rows, output=args.output)


@explained
def register(args: Namespace) -> None:
    """Have X deliver the app's events to this Airflow."""
    url = args.url or _url(args)
    webhook = _client(args).register_webhook(url)
    if not webhook.valid:
        raise LedgerError(
            f"X has webhook {webhook.id} ({webhook.url}) now, but as not valid, so it is told nothing:"
            f" airflow x webhooks validate {args.connection}"
        )
    print(f"Webhook {webhook.id}: X delivers to {webhook.url}")
    print(f"Now choose what it is told: airflow x webhooks subscribe {args.connection}")


@explained
def validate(args: Namespace) -> None:
    """Have X challenge a webhook now."""
    client = _client(args)
    webhook = _chosen(client, args.webhook)
    if not client.validate_webhook(webhook.id):
        raise LedgerError(f"X did not challenge webhook {webhook.id} ({webhook.url}); try again")
    # X's answer says that a check was begun, and the list what came of it.
    found = _listed(client, webhook)
    if found is None:
        raise LedgerError(f"X lists no webhook {webhook.id} any more; {_REGISTER}")
    if not found.valid:
        raise LedgerError(
            f"X has challenged webhook {webhook.id} and lists it as not valid, so it is told nothing: {found.url} did"
            " not answer as it should, or X has not yet noticed. Look again with `airflow x webhooks list`, and at"
            " docs/webhooks.md, When something is wrong"
        )
    print(f"X has challenged webhook {webhook.id} and lists it as valid: {found.url}")


@explained
def delete(args: Namespace) -> None:
    """Have X forget a webhook and its subscriptions."""
    client = _client(args)
    webhook = _chosen(client, args.webhook)
    is_deleted = client.delete_webhook(webhook.id)
    if _listed(client, webhook) is not None:
        said = "says that it has deleted it" if is_deleted else "does not say that it has deleted it"
        raise LedgerError(
            f"X still lists webhook {webhook.id} ({webhook.url}), and {said}; look again with `airflow x webhooks"
            " list`, and delete it again"
        )
    print(f"X lists webhook {webhook.id} no more, and delivers nothing to {webhook.url}")


@explained
def replay(args: Namespace) -> None:
    """Have X deliver again what it delivered, or tried to."""
    client, now = _client(args), utc_now()
    start = _instant(args.from_, "--from", now)
    end = _instant(args.until, "--until", now) if args.until else now
    if end < start:
        raise LedgerError(f"--until {args.until} is before --from {args.from_}; nothing was done")
    webhook = _chosen(client, args.webhook)
    job = client.replay_events(webhook.id, start=start, end=end)
    print(f"X delivers again what it had from {start.isoformat()} to {end.isoformat()} (job {job})")
    print("What the ledger knows already is not handled twice.")


@explained
def failed(args: Namespace) -> None:
    """List the events that could not be handled and are not tried any more, newest first."""
    ledger = LedgerHook(args.ledger_conn_id).ledger()
    rows = [
        {
            "event": each.id,
            "connection": each.app,
            "received": each.received_at.isoformat(timespec="seconds"),
            "kind": kind_of(each.body),
            "why": each.why,
        }
        for each in ledger.events.given_up(args.connection, limit=args.limit)
    ]
    if not rows:
        _require_known(ledger, args.connection)
    AirflowConsole().print_as(rows, output=args.output)


@explained
def retry(args: Namespace) -> None:
    """Have events that were given up handled after all."""
    if bool(args.event) is args.all:
        raise LedgerError("say which with --event ID …, or --all; `airflow x webhooks failed` lists them")
    ledger = LedgerHook(args.ledger_conn_id).ledger()
    wanted = None if args.all else set(args.event)
    retried = ledger.events.retry(wanted, app=args.connection, now=utc_now())
    if not retried:
        _require_known(ledger, args.connection)
    print(f"{len(retried)} {'event is' if len(retried) == 1 else 'events are'} tried again, by DAG x_events")
    if others := sorted((wanted or set()) - retried):
        raise LedgerError(
            f"not among those that were given up: {', '.join(map(str, others))}; `airflow x webhooks failed` lists"
            " them"
        )


@explained
def subscribe(args: Namespace) -> None:
    """Have X tell a webhook what happens to the connection's account."""
    _require_useful(args.events or DEFAULT_EVENTS)
    if args.account_activity:
        _require_private_messages(XHook(args.connection, args.ledger_conn_id))
    publisher = open_publisher(account=args.connection, ledger_conn_id=args.ledger_conn_id)
    client = publisher.client
    webhook = _chosen(client, args.webhook)
    # It is kept in the ledger: the events name the user, and the ledger then knows whose they are.
    user = who_is(publisher.ledger, client, account=args.connection, now=utc_now())
    if args.account_activity:
        client.subscribe_account_activity(webhook.id)
        print(f"{webhook.url} is told all about @{user.username}, in the deprecated words of API v1.1")
        return
    event_types, failed = args.events or DEFAULT_EVENTS, []
    for event_type in event_types:
        try:
            client.subscribe(
                event_type, user_id=user.user_id, webhook_id=webhook.id, tag=args.connection[:200]
            )
        except XError as error:
            if isinstance(error, XInvalidRequest) and "Duplicate" in str(error):
                print(f"{event_type} of @{user.username}: was subscribed already")
                continue
            failed.append(event_type)
            print(f"{event_type} of @{user.username}: NOT subscribed. {error}")
        else:
            print(f"{event_type} of @{user.username}: {webhook.url} is told")
    print("X bills $0.005 for each event that it delivers.")
    if failed:
        is_keys = XHook(args.connection, args.ledger_conn_id).auth == "oauth1"
        raise LedgerError(
            f"{len(failed)} of {len(event_types)} were not subscribed: {', '.join(failed)}"
            + (f". {_KEYS_DO_NOT}" if is_keys and set(failed) & set(PRIVATE_EVENTS) else "")
        )


@explained
def unsubscribe(args: Namespace) -> None:
    """End what X tells of the connection's account."""
    publisher = open_publisher(account=args.connection, ledger_conn_id=args.ledger_conn_id)
    client = publisher.client
    user = who_is(publisher.ledger, client, account=args.connection, now=utc_now())
    ended = 0
    if args.account_activity:
        webhook = _chosen(client, args.webhook)
        ended = int(client.unsubscribe_account_activity(webhook.id, user.user_id))
    else:
        for each in client.subscriptions():
            if each.filter.get("user_id") == user.user_id and each.event_type in (
                args.events or [each.event_type]
            ):
                ended += client.unsubscribe(each.id)
    print(f"{ended} subscriptions to @{user.username} ended")


def _require_useful(event_types: Sequence[str]) -> None:
    """Refuse what nothing here would act on, and X would bill all the same."""
    known = (*PRIVATE_EVENTS, *PUBLIC_EVENTS)
    for event_type in event_types:
        if event_type not in known:
            meant = nearest(event_type, known)
            raise LedgerError(
                f"--events {event_type}: nothing here acts on such an event; "
                + (f"did you mean {meant}? " if meant else "")
                + f"There are {', '.join(known)}. Nothing was subscribed"
            )


def _require_private_messages(x: XHook) -> None:
    """Refuse what X would: the Account Activity API tells private messages too, and wants to be allowed to."""
    if x.keeper is None:  # keys, or a token of which only X knows what it may
        return
    scopes = x.keeper.scopes()
    if lacking := [scope for scope in ACCOUNT_ACTIVITY_SCOPES if scope not in scopes]:
        raise LedgerError(
            f"the Account Activity API takes the account's OAuth 1.0a keys, or an OAuth 2.0 login with"
            f" {', '.join(ACCOUNT_ACTIVITY_SCOPES)}; that of {x.x_conn_id} lacks {', '.join(lacking)}, and `airflow x"
            " login` never asks for private messages. Subscribe without --account-activity, or by a connection with"
            " the account's four keys and auth oauth1"
        )


def _require_known(ledger: Ledger, conn_id: str | None) -> None:
    """Refuse a connection that neither Airflow nor the ledger knows: it is misspelt, rather than without trouble."""
    if conn_id and app_of(conn_id) is None and not ledger.events.has_any(conn_id):
        raise LedgerError(
            f"there is no connection {conn_id} of type x, and X has told nothing to one of that name; `airflow x"
            " webhooks failed` without a name lists what was given up of all"
        )


def _client(args: Namespace) -> XClient:
    return XHook(args.connection, args.ledger_conn_id).get_conn()


def _url(args: Namespace) -> str:
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    path = f"/x/webhook/{quote(args.connection, safe='')}"
    host = urlsplit(base)
    # No port, and nobody's password, which is not to be printed either.
    if host.scheme != "https" or not host.hostname or host.netloc.lower() != host.hostname:
        base = base.replace(host.netloc, host.netloc.rpartition("@")[2])
        account = XHook(args.connection, args.ledger_conn_id).account
        local = (
            ""
            if account.is_on_x
            else f". The connection's X is {account.base_url}, not X's own: a local one (the sandbox) delivers to"
            f" this machine, too, with --url {base or 'http://localhost:8080'}{path}"
        )
        raise LedgerError(
            f"X delivers to public https addresses without a port, and [api] base_url is {base or 'empty'!r}. Set"
            f" that, or give --url https://YOUR-AIRFLOW{path}{local}"
        )
    return f"{base}{path}"


def _chosen(client: XClient, webhook_id: str | None) -> Webhook:
    found = client.webhooks()
    mine = [each for each in found if webhook_id in (None, each.id)]
    if len(mine) == 1:
        return mine[0]
    listed = ", ".join(f"{each.id} ({each.url})" for each in found) or "none"
    if not found:
        raise LedgerError(f"the app has no webhook; {_REGISTER}")
    raise LedgerError(f"say which webhook with --webhook ID; the app has {listed}")


def _listed(client: XClient, webhook: Webhook) -> Webhook | None:
    """What X says of the webhook by now; None where it is gone."""
    return next((each for each in client.webhooks() if each.id == webhook.id), None)


def _instant(written: str, option: str, now: DateTime) -> DateTime:
    try:
        return due_time(written, checked_zone(pendulum.local_timezone().name), now).instant
    except TimeError as error:
        raise LedgerError(f"{option}: {error.message}. {error.hint}") from None
