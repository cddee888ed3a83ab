"""What `airflow x status` shows, for people and for machines."""

from __future__ import annotations

import json
from functools import cache, partial
from typing import Any

import yaml
from airflow.cli.simple_table import AirflowConsole
from pendulum import DateTime

from x_provider.hooks.standing import trouble
from x_provider.ledger import BREAKER, Halt, Ledger, PartState, Post

_NOT_TAKEN_ON = "nobody has taken it on: is DAG x_publish unpaused, and does Airflow's scheduler run?"
_NOT_SENT = "it was taken on and is not sent: does a triggerer run?"


def overview(ledger: Ledger, *, now: DateTime) -> dict[str, Any]:
    """Plain JSON: ``parts`` counted by state, ``halts`` in force and to come, ``budgets`` that are nearly used up,
    the ``posts`` that stopped, those ``waiting`` past their due time, how many more there are of these two, and the
    ``events`` of X that wait to be handled or were given up.
    """
    trouble_of = cache(partial(trouble, ledger=ledger))
    counts = ledger.overview.counts()
    stopped, waiting = ledger.overview.stopped(now), ledger.overview.waiting(now)
    events = ledger.events.counts()
    return {
        "parts": [{"state": str(state), "parts": counts[state]} for state in PartState if state in counts],
        "halts": [_halt(halt, now) for halt in ledger.controls.halts(now)],
        "budgets": [
            {"account": month.account, "used_up": month.used_up, "words": month.warning()}
            for month in ledger.charges.near_their_budgets(now=now)
        ],
        "posts": [_post(post, _why(post) or "") for post in stopped.posts],
        "waiting": [
            _post(post, _why(post) or trouble_of(post.account) or _unsent(post, now))
            | {
                "next_try_by": post.wake_at.isoformat() if post.wake_at and _is_taken_on(post, now) else None,
                "for_a_person": post.id in waiting.for_a_person,
            }
            for post in waiting.posts
        ],
        "more": {
            "posts": stopped.count - len(stopped.posts),
            "waiting": waiting.count - len(waiting.posts),
        },
        "events": {
            "waiting": events.get("waiting", 0),
            "given_up": events.get("failed", 0),
            "why": ledger.events.why_given_up() if events.get("failed") else None,
        },
    }


def show(shown: dict[str, Any], *, output: str) -> None:
    """Print an overview; ``json`` and ``yaml`` as one document."""
    if output == "json":
        print(json.dumps(shown, indent=2))
    elif output == "yaml":
        print(yaml.safe_dump(shown, sort_keys=False), end="")
    else:
        AirflowConsole().print_as(shown["parts"], output=output)
        for halt in shown["halts"]:
            print(f"{'STOPPED' if halt['in_force'] else 'TO COME'}: {halt['words']}")
        for budget in shown["budgets"]:
            print(f"{'USED UP' if budget['used_up'] else 'NEARLY USED UP'}: {budget['words']}")
        for post in shown["posts"]:
            print(f"{post['state']}: {post['post']} (due {post['due_at']}): {post['why']}")
        _print_more(shown["more"]["posts"], "have stopped")
        for post in shown["waiting"]:
            again = f"; tried again by {post['next_try_by']} at the latest" if post["next_try_by"] else ""
            print(f"waiting: {post['post']} (due {post['due_at']}): {post['why']}{again}")
        _print_more(shown["more"]["waiting"], "are waiting")
        if count := shown["events"]["waiting"]:
            print(
                f"events: {count} that X has told wait for DAG x_events; `airflow x doctor` says whether it runs"
            )
        if count := shown["events"]["given_up"]:
            print(f"events: {count} could not be handled, the newest because: {shown['events']['why']}")
            print("  airflow x webhooks failed\n  airflow x webhooks retry --all")


def needs_somebody(shown: dict[str, Any]) -> bool:
    """Whether anything is stopped at this moment, or a post waits for a person."""
    return (
        bool(shown["posts"])
        or any(halt["in_force"] for halt in shown["halts"])
        or any(budget["used_up"] for budget in shown["budgets"])
        or any(post["for_a_person"] for post in shown["waiting"])
    )


def _print_more(count: int, what: str) -> None:
    if count:
        print(f"… and {count} more that {what}")


def _post(post: Post, why: str) -> dict[str, Any]:
    return {
        "post": post.name,
        "state": str(post.state),
        "account": post.account,
        "due_at": post.due_at.isoformat(),
        "why": why,
    }


def _why(post: Post) -> str | None:
    return next((part.why for part in post.parts if part.why), None)


def _unsent(post: Post, now: DateTime) -> str:
    return _NOT_SENT if _is_taken_on(post, now) else _NOT_TAKEN_ON


def _is_taken_on(post: Post, now: DateTime) -> bool:
    return post.wake_at is not None and post.wake_at > now


def _halt(halt: Halt, now: DateTime) -> dict[str, Any]:
    return {
        "account": halt.account,
        "in_force": halt.starts_at <= now,
        "from": halt.starts_at.isoformat(),
        "until": halt.ends_at.isoformat() if halt.ends_at else None,
        "calendar": None if halt.source == BREAKER else halt.source or None,
        "by": halt.by,
        "why": halt.why,
        "words": str(halt),
    }
