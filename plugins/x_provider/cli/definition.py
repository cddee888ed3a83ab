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


def _webhook_commands() -> tuple[ActionCommand, ...]:
    connection = Arg(("connection",), help="The Airflow connection (type x) of an account of the app")
    of_one = Arg(
        ("connection",), nargs="?", help="Only what the webhook of this connection was told (default: of all)"
    )
    webhook = Arg(("--webhook",), metavar="ID", help="Which one, where the app has several")
    events = Arg(
        ("--events",),
        nargs="+",
        metavar="EVENT",
        help="Such as post.mention.create (default: mentions, replies, quotes, reposts and deletions; besides"
        " them there is post.create, new posts of the account)",
    )
    old = Arg(
        ("--account-activity",), action="store_true", help="The Account Activity API, which X has deprecated"
    )

    def command(
        name: str, help: str, *args: Arg, function: str = "", connection: Arg = connection
    ) -> ActionCommand:
        loaded = lazy_load_command(f"x_provider.cli.webhooks.{function or name}")
        return ActionCommand(name=name, help=help, func=loaded, args=(connection, *args, _LEDGER))

    return (
        command("list", "The app's webhooks, and what each is told", old, ARG_OUTPUT, function="list_"),
        command(
            "register",
            "Have X deliver the app's events to this Airflow; it is challenged at once",
            # Airflow's help is rich markup, in which brackets are escaped.
            Arg(("--url",), help="Where to (default: \\[api] base_url, with /x/webhook/CONNECTION)"),
        ),
        command("validate", "Have X challenge a webhook now", webhook),
        command("delete", "Have X forget a webhook and its subscriptions", webhook),
        command(
            "replay",
            "Have X deliver again what it delivered, or tried to, such as after an outage",
            Arg(
                ("--from",),
                dest="from_",
                metavar="TIME",
                required=True,
                help="Such as 2026-12-24T00:00+01:00",
            ),
            Arg(("--until",), metavar="TIME", help="(default: now)"),
            webhook,
        ),
        command("subscribe", "Be told what happens to the connection's account", events, old, webhook),
        command("unsubscribe", "Be told it no more", events, old, webhook),
        command(
            "failed",
            "The events in the ledger that were tried in vain and given up, and why; X is not asked",
            Arg(
                ("--limit",),
                type=int,
                default=100,
                help="At most so many, newest first (default: %(default)s)",
            ),
            ARG_OUTPUT,
            connection=of_one,
        ),
        command(
            "retry",
            "Have DAG x_events try such events again, once what kept them is mended; X is not asked",
            Arg(("--event",), type=int, nargs="+", metavar="ID", help="Which ones, by their numbers"),
            Arg(("--all",), action="store_true", help="All of them"),
            connection=of_one,
        ),
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
                ActionCommand(
                    name="login",
                    help="Log an account in on X: prints where to consent, waits for the answer, keeps the tokens",
                    func=lazy_load_command("x_provider.cli.login.login"),
                    args=(
                        Arg(("account",), help="The account, by its connection"),
                        Arg(
                            ("--scheme",),
                            choices=("oauth2", "oauth1"),
                            default="oauth2",
                            help="oauth1 asks for a PIN; the account's keys, which do not end, go sealed into the"
                            " ledger (default: %(default)s)",
                        ),
                        Arg(
                            ("--scopes",),
                            help="What the app may do, separated by commas (default: the least for publishing)",
                        ),
                        Arg(
                            ("--another-user",),
                            action="store_true",
                            help="Whoever logs in becomes this account, instead of who it was before",
                        ),
                        Arg(("--no-browser",), action="store_true", help="Only print the address"),
                        Arg(
                            ("--port",),
                            type=int,
                            default=8765,
                            help="Where to wait on 127.0.0.1 for X's answer (default: %(default)s)",
                        ),
                        Arg(
                            ("--client-id",),
                            help="Create the connection, with this OAuth 2.0 client id; the client secret is asked"
                            " for, or taken from the environment variable X_CLIENT_SECRET",
                        ),
                        Arg(
                            ("--base-url",),
                            help="With --client-id: another API than X's, such as a sandbox",
                        ),
                        _LEDGER,
                    ),
                ),
                ActionCommand(
                    name="logout",
                    help="Log an account out: X forgets its tokens, and so does the ledger",
                    func=lazy_load_command("x_provider.cli.login.logout"),
                    args=(Arg(("account",), help="The account, by its connection"), _LEDGER),
                ),
                ActionCommand(
                    name="doctor",
                    help="Check all that publishing needs (ledger, keys, Airflow's parts, watcher, accounts, logins,"
                    " clocks, disk, stops) and say what to do; exits with 2 when posts do not go out",
                    func=lazy_load_command("x_provider.cli.doctor.doctor"),
                    args=(
                        Arg(("accounts",), nargs="*", help="Accounts, by their connections (default: all)"),
                        Arg(
                            ("--ask-x",),
                            action="store_true",
                            help="Ask X who each account is, which costs $0.010 each",
                        ),
                        Arg(("--strict",), action="store_true", help="Exit with 2 for warnings, too"),
                        ARG_OUTPUT,
                        _LEDGER,
                    ),
                ),
                GroupCommand(
                    name="keys",
                    help="The keys that tokens in the ledger are encrypted with (X_PROVIDER_FERNET_KEY)",
                    subcommands=(
                        ActionCommand(
                            name="new",
                            help="Print a new key",
                            func=lazy_load_command("x_provider.cli.keys.new"),
                            args=(),
                        ),
                        ActionCommand(
                            name="rotate",
                            help="Encrypt all tokens anew with the newest key, while others go on",
                            func=lazy_load_command("x_provider.cli.keys.rotate"),
                            args=(_LEDGER,),
                        ),
                    ),
                ),
                GroupCommand(
                    name="webhooks",
                    help="Have X tell this Airflow what happens: mentions, replies, quotes, reposts, deleted posts",
                    subcommands=_webhook_commands(),
                ),
                GroupCommand(
                    name="db",
                    help="The ledger's database",
                    subcommands=(_command("upgrade", "Bring the ledger's schema to this release's version"),),
                ),
            ),
        )
    ]
