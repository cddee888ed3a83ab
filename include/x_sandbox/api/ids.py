"""Ids in paths and queries."""

from __future__ import annotations

import re

from x_sandbox.exchange import Exchange
from x_sandbox.problems import invalid_request


def post_id_of(exchange: Exchange, parameter: str) -> str:
    """Read an id from the path.

    :raises Problem: 400 for what is no id.
    """
    return check_id(parameter, exchange.request.path_params[parameter])


def check_id(parameter: str, value: str) -> str:
    """Return an id.

    :raises Problem: 400 for what is no id.
    """
    if not re.fullmatch(r"[0-9]{1,19}", value):
        raise invalid_request(
            f"The `{parameter}` query parameter value [{value}] does not match ^[0-9]{{1,19}}$",
            parameters={parameter: [value]},
        )
    return value
