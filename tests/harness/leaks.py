"""Looking for planted secrets in all that an Airflow has written: logs, its database, the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox_server import SandboxServer

_BLOCK = 1 << 22


def secrets_of(sandbox: SandboxServer) -> dict[str, bytes]:
    """Every secret of an X, by what it is called."""
    app = sandbox.credentials
    found = {name: app[name] for name in ("api_secret", "bearer_token")}
    for account in sandbox.accounts:
        user, oauth2 = account["username"], account["oauth2"]
        found[f"access token of {user}"] = account["access_token"]
        found[f"access token secret of {user}"] = account["access_token_secret"]
        found[f"OAuth 2.0 access token of {user}"] = oauth2["access_token"]
        found[f"OAuth 2.0 refresh token of {user}"] = oauth2["refresh_token"]
        found["client secret"] = oauth2["client_secret"]
    for number, issued in enumerate(sandbox.get("/_sandbox/issued")["issued"]):
        found[f"secret {number} that a login or a refresh was given"] = issued
    return {name: secret.encode() for name, secret in found.items()}


def leaks(folder: Path, secrets: Mapping[str, bytes]) -> list[str]:
    """Which secret stands in which file under a folder, in words that do not repeat it."""
    return [
        f"{name} in {path.relative_to(folder)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for name in _in_file(path, secrets)
    ]


def _in_file(path: Path, secrets: Mapping[str, bytes]) -> Iterator[str]:
    longest = max(map(len, secrets.values()))
    left, rest = dict(secrets), b""
    with path.open("rb") as file:
        while left and (block := file.read(_BLOCK)):
            seen = rest + block
            for name in [name for name, secret in left.items() if secret in seen]:
                del left[name]
                yield name
            rest = seen[-longest:]
