"""The fields of a connection of type ``x`` by our own names, wherever their values come from."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from x_provider.hooks import environment
from x_provider.hooks.addresses import BadAddressError, checked_address
from x_provider.hooks.problems import XConnectionError

if TYPE_CHECKING:
    from airflow.sdk import Connection

DEFAULT_BASE_URL = "https://api.x.com"

# Half of the account's own OAuth 1.0a keys is a mistake to be told, not a reason to become somebody else.
_WHO = frozenset({"user_id", "username", "access_token", "access_token_secret"})
_OTHER_WAYS = frozenset({"client_id", "bearer_token", "oauth2_access_token", "oauth2_refresh_token"})


def fields_of(connection: Connection) -> dict[str, str]:
    """The connection's fields that are not empty, by our own names, secrets among them, and its app's keys where
    only the environment has them.

    :raises XConnectionError: when its extra is no JSON object.
    """
    fields = _own_fields(connection)
    return {**environment.apps_keys(fields), **fields} if _takes_from_environment(connection) else fields


def with_users_keys(connection: Connection) -> dict[str, str]:
    """The same, and the environment's user where the connection names no user, nor another way of its own to be one.

    A connection that waits for its login must not post as somebody else meanwhile.
    """
    fields = fields_of(connection)
    return {**environment.users_keys(), **fields} if _takes_users_keys(connection) else fields


def mixed_names(connection: Connection, missing: Collection[str]) -> tuple[str, str] | None:
    """Two of the environment's variables that would be taken for what is missing if they began alike."""
    if not _takes_from_environment(connection):
        return None
    return environment.mixed(set(missing) - (frozenset() if _takes_users_keys(connection) else _WHO))


def _takes_users_keys(connection: Connection) -> bool:
    own = _own_fields(connection)
    auth = own.get("auth", "auto")
    says_otherwise = own.keys() & (_WHO | _OTHER_WAYS if auth == "auto" else _WHO)
    return auth in ("auto", "oauth1") and not says_otherwise and _takes_from_environment(connection)


def _takes_from_environment(connection: Connection) -> bool:
    try:
        return environment.may_take(base_url_of(connection))
    except XConnectionError:
        return False


def has_users_keys(fields: Mapping[str, str]) -> bool:
    """Whether there is anything of the account's own OAuth 1.0a keys."""
    return "access_token" in fields or "access_token_secret" in fields


def _own_fields(connection: Connection) -> dict[str, str]:
    """The non-empty fields by our own names, trimmed: pasted keys often end in a line break."""
    values: dict[str, object] = {"api_key": connection.login, "api_key_secret": connection.password}
    if connection.extra:
        try:
            extra = json.loads(connection.extra)
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise XConnectionError(
                connection.conn_id,
                "the field extra is not a JSON object",
                'Write it as {"access_token": "…", "access_token_secret": "…"}',
            )
        values |= extra
    texts = {name: str(value).strip() for name, value in values.items() if value is not None}
    return {name: text for name, text in texts.items() if text}


def base_url_of(connection: Connection) -> str:
    """Where the connection's API is, without a trailing slash.

    :raises XConnectionError: when it cannot be an API's address.
    """
    # A connection written as a URI has its port in a field of its own, and so may one from the form.
    given = (connection.host or "").strip() or DEFAULT_BASE_URL
    try:
        return checked_address(given, scheme=connection.schema or "https", port=connection.port)
    except BadAddressError as error:
        raise XConnectionError(
            connection.conn_id,
            f"the API base URL (host) {error}",
            f"Set it to {DEFAULT_BASE_URL}, or to your sandbox such as http://127.0.0.1:8443",
        ) from None
