"""What `airflow x status` shows, for people and for machines."""

from __future__ import annotations

import json
from typing import Any

import yaml
from airflow.cli.simple_table import AirflowConsole
from pendulum import DateTime

from x_provider.ledger import Halt, Ledger, PartState


def overview(ledger: Ledger, *, now: DateTime) -> dict[str, list[dict[str, Any]]]:
    """Plain JSON: ``parts`` counted by state, ``halts`` in force and to come, ``posts`` that stopped."""
    counts = ledger.deciding.counts()
    return {
        "parts": [{"state": str(state), "parts": counts[state]} for state in PartState if state in counts],
        "halts": [_halt(halt, now) for halt in ledger.controls.halts(now)],
        "posts": [
            {
                "post": post.name,
                "state": str(post.state),
                "account": post.account,
                "due_at": post.due_at.isoformat(),
                "why": next((part.why for part in post.parts if part.why), ""),
            }
            for post in ledger.deciding.stopped()
        ],
    }


def show(shown: dict[str, list[dict[str, Any]]], *, output: str) -> None:
    """Print an overview; ``json`` and ``yaml`` as one document."""
    if output == "json":
        print(json.dumps(shown, indent=2))
    elif output == "yaml":
        print(yaml.safe_dump(shown, sort_keys=False), end="")
    else:
        AirflowConsole().print_as(shown["parts"], output=output)
        for halt in shown["halts"]:
            print(f"{'STOPPED' if halt['in_force'] else 'TO COME'}: {halt['words']}")
        for post in shown["posts"]:
            print(f"{post['state']}: {post['post']} (due {post['due_at']}): {post['why']}")


def needs_somebody(shown: dict[str, list[dict[str, Any]]]) -> bool:
    """Whether anything is stopped at this moment, or a post waits for a person."""
    return bool(shown["posts"]) or any(halt["in_force"] for halt in shown["halts"])


def _halt(halt: Halt, now: DateTime) -> dict[str, Any]:
    return {
        "account": halt.account,
        "in_force": halt.starts_at <= now,
        "from": halt.starts_at.isoformat(),
        "until": halt.ends_at.isoformat() if halt.ends_at else None,
        "calendar": halt.source or None,
        "by": halt.by,
        "why": halt.why,
        "words": str(halt),
    }
