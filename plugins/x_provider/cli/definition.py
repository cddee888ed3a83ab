"""The commands that Airflow adds to its own; it calls this at every start, so it imports nothing of the package."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ActionCommand, Arg, GroupCommand, lazy_load_command

_POST = Arg(("post",), help="A post of the ledger: calendar/entry, or its number")
_LEDGER = Arg(
    ("--ledger-conn-id",),
    default="x_ledger",
    help="The Airflow connection of the ledger (default: %(default)s)",
)


def _command(name: str, help: str, *args: Arg) -> ActionCommand:
    return ActionCommand(
        name=name, help=help, func=lazy_load_command(f"x_provider.cli.commands.{name}"), args=(*args, _LEDGER)
    )


def get_commands() -> list[GroupCommand]:
    """``airflow x``."""
    return [
        GroupCommand(
            name="x",
            help="Look after the posts of the X (Twitter) provider",
            subcommands=(
                _command(
                    "status",
                    "Count the posts by state, a thread's parts one by one; name what is stopped, and the posts that"
                    " stopped or wait past their due time",
                    ARG_OUTPUT,
                    Arg(
                        ("--check",),
                        action="store_true",
                        help="Exit with code 2 when something is stopped, a post waits for a person, or one is over"
                        " a minute late",
                    ),
                ),
                _command("show", "A post's parts, receipts and every attempt to send it", _POST, ARG_OUTPUT),
                _command(
                    "reconcile",
                    "Find out now what X did about a post and go on with it: what is due of it is sent",
                    Arg(
                        ("post",),
                        nargs="?",
                        help="A post of the ledger: calendar/entry, or its number (default: every post that may be"
                        " on X without anybody knowing)",
                    ),
                ),
                _command(
                    "resume", "Send a refused, missed or unfound post after all, or try a late one now", _POST
                ),
                _command(
                    "adopt",
                    "Say which post on X an uncertain post is",
                    _POST,
                    Arg(("url",), help="The post on X: its address or id"),
                    Arg(("--part",), type=int, help="Which part of a thread, from 1"),
                ),
                _command(
                    "void", "Give up what is left of a post: it is not sent any more, and needs nobody", _POST
                ),
                _command(
                    "stop",
                    "Pull the kill switch: nothing is sent any more, until `airflow x go`; or plan a stop",
                    Arg(
                        ("--account",), default="*", help="Stop one account, by its connection (default: all)"
                    ),
                    Arg(("--why",), default="", help="The reason, for those who wonder"),
                    Arg(
                        ("--from",),
                        dest="from_",
                        metavar="TIME",
                        help="When it begins, such as 2026-12-24 00:00, 2026-12-24T00:00+01:00 or now + 2 h"
                        " (default: at once)",
                    ),
                    Arg(
                        ("--until",),
                        metavar="TIME",
                        help="When it ends by itself (default: only by `airflow x go`)",
                    ),
                    Arg(
                        ("--timezone",),
                        metavar="ZONE",
                        help="Of times without an offset, such as Europe/Berlin (default: this machine's)",
                    ),
                ),
                _command(
                    "go",
                    "Let go on what was stopped by hand; what is past its grace by then is not sent of itself",
                    Arg(("--account",), default="*", help="The account that was stopped (default: all)"),
                ),
                _command(
                    "budget",
                    "What X charged an account this month, by kind, and what a month of it may cost; set that, or let"
                    " go on what X refused for lack of money",
                    Arg(
                        ("account",),
                        nargs="?",
                        help="An account, by its connection (default: all that have cost something or have a budget)",
                    ),
                    Arg(
                        ("--set",),
                        dest="set_",
                        metavar="USD",
                        help="US dollars that a month of the account may cost: what would exceed it does not leave",
                    ),
                    Arg(("--remove",), action="store_true", help="Let the account spend without a limit"),
                    Arg(
                        ("--reset",),
                        action="store_true",
                        help="X takes money again (credits were bought, the spending limit was raised): go on",
                    ),
                    Arg(("--month",), metavar="YYYY-MM", help="Another month (UTC) than the present one"),
                    Arg(
                        ("--usage",),
                        action="store_true",
                        help="Ask X how many posts the app has read in the last 7 days, and compare",
                    ),
                    ARG_OUTPUT,
                ),
                GroupCommand(
                    name="db",
                    help="The ledger's database",
                    subcommands=(_command("upgrade", "Bring the ledger's schema to this release's version"),),
                ),
            ),
        )
    ]
