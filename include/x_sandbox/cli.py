from __future__ import annotations

import argparse
import sys
from pathlib import Path

from x_sandbox.accounts import Profile, write_private
from x_sandbox.server import listen, serve
from x_sandbox.settings import Settings
from x_sandbox.state import State


def parser() -> argparse.ArgumentParser:
    """Make the command line's parser."""
    top = argparse.ArgumentParser(
        prog="x-sandbox", description="A local X (Twitter) for rehearsals, demos and tests."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "serve",
        help="answer X's API over HTTP until stopped",
        description="Answer X's API over HTTP until SIGTERM or Ctrl-C. "
        "Prints `x-sandbox ready: URL` when it listens; the URL shows the timeline.",
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    command.add_argument(
        "--port", type=int, default=8420, help="port to listen on; 0 picks a free one (%(default)s)"
    )
    command.add_argument(
        "--state",
        type=Path,
        default=Path("x-sandbox-state"),
        metavar="DIR",
        help="directory of accounts, posts and media; a restart goes on from there (%(default)s)",
    )
    command.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="write the keys and tokens of the accounts here, as JSON that only you can read "
        "(credentials.json in the state directory)",
    )
    command.add_argument(
        "--accounts",
        type=int,
        default=2,
        metavar="N",
        help="how many accounts there are at least (%(default)s)",
    )
    command.add_argument(
        "--account",
        dest="profiles",
        type=_profile,
        action="append",
        default=[],
        metavar="NAME:USERNAME",
        help="have an account of this name, such as 'City Museum:citymuseum'; the first one where the state "
        "directory is new; may be repeated",
    )
    settings = Settings()
    for option, setting, what in (
        ("--processing-seconds", "processing_seconds", "how long X works on a GIF or video after finalize"),
        ("--read-lag", "read_lag_seconds", "how long a new post stays invisible to reads"),
        ("--latency", "latency_seconds", "how long every answer of the API takes at least"),
        (
            "--duplicate-window",
            "duplicate_window_seconds",
            "how long the same text is refused as a duplicate",
        ),
    ):
        command.add_argument(
            option, dest=setting, type=float, default=getattr(settings, setting), metavar="S", help=what
        )
    command.add_argument(
        "--no-rate-limits", dest="rate_limits", action="store_false", help="answer without counting requests"
    )
    return top


def main(argv: list[str] | None = None) -> int:
    """Run `x-sandbox`; return its exit status."""
    arguments = parser().parse_args(argv)
    chosen = (
        "processing_seconds",
        "read_lag_seconds",
        "latency_seconds",
        "duplicate_window_seconds",
        "rate_limits",
    )
    settings = Settings(**{name: getattr(arguments, name) for name in chosen})
    try:
        state = State(arguments.state, settings, accounts=arguments.accounts, profiles=arguments.profiles)
    except OSError as error:
        return _failed(f"the state directory {arguments.state} cannot be used: {error.strerror or error}")
    except ValueError as error:
        return _failed(str(error))
    credentials = arguments.credentials or arguments.state / "credentials.json"
    try:
        write_private(credentials, state.app.credentials())
    except OSError as error:
        return _failed(f"the credentials file {credentials} cannot be written: {error.strerror or error}")
    try:
        listener = listen(arguments.host, arguments.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        return _failed(
            f"{arguments.host}:{arguments.port} cannot be listened on: {reason}; "
            "choose another --port, or 0 for any free one"
        )
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    url = f"http://{host}:{listener.getsockname()[1]}"
    serve(state, listener, on_ready=lambda: print(f"x-sandbox ready: {url}", flush=True))  # noqa: T201
    state.close()
    return 0


def _profile(text: str) -> Profile:
    try:
        return Profile.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _failed(message: str) -> int:
    print(f"x-sandbox: {message}", file=sys.stderr)  # noqa: T201
    return 1
