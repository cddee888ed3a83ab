"""What the routes under ``/x`` share: the ledger, who may look, and pages that run their own script only."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Annotated

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from x_provider.hooks.ledger import LedgerHook
from x_provider.ledger import Ledger

PUBLISHING_DAG = "x_publish"

_HERE = Path(__file__).parent

may_look = requires_access_dag("GET", param_dag_id=PUBLISHING_DAG)


def only_json(request: Request) -> None:
    """Keep out forms on other sites: they can send the user's cookie, but not this type."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send it as application/json.")


def _ledger() -> Ledger:
    return LedgerHook().ledger()


LedgerDep = Annotated[Ledger, Depends(_ledger)]


def page(name: str, *, pictures_from: Iterable[str] = ()) -> HTMLResponse:
    """A page of this folder.

    :param pictures_from: origins whose pictures it shows.
    """
    html, digest = _page(name)
    sources = " ".join(pictures_from)
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": (
                f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self';"
                f"{f' img-src {sources};' if sources else ''}"
                " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
            ),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )


def still_page(name: str, status: int, **words: str) -> HTMLResponse:
    """A page of this folder that runs no script, so that its theme is the system's.

    :param words: what takes the place of the page's ``$name``; text, in which `…` is what one types.
    """
    written = {name: re.sub("`([^`]+)`", r"<code>\1</code>", escape(text)) for name, text in words.items()}
    html = Template(_read(name)).substitute(written)
    css = _read("common.css")
    dark = "\n".join(re.findall(r":root\.dark \{.*?\}", css, re.DOTALL)).replace(":root.dark", ":root")
    html = html.replace("/* common.css */", f"{css}\n@media (prefers-color-scheme: dark) {{ {dark} }}")
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'self'"
    )
    return HTMLResponse(
        html, status, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    )


@cache
def _page(name: str) -> tuple[str, str]:
    html = _read(name)
    for shared in ("common.css", "common.js"):
        html = html.replace(f"/* {shared} */", _read(shared))
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    return html, base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
