"""Telling people something by the incoming webhook of a chat."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from airflow.sdk import Connection
from airflow.sdk.log import mask_secret

_TIMEOUT_SECONDS = 10
_LONGEST_TEXT = 1900
"""Discord takes 2,000 characters, the others more."""


class WebhookError(Exception):
    """The text was not delivered. Its words never hold the webhook's address, which is a secret."""


def send_text(text: str, connection: Connection) -> None:
    """POST a plain text to a webhook as Slack, Mattermost, Google Chat, Discord and Zulip take it.

    :param text: no markup; what exceeds 1,900 characters is cut off.
    :param connection: its address: whole in ``password`` (which Airflow hides) or ``host``, or the connection
        itself written as the URI ``https://…``.
    :raises WebhookError: when there is no address, nobody answers, or the answer is not 2xx.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
    https://developers.google.com/workspace/chat/quickstart/webhooks,
    https://discord.com/developers/docs/resources/webhook#execute-webhook
    """
    import requests  # noqa: PLC0415  (0.1 s, which parsing a DAG does not need)

    url = _address(connection)
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise WebhookError(
            f"connection {connection.conn_id!r} holds no address that begins with https://. Put the webhook's"
            " whole address into its password"
        )
    for secret in (url, address.path, address.query):
        if len(secret) > 1:
            mask_secret(secret)
    shown = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    key = "content" if address.hostname.endswith(("discord.com", "discordapp.com")) else "text"
    try:
        answer = requests.post(url, json={key: shown}, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        # Its own words contain the address.
        raise WebhookError(f"{address.hostname} could not be reached ({type(error).__name__})") from None
    if not 200 <= answer.status_code < 300:
        raise WebhookError(f"{address.hostname} answered {answer.status_code} {answer.reason}")


def _address(connection: Connection) -> str:
    for whole in (connection.password, connection.host):
        if whole and "://" in whole:
            return whole
    # Of a URI Airflow makes host, port, schema (the path) and extra (the query).
    port = f":{connection.port}" if connection.port else ""
    query = urlencode(connection.extra_dejson)
    path = f"{connection.schema or ''}{'?' if query else ''}{query}"
    return f"{connection.conn_type}://{connection.host or ''}{port}/{path}"
