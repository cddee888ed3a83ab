"""A webhook that X lists: whether it is this Airflow's, and whether it answers X's challenge as it should."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from airflow.configuration import conf

from x_provider.client.listening import Webhook
from x_provider.client.webhooks import response_token
from x_provider.health.check import Check
from x_provider.health.x_checks import AppOnX
from x_provider.hooks.apps import app_of

_SECONDS = 3  # as long as X waits
_MOST_BYTES = 10_000
_ROUTE = re.compile(r"/x/webhook/([^/]+)$")

Wrong = tuple[str, str]
"""What is wrong, and what to do about it."""


def webhook(it: Webhook, app: AppOnX) -> Check:
    """What X last found, which may be a day ago, and what we find now.

    https://docs.x.com/x-api/webhooks/quickstart
    """
    url = it.url.partition("?")[0]
    said = f"X last found {url} {'valid' if it.valid else 'not valid, and tells it nothing'}"
    validate = f"`airflow x webhooks validate {app.conn_id} --webhook {it.id}`"
    route = _ROUTE.search(urlsplit(it.url).path)
    if route is None or not _is_here(it.url):
        return _elsewhere(it, app, said)
    wrong = _wrong_answer(it.url, unquote(route[1]), app)
    if wrong is not None:
        words, step = wrong
        return Check(f"webhook {it.id}", "warning", f"{said}; {words}", f"{step}; then {validate}")
    words = f"{said}; asked from here, it answers X's challenge as it should"
    if it.valid:
        return Check(f"webhook {it.id}", "ok", words)
    return Check(f"webhook {it.id}", "warning", words, f"Have X ask again: {validate}")


def _is_here(url: str) -> bool:
    """Whether it is under Airflow's address; an address that X would not take says nothing."""
    return not _base_url().startswith("https://") or url.lower().startswith(
        f"{_base_url().lower()}/x/webhook/"
    )


def _base_url() -> str:
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


def _elsewhere(it: Webhook, app: AppOnX, said: str) -> Check:
    return Check(
        f"webhook {it.id}",
        "warning",
        f"{said}; that is no webhook of this Airflow, whose [api] base_url is {_base_url() or 'not set'}",
        "If Airflow is there, correct [api] base_url; else, unless another service of the app has it, `airflow x"
        f" webhooks delete {app.conn_id} --webhook {it.id}` and `airflow x webhooks register {app.conn_id}`",
    )


def _wrong_answer(url: str, conn_id: str, app: AppOnX) -> Wrong | None:
    """What is wrong with its answer to a challenge, asked as X asks; None for the right one."""
    its = app_of(conn_id)
    if its is None or not its.api_key_secret:
        return (
            f"this Airflow has no connection {conn_id} of type x with an API key secret (password) to answer by",
            f"Create it, with the app's API key and secret, or `airflow x webhooks register {app.conn_id}`",
        )
    token = secrets.token_urlsafe(24)
    step = (
        "See that Airflow's API server runs there; look at DNS, the certificate and the proxy in front of it"
    )
    try:
        status, body = _ask(url, token)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        return f"asked from here, it does not answer X's challenge ({type(error).__name__})", step
    if status != HTTPStatus.OK:
        return f"asked from here, it answers X's challenge with HTTP {status}", step
    try:
        answer = str(json.loads(body)["response_token"])
    except (ValueError, KeyError, TypeError):
        return "asked from here, it answers X's challenge with something else", step
    if hmac.compare_digest(answer.encode(), response_token(app.secret or its.api_key_secret, token).encode()):
        return None
    return (
        "asked from here, it answers X's challenge by another secret than the app's",
        f"Correct the password of connection {conn_id}: it is the app's API key secret",
    )


def _ask(url: str, token: str) -> tuple[int, bytes]:
    with requests.get(
        url,
        params={"crc_token": token},
        timeout=_SECONDS,
        allow_redirects=False,  # X follows none
        auth=lambda request: request,  # and has no password of ours from a .netrc
        stream=True,
    ) as answer:
        return answer.status_code, answer.raw.read(_MOST_BYTES, decode_content=True)
