"""X's clock beside this machine's."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import requests

from x_provider.client.errors import XUnavailable, XUnreachable
from x_provider.client.sending import Timeouts

_HALF_A_SECOND = 0.5  # X's header has whole seconds, cut off


def seconds_behind_x(base_url: str, *, timeouts: Timeouts = Timeouts()) -> float:  # noqa: B008  # frozen
    """How many seconds this machine's clock is behind X's, to within one; negative when it is ahead.

    Asks without credentials, so that X refuses and charges nothing; the refusal carries X's time.

    :raises XUnreachable: when no answer comes.
    :raises XUnavailable: when the answer does not say what time it is.
    """
    began = time.time()
    try:
        answer = requests.get(
            f"{base_url.rstrip('/')}/2/users/me",
            timeout=(timeouts.connect, timeouts.read),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise XUnreachable(
            family="clock",
            detail=f"{type(error).__name__} at {base_url}",
            next_step="Check the network, and the connection's base URL.",
        ) from None
    middle = (began + time.time()) / 2
    try:
        said = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        raise XUnavailable(
            family="clock", status=answer.status_code, detail="the answer does not say what time it is"
        ) from None
    return said + _HALF_A_SECOND - middle
