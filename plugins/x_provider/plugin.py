"""The Airflow plugin."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from x_provider import preloading


async def _app(scope: Any, receive: Any, send: Any) -> None:
    # Every process of Airflow loads its plugins, but only the API server needs FastAPI and the ledger.
    from x_provider.web.app import app  # noqa: PLC0415

    await app(scope, receive, send)


class XPlugin(AirflowPlugin):
    """Registers what the Airflow UI shows of this provider, and its listener."""

    name = "x"
    listeners = [preloading]  # noqa: RUF012  (Airflow's own shape)
    fastapi_apps = [{"name": "X", "app": _app, "url_prefix": "/x"}]  # noqa: RUF012  (as above)
    external_views = [  # noqa: RUF012  (as above)
        {"name": "X", "href": "x/", "destination": "nav", "url_route": "x", "nav_top_level": True}
    ]
