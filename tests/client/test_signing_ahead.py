"""A create that is built and signed ahead of the moment at which it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from x_provider.client import CreatePost, OAuth1, OAuth2User, SignedCall, XClient

HELLO = CreatePost(text="hello")


@pytest.fixture
def x() -> Iterator[Any]:
    """X, which creates whatever it is sent."""
    with responses.RequestsMock() as mock:
        mock.post("https://api.x.com/2/tweets", json={"data": {"id": "1", "text": "hello"}}, status=201)
        yield mock


@pytest.fixture
def client(planted: OAuth1) -> XClient:
    return XClient(auth=planted)


def nonces(x: Any) -> list[str]:
    signed = [str(call.request.headers["Authorization"]) for call in x.calls]
    return [re.findall('oauth_nonce="([^"]+)"', each)[0] for each in signed]


def nonce_of(signed: SignedCall) -> str:
    assert signed.request is not None
    return re.findall('oauth_nonce="([^"]+)"', str(signed.request.headers["Authorization"]))[0]


def test_it_is_sent_as_it_was_signed(x: Any, client: XClient) -> None:
    signed = client.sign_post(HELLO)
    nonce = nonce_of(signed)

    assert client.create_post(signed).id == "1"

    assert nonces(x) == [nonce]
    assert json.loads(x.calls[0].request.body) == {"text": "hello"}


def test_a_second_sending_is_signed_anew(x: Any, client: XClient) -> None:
    signed = client.sign_post(HELLO)

    client.create_post(signed)
    client.create_post(signed)

    assert len(set(nonces(x))) == 2
    assert x.calls[0].request.body == x.calls[1].request.body


def test_a_signature_that_has_grown_old_is_not_sent(x: Any, client: XClient) -> None:
    signed = client.sign_post(HELLO)
    nonce = nonce_of(signed)
    signed.signed_at -= 61

    client.create_post(signed)

    assert nonces(x) != [nonce]


def test_a_token_that_was_refreshed_meanwhile_is_the_one_that_is_sent(x: Any) -> None:
    token = "first"
    client = XClient(auth=OAuth2User(lambda: token))
    signed = client.sign_post(HELLO)
    token = "second"

    client.create_post(signed)

    assert x.calls[0].request.headers["Authorization"] == "Bearer second"


def test_it_does_not_show_its_credentials(client: XClient) -> None:
    assert "planted" not in repr(client.sign_post(HELLO))
