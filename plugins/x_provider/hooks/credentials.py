"""What an Airflow connection of type ``x`` proves itself by: checked, and explained when it does not add up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from x_provider.hooks import environment
from x_provider.hooks.account import media_api_of
from x_provider.hooks.fields import fields_of, has_users_keys, mixed_names, with_users_keys
from x_provider.hooks.problems import NotLoggedInError, XConnectionError, login_step

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from pydantic import JsonValue

AuthKind = Literal["oauth1", "oauth2", "bearer"]
Scheme = Literal["oauth1", "oauth2"]
"""By which an account logs in."""

AUTH_NAMES: dict[AuthKind, str] = {
    "oauth1": "OAuth 1.0a",
    "oauth2": "OAuth 2.0 user token",
    "bearer": "app-only bearer token",
}

_APPS_KEYS = ("api_key", "api_key_secret")
_NEEDED: dict[AuthKind, tuple[str, ...]] = {
    "oauth1": (*_APPS_KEYS, "access_token", "access_token_secret"),
    "oauth2": ("oauth2_access_token",),
    "bearer": ("bearer_token",),
}

_SECRET = ("client_secret", "oauth2_refresh_token", *(name for names in _NEEDED.values() for name in names))

_PORTAL = "the X developer portal (your app, Keys and tokens)"


@dataclass(frozen=True)
class KeptLogin:
    """An OAuth 2.0 login whose tokens are kept in the ledger, where they are refreshed.

    :param client_secret: None for a public client.
    :param refresh: what somebody wrote into the connection to begin with; None where the account was logged in.
    :param access: the same.
    :param read_at: when the connection was read, in seconds since the epoch.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    refresh: str | None = field(default=None, repr=False)
    access: str | None = field(default=None, repr=False)
    read_at: float = field(default_factory=time.time, compare=False)


@dataclass(frozen=True)
class KeptKeys:
    """An OAuth 1.0a login whose access token and secret are kept in the ledger."""

    api_key: str = field(repr=False)
    api_key_secret: str = field(repr=False)


@dataclass(frozen=True)
class Credentials:
    """The secrets that were chosen, in the order in which the client's auth class takes them.

    :param app: what a user's token lacks of the app's own: its bearer token, or its API key and secret.
    :param kept: the login in the ledger that completes them; there are no values then.
    :param check: raises once the login that these keys are from does not stand any more.
    :param waits: why nothing acts as the account until it is logged in, in words; there are no values then.
    """

    kind: AuthKind
    values: tuple[str, ...] = field(repr=False)
    app: tuple[str, ...] = field(default=(), repr=False)
    kept: KeptLogin | KeptKeys | None = None
    check: Callable[[], None] | None = field(default=None, compare=False, repr=False)
    waits: str | None = None


def secrets_of(connection: Connection) -> list[JsonValue]:
    """Every secret that the connection has or is given, so that it can be masked before anything is logged."""
    fields = {**environment.users_keys(), **fields_of(connection)}
    return [fields[name] for name in _SECRET if name in fields]


def schemes_kept(connection: Connection) -> tuple[Scheme, ...]:
    """By which schemes a login in the ledger would be used, so that it has to be looked for there.

    :raises XConnectionError: when its extra is no JSON object.
    """
    fields = fields_of(connection)
    auth, has_keys = fields.get("auth", "auto"), has_users_keys(fields)
    by_keys = auth in ("auto", "oauth1") and not has_keys and fields.keys() >= set(_APPS_KEYS)
    by_tokens = (auth == "oauth2" or (auth == "auto" and not has_keys)) and "client_id" in fields
    return (*(("oauth1",) if by_keys else ()), *(("oauth2",) if by_tokens else ()))


def credentials_of(
    connection: Connection, *, login: Scheme | None = None, nobody_else: str | None = None
) -> Credentials:
    """Choose the connection's credentials by its field ``auth``.

    ``auto`` takes the OAuth 1.0a keys when there is anything of the account's own among them, else the login in the
    ledger, else an OAuth 2.0 token, else the bearer token.

    :param login: the scheme of the account's login in the ledger, if it has one; see :func:`schemes_kept`.
    :param nobody_else: why the user of the environment does not take the account's place, in words.
    :raises XConnectionError: when the chosen set is incomplete, a value cannot be a credential, or files are
        to go by an API that does not take these.
    """
    has_login = login in schemes_kept(connection)
    # A login of the account comes before a user of the environment.
    fields = (fields_of if has_login or nobody_else else with_users_keys)(connection)
    conn_id = connection.conn_id
    auth = fields.get("auth", "auto")
    if auth not in ("auto", *_NEEDED):
        raise XConnectionError(
            conn_id,
            f"the field auth is {auth!r}, which is no way to authenticate",
            f"Set it to auto, {', '.join(_NEEDED)}, or leave it empty for auto",
        )
    if has_login and login == "oauth1":
        for name in _APPS_KEYS:
            _check_value(conn_id, name, fields[name])
        return Credentials("oauth1", (), kept=KeptKeys(*(fields[name] for name in _APPS_KEYS)))
    kind = _first_set(fields, has_login=has_login) if auth == "auto" else cast("AuthKind", auth)
    if kind == "oauth2" and (kept := _kept(conn_id, fields, has_login=has_login)) is not None:
        _require_media_api(conn_id, fields, kind)
        return Credentials(kind, (), app=_app_of(conn_id, fields, kind), kept=kept)
    missing = [name for name in _NEEDED[kind] if name not in fields]
    if missing:
        if kind == "oauth1" and fields.keys() >= set(_APPS_KEYS) and not has_users_keys(fields):
            raise _not_logged_in(connection, missing, nobody_else)
        raise _incomplete(connection, kind, missing, fields)
    for name in _NEEDED[kind]:
        _check_value(conn_id, name, fields[name])
    _require_media_api(conn_id, fields, kind)
    values = tuple(fields[name] for name in _NEEDED[kind])
    return Credentials(kind, values, app=_app_of(conn_id, fields, kind))


def _first_set(fields: Mapping[str, str], *, has_login: bool) -> AuthKind:
    if has_users_keys(fields):
        return "oauth1"
    if "oauth2_access_token" in fields or "oauth2_refresh_token" in fields or has_login:
        return "oauth2"
    if "bearer_token" in fields:
        return "bearer"
    return "oauth2" if "client_id" in fields else "oauth1"


def _kept(conn_id: str, fields: Mapping[str, str], *, has_login: bool) -> KeptLogin | None:
    """The login to be kept; None where there is only an access token, which serves until it ends."""
    has_token = "oauth2_access_token" in fields and "oauth2_refresh_token" not in fields
    if "client_id" not in fields or (has_token and not has_login):
        return None
    for name in ("client_id", "client_secret", "oauth2_refresh_token", "oauth2_access_token"):
        if name in fields:
            _check_value(conn_id, name, fields[name])
    return KeptLogin(
        client_id=fields["client_id"],
        client_secret=fields.get("client_secret"),
        refresh=fields.get("oauth2_refresh_token"),
        access=fields.get("oauth2_access_token"),
    )


def _incomplete(
    connection: Connection, kind: AuthKind, missing: list[str], fields: Mapping[str, str]
) -> XConnectionError:
    conn_id = connection.conn_id
    others = [other for other, names in _NEEDED.items() if other != kind and fields.keys() >= set(names)]
    or_other = f", or set the field auth to {' or '.join(others)}, which is complete" if others else ""
    client = f"Copy the client id, and the client secret if there is one, from {_PORTAL} into the connection"
    if kind == "oauth2" and "oauth2_refresh_token" in fields:
        problem = "it has an OAuth 2.0 refresh token, but no client_id to use it with"
        return XConnectionError(conn_id, problem, client)
    if kind == "oauth2":
        problem = "it names no client_id, by which the account is logged in and its login is used"
        step = f"{client}, or set X_CLIENT_ID and X_CLIENT_SECRET for all components{or_other}. {login_step(conn_id)}"
        return XConnectionError(conn_id, problem, f"{step}, where nobody has yet")
    gaps = ", ".join(_form_name(name) for name in missing)
    present = [name for name in _NEEDED[kind] if name in fields]
    if not present and fields.get("auth", "auto") == "auto":
        step = f"{client}. {login_step(conn_id)}. Or copy the keys of OAuth 1.0a: {gaps}"
        return XConnectionError(conn_id, f"it holds no credentials{_unlike(connection, missing)}", step)
    if not present:
        problem = f"it holds no credentials ({AUTH_NAMES[kind]} needs {gaps})"
    else:
        problem = f"the {AUTH_NAMES[kind]} keys are incomplete, without {gaps}"
    problem += _unlike(connection, missing)
    step = f"Copy {'it' if len(missing) == 1 else 'them'} from {_PORTAL} into the connection"
    return XConnectionError(conn_id, problem, step + or_other)


def _not_logged_in(connection: Connection, missing: list[str], nobody_else: str | None) -> NotLoggedInError:
    # requests, which parsing a DAG does not need
    from x_provider.accounts.tokens import LOGGED_OUT, NOBODY  # noqa: PLC0415

    is_out = nobody_else == LOGGED_OUT
    why = f"{LOGGED_OUT if is_out else NOBODY}, and it has no access_token and access_token_secret of its own"
    if nobody_else and not is_out:
        why += f"; {nobody_else}"
    why += _unlike(connection, missing)
    step = f"{login_step(connection.conn_id)}; or write its access_token and access_token_secret into it"
    return NotLoggedInError(connection.conn_id, why, step)


def _unlike(connection: Connection, missing: list[str]) -> str:
    if (names := mixed_names(connection, missing)) is None:
        return ""
    return (
        f"; {' and '.join(names)} of the environment are no pair: both begin with X_, or both with TWITTER_"
    )


def _check_value(conn_id: str, name: str, value: str) -> None:
    if set(value) == {"*"}:
        problem = f"the field {_form_name(name)} holds the mask {value!r} instead of the secret"
    elif any(character.isspace() or not character.isprintable() for character in value):
        problem = f"the field {_form_name(name)} has a space or line break inside"
    elif not value.isascii():
        problem = f"the field {_form_name(name)} has a character that no X key has"
    else:
        return
    raise XConnectionError(conn_id, problem, f"Copy it again from {_PORTAL}, without anything around it")


def _form_name(name: str) -> str:
    return {"api_key": "API key (login)", "api_key_secret": "API key secret (password)"}.get(name, name)


def _require_media_api(conn_id: str, fields: Mapping[str, str], kind: AuthKind) -> None:
    if media_api_of(conn_id, fields) == "1.1" and kind != "oauth1":
        raise XConnectionError(
            conn_id,
            f"the field media_api is 1.1, which takes OAuth 1.0a keys only, and it authenticates by"
            f" {AUTH_NAMES[kind]}",
            "Set media_api to 2, or add the account's four OAuth 1.0a keys and set auth to oauth1",
        )


def _app_of(conn_id: str, fields: Mapping[str, str], kind: AuthKind) -> tuple[str, ...]:
    if kind != "oauth2":
        return ()  # the others are the app's own, or hold it
    for names in (("bearer_token",), _APPS_KEYS):
        if fields.keys() >= set(names):
            for name in names:
                _check_value(conn_id, name, fields[name])
            return tuple(fields[name] for name in names)
    return ()
