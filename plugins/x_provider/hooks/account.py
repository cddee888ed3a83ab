"""Whose an Airflow connection of type ``x`` is, and where that account's API is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from x_provider.hooks.addresses import BadAddressError, checked_address, is_on_x
from x_provider.hooks.fields import base_url_of, fields_of
from x_provider.hooks.problems import XConnectionError

if TYPE_CHECKING:
    from airflow.sdk import Connection

DEFAULT_UPLOAD_BASE_URL = "https://upload.twitter.com"

MediaApi = Literal["2", "1.1"]

_USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_LONGEST_ID = 19


@dataclass(frozen=True)
class Account:
    """Who posts, and where: everything about an X connection that is not secret.

    :param conn_id: the Airflow connection.
    :param base_url: where its API is, without a trailing slash.
    :param user_id: X's numeric id of the account, None while unknown.
    :param username: the @name without the @, None while unknown.
    :param media_api: the API that files are uploaded with.
    :param upload_base_url: where v1.1 takes them.
    :param app_owner_id: X's numeric id of the account, where it owns the developer app: reading its own posts
        costs less then.
    """

    conn_id: str
    base_url: str
    user_id: str | None = None
    username: str | None = None
    media_api: MediaApi = "2"
    upload_base_url: str = DEFAULT_UPLOAD_BASE_URL
    app_owner_id: str | None = None

    @property
    def is_on_x(self) -> bool:
        """Whether the base URL is X's own, not a sandbox's or a proxy's."""
        return is_on_x(urlsplit(self.base_url).hostname or "")


def account_of(connection: Connection) -> Account:
    """The connection's account.

    :raises XConnectionError: when a URL, the username, a user id or the media API cannot be one.
    """
    fields, base_url = fields_of(connection), base_url_of(connection)
    return Account(
        conn_id=connection.conn_id,
        base_url=base_url,
        user_id=_user_id(connection.conn_id, fields, "user_id"),
        username=_username(connection.conn_id, fields),
        media_api=media_api_of(connection.conn_id, fields),
        upload_base_url=_upload_base_url(connection.conn_id, fields, base_url),
        app_owner_id=_user_id(connection.conn_id, fields, "app_owner_id"),
    )


def _username(conn_id: str, fields: Mapping[str, str]) -> str | None:
    given = fields.get("username")
    if given is None:
        return None
    name = given.removeprefix("@")
    if _USERNAME.fullmatch(name) is None:
        raise XConnectionError(
            conn_id,
            f"the field username is {given!r}, but X's usernames are 1 to 15 letters, digits and _",
            "Write it as it stands after the @ on X, or leave it empty: a login fills it in",
        )
    return name


def _user_id(conn_id: str, fields: Mapping[str, str], name: str) -> str | None:
    given = fields.get(name)
    if given is not None and not (given.isascii() and given.isdigit() and len(given) <= _LONGEST_ID):
        raise XConnectionError(
            conn_id,
            f"the field {name} is {given!r}, but X's user ids are numbers of up to {_LONGEST_ID} digits",
            f"Put an @name into the field username, and leave {name} empty if you do not know it",
        )
    return given


def _upload_base_url(conn_id: str, fields: Mapping[str, str], base_url: str) -> str:
    # A sandbox has both APIs at one address.
    usual = DEFAULT_UPLOAD_BASE_URL if is_on_x(urlsplit(base_url).hostname or "") else base_url
    try:
        return checked_address(fields.get("upload_base_url", usual))
    except BadAddressError as error:
        raise XConnectionError(
            conn_id,
            f"the field upload_base_url {error}",
            f"Leave it empty, or set it to {DEFAULT_UPLOAD_BASE_URL}",
        ) from None


def media_api_of(conn_id: str, fields: Mapping[str, str]) -> MediaApi:
    """The API that the connection's field names.

    :raises XConnectionError: when it is none.
    """
    given = fields.get("media_api", "2")
    if given in ("2", "1.1"):
        return cast("MediaApi", given)
    raise XConnectionError(
        conn_id,
        f"the field media_api is {given!r}, which is no API that takes files",
        "Set it to 2, to 1.1, or leave it empty for 2",
    )
