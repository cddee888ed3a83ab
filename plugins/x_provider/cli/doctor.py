"""``airflow x doctor``: look at everything, say what to do."""

from __future__ import annotations

import atexit
import json
import os
import sys
from argparse import Namespace
from dataclasses import asdict

import yaml
from airflow.cli.simple_table import AirflowConsole

from x_provider.health import Check, State, examine, verdict
from x_provider.health.guarding import is_anything_hanging

EXIT_CODES: dict[State, int] = {"ok": 0, "skipped": 0, "warning": 0, "failed": 2}
_MARKS: dict[State, str] = {"ok": "ok", "skipped": "--", "warning": "WARN", "failed": "FAIL"}


def doctor(args: Namespace) -> None:
    """Check everything that publishing needs; exits with 2 when something keeps posts from going out."""
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")  # as cli/commands.py says
    checks = []
    for check in examine(args.accounts, ask_x=args.ask_x, ledger_conn_id=args.ledger_conn_id):
        checks.append(check)
        if args.output == "table":
            _say(check)
    worst = verdict(checks)
    if args.output == "table":
        print(_summary(checks))
    else:
        _print({"state": worst, "checks": [asdict(check) for check in checks]}, args.output)
    code = EXIT_CODES["failed" if args.strict and worst == "warning" else worst]
    if is_anything_hanging():
        atexit.register(_leave, code)
    if code:
        sys.exit(code)


def _leave(code: int) -> None:
    """End before Airflow clears up, which would wait for what hangs, or trip over it."""
    if is_anything_hanging():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say(check: Check) -> None:
    print(f"{_MARKS[check.state]:4}  {check.name}: {check.words}", flush=True)
    if check.next_step and check.state != "ok":
        print(f"      -> {check.next_step}", flush=True)


def _summary(checks: list[Check]) -> str:
    failed = sum(check.state == "failed" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    if failed:
        return f"{failed} of {len(checks)} checks failed: posts do not go out as they should"
    if warnings:
        return f"posts go out; {warnings} of {len(checks)} checks warn"
    return f"all {len(checks)} checks are in order"


def _print(shown: dict[str, object], output: str) -> None:
    if output == "json":
        print(json.dumps(shown, indent=2))
    elif output == "yaml":
        print(yaml.safe_dump(shown, sort_keys=False), end="")
    else:
        AirflowConsole().print_as(shown["checks"], output=output)  # type: ignore[arg-type]
