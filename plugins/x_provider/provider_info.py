"""What Airflow reads about this provider: its connection type with the form, hooks, operators and links."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "X (Twitter)"


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    # Without "null" among the types the connection form shows a field as required.
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _secret(label: str, description: str) -> dict[str, Any]:
    return _field(label, description, format="password")


def _option(
    kind: str, description: str, *, default: str | None = None, example: str | None = None
) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": example,
        "default": default,
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": list(names)}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow; follows ``airflow/provider.yaml.schema.json``.

    Airflow calls it on every start of every process, so it is plain data and imports nothing of the package.
    """
    return {
        "package-name": "airflow-provider-x",
        "name": _INTEGRATION,
        "description": "Publish a content calendar to `X (Twitter) <https://docs.x.com/x-api>`__ "
        "and collect its insights.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.x.com/x-api",
                "tags": ["service"],
            }
        ],
        "cli": ["x_provider.cli.definition.get_commands"],
        "config": {
            "x": {
                "description": "Where the media of posts may come from. What calendars name is fetched by Airflow's "
                "machines, so that only https addresses of the public internet do unless said otherwise here. "
                "Own authorities are trusted when REQUESTS_CA_BUNDLE names their file.",
                "options": {
                    "media_hosts": _option(
                        "string",
                        "Fetch media from these hosts only, separated by commas. A leading dot stands for the domain "
                        "and all below it; a port other than 443 must be listed. Empty: from any host.",
                        default="",
                        example="cdn.example.org, .example.com, images.example.net:8443",
                    ),
                    "media_private_hosts": _option(
                        "string",
                        "Fetch media from these hosts besides, also where their addresses are in your own network. "
                        "Everybody who can edit a calendar can then have files from them posted.",
                        default="",
                        example="files.corp.example, minio.example:9000",
                    ),
                    "media_stores": _option(
                        "string",
                        "Read media from these object stores only, separated by commas: a scheme, or the beginning "
                        "of an address with its connection. Everybody who can edit a calendar can have any object in "
                        "them posted. Empty: from none.",
                        default="s3, s3a, gs, gcs, abfs, abfss, adl",
                        example="s3://aws_media@brand, gs://google_media@press/posts",
                    ),
                    "media_max_megabytes": _option(
                        "integer", "The largest file that is downloaded, in megabytes.", default="1000"
                    ),
                    "media_seconds": _option(
                        "integer", "How long one download may take, in seconds.", default="900"
                    ),
                },
            }
        },
        "connection-types": [
            {
                "connection-type": "x",
                "hook-class-name": "x_provider.hooks.x.XHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": {
                    # Hiding the port would be nicer, but up to 3.3.2 Airflow's button Test refuses stored
                    # connections without one: https://github.com/apache/airflow/pull/73298
                    "hidden-fields": ["schema"],
                    "relabeling": {
                        "host": "API base URL",
                        "port": "API port",
                        "login": "API key",
                        "password": "API key secret",
                    },
                    "placeholders": {
                        "host": "https://api.x.com",
                        "port": "443 (Airflow 3.3.2 tests no connection without a port)",
                        "login": "consumer key of your app",
                        "password": "consumer secret of your app",
                    },
                },
                "conn-fields": {
                    "auth": _field(
                        "Authentication",
                        "auto takes the four OAuth 1.0a keys, else OAuth 2.0 (the login that is kept, or the tokens "
                        "below), else the bearer token. Posting needs one of the first two.",
                        enum=["auto", "oauth1", "oauth2", "bearer"],
                        default="auto",
                    ),
                    "access_token": _secret(
                        "Access token",
                        "OAuth 1.0a, of the account that posts. Set the app to Read and Write before "
                        "generating it.",
                    ),
                    "access_token_secret": _secret(
                        "Access token secret", "OAuth 1.0a, shown once beside the access token."
                    ),
                    "oauth2_access_token": _secret(
                        "OAuth 2.0 access token",
                        "Of the account that posts; scopes tweet.read, tweet.write, users.read, media.write.",
                    ),
                    "oauth2_refresh_token": _secret(
                        "OAuth 2.0 refresh token", "Given when the login asked for the scope offline.access."
                    ),
                    "client_id": _field("Client ID", "OAuth 2.0: names your app, is not secret."),
                    "client_secret": _secret(
                        "Client secret", "OAuth 2.0: only confidential clients have one."
                    ),
                    "bearer_token": _secret("Bearer token", "App-only: reads public posts, cannot post."),
                    "media_api": _field(
                        "Media API",
                        "The API that files are uploaded with: 2, or 1.1 for apps that still need it, which "
                        "takes OAuth 1.0a keys only.",
                        enum=["2", "1.1"],
                        default="2",
                    ),
                    "upload_base_url": _field(
                        "Upload base URL",
                        "Where media API 1.1 takes files. Empty for X's own, or the sandbox's address.",
                    ),
                    "username": _field("Username", "The account's @name, as a label and a check. Optional."),
                    "user_id": _field(
                        "User id",
                        "The account's numeric id. Optional: saves the paid read that looks it up.",
                        pattern="^[0-9]{1,19}$",
                    ),
                    "app_owner_id": _field(
                        "App owner's id",
                        "The account's numeric id again, if it owns the developer app: X charges $0.001 instead of"
                        " $0.005 for reading its own posts then. Optional.",
                        pattern="^[0-9]{1,19}$",
                    ),
                },
            }
        ],
        "hooks": [_modules("x_provider.hooks.x", "x_provider.hooks.ledger")],
        "operators": [
            _modules(
                "x_provider.operators.asking",
                "x_provider.operators.calendar",
                "x_provider.operators.deleting",
                "x_provider.operators.editing",
                "x_provider.operators.engaging",
                "x_provider.operators.events",
                "x_provider.operators.following",
                "x_provider.operators.planning",
                "x_provider.operators.publishing",
                "x_provider.operators.insights",
                "x_provider.operators.upkeep",
                "x_provider.operators.uploading",
            )
        ],
        "triggers": [
            _modules(
                *(f"x_provider.triggers.{name}" for name in ("publish", "due", "events", "media", "receipt"))
            )
        ],
        "notifications": [
            "x_provider.notifications.login.XLoginNeededNotifier",
            "x_provider.notifications.post.XNotifier",
            "x_provider.notifications.stopped.XPostStoppedNotifier",
        ],
        # Names such as x://mentions/x_default are taken as they are.
        "asset-uris": [{"schemes": ["x"], "handler": None}],
        "extra-links": ["x_provider.operators.links.XPostLink"],
    }
