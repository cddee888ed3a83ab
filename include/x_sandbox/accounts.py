from __future__ import annotations

import json
import os
import re
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from x_sandbox.clock import Snowflakes

_ALPHANUMERIC = string.ascii_letters + string.digits
_NAMES = ("Alice Example", "Bob Example", "Carol Example", "Dan Example", "Erin Example", "Frank Example")


def token(length: int) -> str:
    """Make an unguessable string of letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


@dataclass
class Account:
    """A user on this X, with the OAuth 1.0a token the app holds for it."""

    id: str
    username: str
    name: str
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    oauth2_access_token: str = field(repr=False)
    oauth2_refresh_token: str = field(repr=False)
    created_at: float
    access_level: str = "read-write"
    premium: bool = False


@dataclass
class DeveloperApp:
    """The one developer app of the sandbox, and its accounts."""

    api_key: str
    api_secret: str = field(repr=False)
    bearer_token: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)
    accounts: list[Account]

    def __post_init__(self) -> None:
        self._by_token = {account.access_token: account for account in self.accounts}
        self._by_id = {account.id: account for account in self.accounts}
        self._by_username = {account.username.lower(): account for account in self.accounts}

    def account_of_token(self, access_token: str) -> Account | None:
        return self._by_token.get(access_token)

    def account(self, user_id: str) -> Account | None:
        return self._by_id.get(user_id)

    def account_named(self, username: str) -> Account | None:
        return self._by_username.get(username.lower())

    def find(self, id_or_username: str) -> Account | None:
        """Look an account up by its id or its username, for the sandbox's own controls."""
        return self.account(id_or_username) or self.account_named(id_or_username)

    def credentials(self) -> dict[str, Any]:
        """Return what a client needs, in the layout of the credentials file."""
        return {
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "bearer_token": self.bearer_token,
            "accounts": [
                {
                    "id": account.id,
                    "username": account.username,
                    "name": account.name,
                    "access_token": account.access_token,
                    "access_token_secret": account.access_token_secret,
                    "oauth2": {
                        "client_id": self.client_id,
                        "client_secret": self.client_secret,
                        "access_token": account.oauth2_access_token,
                        "refresh_token": account.oauth2_refresh_token,
                    },
                }
                for account in self.accounts
            ],
        }


@dataclass(frozen=True)
class Profile:
    """How an account presents itself."""

    name: str
    username: str

    @classmethod
    def parse(cls, text: str) -> Profile:
        """Read ``NAME:USERNAME``, such as ``City Museum:citymuseum``.

        :raises ValueError: it is not that, or X would not allow it.
        """
        name, _, username = (piece.strip() for piece in text.rpartition(":"))
        username = username.removeprefix("@")
        if not 1 <= len(name) <= 50:
            raise ValueError(
                f"{text!r} is no NAME:USERNAME: before the colon goes a name of 1 to 50 characters"
            )
        if not re.fullmatch(r"[A-Za-z0-9_]{1,15}", username):
            raise ValueError(
                f"{text!r} is no NAME:USERNAME: after the colon go 1 to 15 letters, digits or underscores"
            )
        return cls(name, username)


def load_app(path: Path, *, accounts: int, profiles: Sequence[Profile] = ()) -> DeveloperApp:
    """Read the developer app of a state directory, or make it; more accounts are added when asked for.

    :param path: the app's file, readable by its owner only.
    :param accounts: how many accounts there must be at least.
    :param profiles: accounts that must be among them, the first ones where the app is new.
    :raises OSError: the file cannot be read or written.
    :raises ValueError: the file is not one of ours.
    """
    app = _stored_app(path) if path.exists() else _new_app()
    ids = Snowflakes()
    added = [
        _make_account(ids, profile) for profile in profiles if app.account_named(profile.username) is None
    ]
    number = 0
    while len(app.accounts) + len(added) < accounts:
        taken = {account.username.lower() for account in (*app.accounts, *added)}
        profile = _usual_profile(number)
        if profile.username.lower() not in taken:
            added.append(_make_account(ids, profile))
        number += 1
    if added or not path.exists():
        app = replace(app, accounts=[*app.accounts, *added])
        write_private(path, asdict(app))
    return app


def _stored_app(path: Path) -> DeveloperApp:
    try:
        stored = json.loads(path.read_text())
        stored["accounts"] = [Account(**account) for account in stored["accounts"]]
        return DeveloperApp(**stored)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is damaged ({error}); move it away to start with new accounts") from error


def _new_app() -> DeveloperApp:
    return DeveloperApp(
        api_key=token(25),
        api_secret=token(50),
        bearer_token="A" * 21 + token(90),
        client_id=token(34),
        client_secret=token(50),
        accounts=[],
    )


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON to a file only its owner can read, all of it or nothing.

    :raises OSError: the file cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    fresh.replace(path)


def _usual_profile(number: int) -> Profile:
    if number < len(_NAMES):
        return Profile(_NAMES[number], _NAMES[number].split()[0].lower())
    return Profile(f"Example {number + 1}", f"example{number + 1}")


def _make_account(ids: Snowflakes, profile: Profile) -> Account:
    now = time.time()
    user_id = ids.next(now)
    return Account(
        id=user_id,
        username=profile.username,
        name=profile.name,
        access_token=f"{user_id}-{token(40)}",
        access_token_secret=token(45),
        oauth2_access_token=token(90),
        oauth2_refresh_token=token(90),
        created_at=now,
    )
