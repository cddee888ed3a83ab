"""``airflow x login`` and ``airflow x logout``: accounts from a terminal, also on a machine without a browser."""

from __future__ import annotations

import getpass
import os
import secrets
import select
import socket
import sys
import time
import webbrowser
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import UnsupportedOperation
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from x_provider.accounts import LoginRefused
from x_provider.accounts.pending import LOGIN_MINUTES
from x_provider.cli.commands import explained
from x_provider.client import XError
from x_provider.client.oauth1_login import PIN
from x_provider.client.oauth2 import MORE_SCOPES, SCOPES
from x_provider.hooks.connections import create_connection
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.login import Connected, begin_login, finish_login
from x_provider.hooks.logout import log_out
from x_provider.hooks.problems import XConnectionError
from x_provider.ledger import LedgerError

if TYPE_CHECKING:
    from _typeshed import HasFileno

_PATH = "/callback"
_SECRET_NAME = "X_CLIENT_SECRET"  # noqa: S105  (where it is, not what)
_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>X</title><h1>{title}</h1><p>{words}</p></html>'


@explained
def login(args: Namespace) -> None:
    """Log an account in."""
    _require_fitting(args)
    ledger = LedgerHook(args.ledger_conn_id).ledger()
    started_by = f"{getpass.getuser()}@{socket.gethostname()}"
    redirect_uri = PIN if args.scheme == "oauth1" else f"http://127.0.0.1:{args.port}{_PATH}"
    begin = partial(
        begin_login,
        ledger,
        args.account,
        scheme=args.scheme,
        redirect_uri=redirect_uri,
        scopes=args.scopes.replace(",", " ").split() if args.scopes else None,
        another_user=args.another_user,
        started_by=started_by,
    )

    def finish(answer: Mapping[str, str]) -> Connected:
        return finish_login(
            ledger, answer, redirect_uri=redirect_uri, started_by=started_by, check=_only(args.account)
        )

    if args.scheme == "oauth1":
        url = begin()
        _show(url, opens=not args.no_browser)
        pin = _ask("The PIN that X shows: ")
        connected = finish({"oauth_token": _query(url)["oauth_token"], "oauth_verifier": pin})
    else:
        with _Callback(args.port) as callback:
            if args.client_id is not None:
                _create(args)
            url = begin()
            _explain_scopes(_query(url)["scope"].split())
            print(f"X comes back to {redirect_uri}: register that address with your app, letter by letter.")
            _show(url, opens=not args.no_browser)
            connected = callback.wait(_query(url)["state"], redirect_uri, finish)
    _report(connected)


@explained
def logout(args: Namespace) -> None:
    """Log an account out, on X and here."""
    ended = log_out(LedgerHook(args.ledger_conn_id).ledger(), args.account)
    for remark in ended.remarks:
        print(f"WARNING: {remark}")
    if ended.is_forgotten:
        print(f"{args.account} is forgotten: who it was on X, and its login if it had one.")
    else:
        print(f"{args.account} is logged out: its posts wait until it is logged in again.")


def _require_fitting(args: Namespace) -> None:
    """Refuse what would have no effect, or would create a connection that cannot be logged in."""
    if args.client_id is None and args.base_url is not None:
        raise LoginRefused(
            "--base-url is for a connection that --client-id creates",
            f"Leave it out, or give --client-id too; where {args.account} exists, its base URL is changed under"
            " Admin > Connections",
        )
    if args.client_id is not None and args.scheme == "oauth1":
        raise LoginRefused(
            "--client-id creates a connection for OAuth 2.0, and --scheme oauth1 takes the app's API key and secret",
            "Leave one of them out; write those keys into login and password under Admin > Connections",
        )


def _create(args: Namespace) -> None:
    secret = _client_secret()
    create_connection(args.account, client_id=args.client_id, client_secret=secret, base_url=args.base_url)
    if secret:
        print(f"Connection {args.account} is created.")
    else:
        print(
            f"Connection {args.account} is created WITHOUT A CLIENT SECRET, as for a public client (Native App). If"
            f" the app has one: `airflow connections delete {args.account}`, then again in a terminal, which asks for"
            f" it, or with {_SECRET_NAME} set."
        )


class _Callback(HTTPServer):
    """Waits for the browser on this machine, or for the address that somebody pastes.

    :raises LoginRefused: when it cannot listen.
    """

    timeout = 1.0

    def __init__(self, port: int) -> None:
        self._state = ""
        self._finish: Callable[[Mapping[str, str]], Connected] = _nothing
        self.connected: Connected | Exception | None = None
        try:
            super().__init__(("127.0.0.1", port), _Answer)
        except (OSError, OverflowError) as error:
            raise LoginRefused(
                f"Port {port} of this machine cannot be listened on ({error})",
                "Name another with --port, and register the address with it at X",
            ) from None

    def wait(
        self, state: str, redirect_uri: str, finish: Callable[[Mapping[str, str]], Connected]
    ) -> Connected:
        """Who logged in.

        :raises LoginRefused: when nobody did, or that could not be trusted.
        :raises Exception: what else kept the login from being ended, such as a ledger that is away.
        """
        self._state, self._finish = state, finish
        watched: list[HasFileno] = [self, *([sys.stdin] if _can_be_watched() else [])]
        print(
            "Waiting. If the browser is on another machine, paste the address that it ends up at:", flush=True
        )
        ends_at = time.monotonic() + LOGIN_MINUTES * 60
        while self.connected is None:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise LoginRefused(f"Nobody came back from X within {LOGIN_MINUTES} minutes")
            ready, _, _ = select.select(watched, [], [], left)
            if self in ready:
                self.handle_request()
            elif ready:
                line = sys.stdin.readline()
                if not line:
                    watched.remove(sys.stdin)
                elif line.strip():
                    self._take_pasted(line.strip(), redirect_uri)
        if isinstance(self.connected, Exception):
            raise self.connected
        return self.connected

    def take(self, answer: Mapping[str, str]) -> tuple[int, str, str]:
        """What to tell the browser that came with it: status, title and words."""
        # Any page in any browser on this machine may call here: it must not end a login under way.
        if not secrets.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return 400, "Not logged in", "This is not the answer to the login that the terminal waits for."
        try:
            self.connected = self._finish(answer)
        except LoginRefused as refused:
            self.connected = refused
            return 400, "Not logged in", str(refused)
        except (LedgerError, XConnectionError, XError) as error:
            self.connected = error
            words = f"{str(error).rstrip('.')}. Correct that, then begin the login again."
            return 503, "Not logged in", words
        except Exception as error:
            # The answer of X is spent all the same: whoever waits must not wait for another.
            self.connected = error
            return 500, "Not logged in", "Something broke: the terminal says what."
        return 200, "Logged in", f"As @{self.connected.who.user.username}. You may close this page."

    def _take_pasted(self, line: str, redirect_uri: str) -> None:
        if not line.startswith(f"{redirect_uri}?"):
            print(f"That is not the address: it begins with {redirect_uri}?", flush=True)
            return
        _, _, words = self.take(_query(line))
        if self.connected is None:
            print(words, flush=True)


class _Answer(BaseHTTPRequestHandler):
    server: _Callback
    timeout = 5

    def do_GET(self) -> None:
        if urlsplit(self.path).path != _PATH:
            self.send_error(404)
            return
        status, title, words = self.server.take(_query(self.path))
        page = _PAGE.format(title=escape(title), words=escape(words)).encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Nothing: the address holds the code."""


def _nothing(_answer: Mapping[str, str]) -> Connected:
    raise LoginRefused("No login has begun")


def _only(account: str) -> Callable[[str], None]:
    def check(conn_id: str) -> None:
        if conn_id != account:
            raise LoginRefused(f"This is the answer to a login of account {conn_id}, not of {account}")

    return check


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _can_be_watched() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.fileno() >= 0
    except (UnsupportedOperation, ValueError, OSError):
        return False


def _client_secret() -> str | None:
    if secret := os.environ.get(_SECRET_NAME):
        return secret.strip()
    if sys.stdin is not None and sys.stdin.isatty():
        with suppress(EOFError):
            return getpass.getpass("Client secret (empty for a public client): ").strip() or None
    return None


def _ask(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        raise LoginRefused("There is nobody to ask for the PIN", "Run it in a terminal") from None


def _explain_scopes(scopes: list[str]) -> None:
    print("X will ask whether the app may:")
    for scope in scopes:
        print(f"  {scope:22}{ {**SCOPES, **MORE_SCOPES}.get(scope, '') }")


def _show(url: str, *, opens: bool) -> None:
    print(
        f"Open this address in a browser in which you are logged in on X as the account:\n\n{url}\n",
        flush=True,
    )
    if opens:
        webbrowser.open(url)


def _report(connected: Connected) -> None:
    who = connected.who
    scopes = f", which may: {', '.join(who.scopes)}" if who.scopes else ""
    print(f"{who.account} is @{who.user.username} (user id {who.user.user_id}) on {who.base_url}{scopes}.")
    for remark in connected.remarks:
        print(f"WARNING: {remark}")
