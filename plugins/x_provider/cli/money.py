"""What `airflow x budget` shows and changes."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml
from airflow.cli.simple_table import AirflowConsole
from pendulum import DateTime

from x_provider.hooks.x import XHook
from x_provider.ledger import Ledger, LedgerError, Month, dollars, month_of
from x_provider.publishing import governed

USAGE_DAYS = 7
_POST_READS = ("post_read", "owned_read")
_ANEW = (
    "; X gives {} for when it begins anew, and does not say whether that is a day of the month or days left"
)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def change(ledger: Ledger, args: Namespace, *, now: DateTime, by: str) -> None:
    """Do what the options ask for, and say so.

    :raises LedgerError: when there is nothing to remove or to reset, or the amount is none.
    """
    account = args.account
    if args.set_ is not None:
        try:
            ledger.charges.set_budget(account, Decimal(args.set_.removeprefix("$")), by=by, now=now)
        except (InvalidOperation, ValueError):
            raise LedgerError(
                f"--set {args.set_} is no amount of US dollars, such as 20 or 7.50; nothing was done"
            ) from None
    if args.remove and not ledger.charges.remove_budget(account):
        raise LedgerError(f"account {account} has no budget, so there is none to remove")
    if args.reset:
        if not ledger.controls.reset(account, now=now):
            raise LedgerError(
                f"X has not refused account {account} for lack of money, so there is nothing to reset; `airflow x"
                " status` shows what is stopped"
            )
        print(
            "Going on. What is past its grace by now is not sent of itself: it is skipped, or you are asked."
        )


def spending(
    ledger: Ledger, account: str | None, *, month: str | None, now: DateTime
) -> list[dict[str, Any]]:
    """Plain JSON: what accounts have cost in a month, by kind, and what holds them back.

    :param account: one account; None for every one that has cost something or has a budget.
    :raises LedgerError: for a month that is none.
    """
    if month is not None and _MONTH.fullmatch(month) is None:
        raise LedgerError(f"--month {month} is no month, such as {month_of(now)}")
    accounts = [account] if account else ledger.charges.accounts()
    return [_spending(ledger, each, month or month_of(now), now) for each in accounts]


def show(shown: list[dict[str, Any]], *, output: str) -> None:
    """Print what accounts have cost; ``json`` and ``yaml`` as one document."""
    if output == "json":
        print(json.dumps(shown, indent=2))
    elif output == "yaml":
        print(yaml.safe_dump(shown, sort_keys=False), end="")
    else:
        for each in shown:
            print(each["words"])
            if each["kinds"]:
                AirflowConsole().print_as(
                    [{**kind, "usd": dollars(Decimal(kind["usd"]))} for kind in each["kinds"]], output=output
                )
            if each["breaker"]:
                print(f"STOPPED: {each['breaker']}")
        if not shown:
            print(
                "no account has cost anything yet, and none has a budget: airflow x budget ACCOUNT --set USD"
            )


def show_usage(ledger: Ledger, x: XHook, *, now: DateTime, output: str) -> None:
    """Ask X how many posts the app has read, and print it beside what the ledger was charged for.

    X counts the whole app's reads, whoever made them; the ledger those of all its accounts.

    :raises XError: when X does not say.
    """
    client = governed(x.get_conn(), ledger, account=x.x_conn_id, clock=lambda: now)
    usage = client.usage(USAGE_DAYS)
    ours = ledger.charges.units_since(_POST_READS, now.start_of("day").subtract(days=USAGE_DAYS - 1))
    theirs = {day.date.to_date_string(): day.usage for day in usage.days if day.usage is not None}
    rows = [
        {
            "day (UTC)": day,
            "posts read by X's count": theirs.get(day, "?"),
            "by the ledger's": ours.get(day, 0),
            "X's more": theirs[day] - ours.get(day, 0) if day in theirs else "?",
        }
        for day in sorted({*ours, *theirs})
    ]
    AirflowConsole().print_as(rows, output=output)
    if output != "table":
        return
    more = sum(count - ours.get(day, 0) for day, count in theirs.items())
    if more:
        who = (
            "something else reads with the app's keys too, or a read was not written down"
            if more > 0
            else ("X has not counted all of it yet, or has billed several accounts' reads of one post once")
        )
        posts = "post" if abs(more) == 1 else "posts"
        print(f"X counts {abs(more)} {posts} {'more' if more > 0 else 'fewer'} than the ledger: {who}")
    else:
        print("X counts as many posts as the ledger")
    if usage.project_usage is not None and usage.project_cap is not None:
        anew = "" if usage.cap_reset_day is None else _ANEW.format(usage.cap_reset_day)
        print(f"of the plan's {usage.project_cap:,} posts a period {usage.project_usage:,} are read{anew}")


def _spending(ledger: Ledger, account: str, name: str, now: DateTime) -> dict[str, Any]:
    month = ledger.charges.month(account, now=now, name=name)
    breaker = ledger.controls.breaker_of(account, now)
    return {
        "account": account,
        "month": name,
        "spent_usd": str(month.spent),
        "on_its_way_usd": str(month.on_its_way),
        "budget_usd": None if month.budget is None else str(month.budget),
        "percent": _percent(month),
        "words": _words(month),
        "kinds": [
            {"kind": cost.kind, "units": cost.units, "usd": f"{cost.usd:f}"}
            for cost in ledger.charges.by_kind(account, name)
        ],
        "breaker": str(breaker) if breaker else None,
    }


def _percent(month: Month) -> int | None:
    return None if month.share is None else round(month.share * 100)


def _words(month: Month) -> str:
    if month.budget is None:
        return f"{month}; it has no budget (airflow x budget {month.account} --set USD)"
    left = max(month.budget - month.used, Decimal(0))
    return f"{month} ({_percent(month)} %); {dollars(left)} left until {month.ends_at.to_date_string()}"
