"""What the environment adds to an X connection that lacks it, for those who keep an app's keys there.

The app's keys and the client: ``X_API_KEY`` and ``X_API_SECRET`` (or ``X_CONSUMER_SECRET``), ``X_CLIENT_ID`` and
``X_CLIENT_SECRET``; the user's pair: ``X_ACCESS_TOKEN`` and ``X_ACCESS_TOKEN_SECRET``. Each pair also with
``TWITTER_`` instead of ``X_``, on both of its names. ``X_WEBHOOK_ENV``, which belongs to the same family, named an
environment of X's old premium API; nothing needs it any more, and it is not read.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from x_provider.hooks.addresses import is_on_x

_PREFIXES = ("X_", "TWITTER_")
_KEY_PAIRS: tuple[tuple[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]], ...] = (
    (("api_key", ("API_KEY",)), ("api_key_secret", ("API_SECRET", "CONSUMER_SECRET"))),
    (("client_id", ("CLIENT_ID",)), ("client_secret", ("CLIENT_SECRET",))),
)
_USERS_PAIR = {"access_token": "ACCESS_TOKEN", "access_token_secret": "ACCESS_TOKEN_SECRET"}


def may_take(base_url: str) -> bool:
    """Whether the environment's keys may go there: to X, or to a sandbox on this machine.

    Who may edit connections may not therefore have the environment's secrets sent wherever they like.
    """
    host = urlsplit(base_url).hostname or ""
    if is_on_x(host) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def apps_keys(fields: Mapping[str, str]) -> dict[str, str]:
    """What the connection lacks of its app's keys, as far as the environment has it.

    A secret belongs to the key beside it: it is not added to another one.

    :param fields: what the connection has.
    """
    found: dict[str, str] = {}
    for (key, key_names), (secret, secret_names) in _KEY_PAIRS:
        for prefix in _PREFIXES:
            its_key, its_secret = _first(prefix, key_names), _first(prefix, secret_names)
            if key not in fields and its_key:
                found[key] = its_key
                if its_secret and secret not in fields:
                    found[secret] = its_secret
                break
            if key in fields and secret not in fields and its_secret and its_key in (None, fields[key]):
                found[secret] = its_secret
                break
    return found


def users_keys() -> dict[str, str]:
    """The user's pair, whole and from one source; empty where there is none."""
    for prefix in _PREFIXES:
        found = {field: _first(prefix, (name,)) for field, name in _USERS_PAIR.items()}
        pair = {field: value for field, value in found.items() if value}
        if len(pair) == len(_USERS_PAIR):
            return pair
    return {}


def user_id() -> str | None:
    """Whose the user's pair is: X's access tokens of OAuth 1.0a begin with their user's numeric id."""
    owner, hyphen, _ = users_keys().get("access_token", "").partition("-")
    return owner if hyphen and owner.isascii() and owner.isdigit() else None


def mixed(missing: Collection[str]) -> tuple[str, str] | None:
    """Two variables that would be a pair if both began alike, and are not taken for what is missing; None where there
    are none, or a whole pair besides.

    :param missing: fields by our own names.
    """
    (token, its_name), (secret, secret_name) = _USERS_PAIR.items()
    for (key, key_names), (its_secret, secret_names) in (
        *_KEY_PAIRS,
        ((token, (its_name,)), (secret, (secret_name,))),
    ):
        if key not in missing and its_secret not in missing:
            continue
        named = [(_named(prefix, key_names), _named(prefix, secret_names)) for prefix in _PREFIXES]
        keys, secrets = ([name for name in names if name] for names in zip(*named, strict=True))
        if keys and secrets and not any(all(pair) for pair in named):
            return keys[0], secrets[0]
    return None


def _named(prefix: str, names: tuple[str, ...]) -> str | None:
    return next((prefix + name for name in names if os.environ.get(prefix + name, "").strip()), None)


def _first(prefix: str, names: tuple[str, ...]) -> str | None:
    name = _named(prefix, names)
    return os.environ[name].strip() if name else None
