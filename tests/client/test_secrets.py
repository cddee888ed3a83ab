from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from x_provider.client import (
    AppBearer,
    AppKeys,
    Auth,
    CreatePost,
    OAuth1,
    OAuth2User,
    XClient,
    XError,
    XNeedsLogin,
)

SCHEMES: list[Auth] = [
    OAuth1("planted-api-key", "planted-api-secret", "planted-token", "planted-token-secret"),
    OAuth2User("planted-token"),
    OAuth2User(lambda: "planted-token"),
    AppBearer("planted-bearer"),
    AppKeys("planted-api-key", "planted-api-secret"),
]


@pytest.mark.parametrize("auth", SCHEMES, ids=lambda auth: type(auth).__name__)
def test_credentials_do_not_show_themselves(auth: Auth) -> None:
    client = XClient(auth=auth)

    for shown in (repr(auth), str(auth), f"{auth!r:>40}", repr(client), str(client)):
        assert "planted" not in shown


@pytest.mark.parametrize("auth", SCHEMES, ids=lambda auth: type(auth).__name__)
@pytest.mark.parametrize("ending", ["refused", "echoed", "dropped", "broken off", "unreachable"])
def test_no_error_and_no_log_line_carries_them(
    auth: Auth, ending: str, raw_server: Any, behaviours: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"title": "Unauthorized", "detail": "bad " + " ".join(("planted-token", *auth.secrets()))}
    raw_server.steps = {
        "refused": [behaviours.answer(401, {"title": "Unauthorized"})],
        "echoed": [behaviours.answer(400, echo)],
        "dropped": [behaviours.drop],
        "broken off": [behaviours.break_off],
        "unreachable": [behaviours.drop],
    }[ending]
    if ending == "unreachable":
        raw_server.close()

    with pytest.raises(XError) as caught:
        XClient(raw_server.url, auth).create_post(CreatePost(text="hello"))

    written = (
        "".join(traceback.format_exception(caught.value))
        + repr(caught.value)
        + json.dumps(vars(caught.value), default=str)
    )
    for secret in auth.secrets():
        assert secret not in written
        assert secret not in caplog.text
    # What requests raised holds the request, its Authorization header included.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("bad", ["", "two words", "line\nbreak", "schlüssel", "\x00"])
def test_what_cannot_be_a_key_is_refused_by_name_and_not_by_value(bad: str) -> None:
    makers: list[Callable[[], object]] = [
        lambda: OAuth1("key", bad, "token", "secret"),
        lambda: OAuth2User(bad),
        lambda: AppBearer(bad),
    ]

    for make, name in zip(makers, ("api_secret", "access_token", "token"), strict=True):
        with pytest.raises(XNeedsLogin, match=name) as caught:
            make()
        assert not bad or bad not in str(caught.value)


def test_a_token_from_a_function_is_checked_before_anything_is_sent(raw_server: Any) -> None:
    with pytest.raises(XNeedsLogin):
        XClient(raw_server.url, OAuth2User(lambda: "line\nbreak")).create_post(CreatePost(text="hello"))

    assert raw_server.connections == 0


def test_a_base_url_with_credentials_is_refused_without_repeating_them() -> None:
    with pytest.raises(ValueError, match=r"api\.x\.com") as caught:
        XClient("https://user:planted@api.x.com", SCHEMES[0])

    assert "planted" not in str(caught.value)
