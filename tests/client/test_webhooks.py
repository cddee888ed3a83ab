"""Challenges and signatures of webhooks: the vectors that are known, and whatever is not signed."""

from __future__ import annotations

import pytest

from x_provider.client.webhooks import (
    OAUTH2_SIGNATURE,
    SIGNATURE,
    is_signed,
    response_token,
    signature_of,
)

SECRET = "test-consumer-secret"
BODY = b'{"data":{"event_uuid":"1"}}'
SIGNED = "sha256=E2GPzk//zTCsdZlt7dEjA6c+a1eY9If6af2iY0krz6c="


def test_a_challenge_is_answered_as_x_documents_it() -> None:
    assert response_token(SECRET, "challenge_string") == "sha256=wbxoN8scmhw5dqzftzpj6g3uAnVpSktqxDDUHYNfIqA="


def test_a_body_is_signed_as_x_documents_it() -> None:
    assert signature_of(SECRET, BODY) == SIGNED
    assert is_signed(BODY, {SIGNATURE: SIGNED}, consumer_secret=SECRET)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY + b" ", {SIGNATURE: SIGNED}),
        (BODY[:-1], {SIGNATURE: SIGNED}),
        (BODY, {SIGNATURE: SIGNED.removeprefix("sha256=")}),
        (BODY, {SIGNATURE: SIGNED[:-1]}),
        (BODY, {SIGNATURE: ""}),
        (BODY, {SIGNATURE: "sha256=é"}),
        (BODY, {SIGNATURE: signature_of("another", BODY)}),
        (BODY, {OAUTH2_SIGNATURE: SIGNED}),
        (BODY, {}),
    ],
)
def test_nothing_else_is(body, headers) -> None:
    assert not is_signed(body, headers, consumer_secret=SECRET, client_secret="client-secret")


def test_the_client_secret_signs_its_own_header() -> None:
    headers = {OAUTH2_SIGNATURE: signature_of("client-secret", BODY)}
    assert is_signed(BODY, headers, consumer_secret=SECRET, client_secret="client-secret")
    assert not is_signed(BODY, headers, consumer_secret=SECRET)
    assert not is_signed(
        BODY, {SIGNATURE: headers[OAUTH2_SIGNATURE]}, consumer_secret=SECRET, client_secret="client-secret"
    )


def test_one_right_signature_of_two_is_enough() -> None:
    headers = {SIGNATURE: "sha256=wrong", OAUTH2_SIGNATURE: signature_of("client-secret", BODY)}
    assert is_signed(BODY, headers, consumer_secret=SECRET, client_secret="client-secret")
