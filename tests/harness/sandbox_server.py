"""Starting a sandbox as a process of its own, for tests and for what is measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

READY = "x-sandbox ready: "
START_SECONDS = 30


@dataclass
class SandboxServer:
    """A running `x-sandbox serve` and what tests ask of it.

    :param url: where it answers.
    :param credentials: its credentials file, parsed.
    :param process: the server itself, in a process group of its own.
    """

    url: str
    credentials: dict[str, Any]
    process: subprocess.Popen[str]

    @property
    def accounts(self) -> list[dict[str, Any]]:
        return self.credentials["accounts"]

    def keys(self, number: int = 0) -> tuple[str, str, str, str]:
        """The app's key and secret, and the token and secret of one of the accounts: what OAuth 1.0a signs with."""
        app, account = self.credentials, self.accounts[number]
        return app["api_key"], app["api_secret"], account["access_token"], account["access_token_secret"]

    def connection(self, number: int = 0) -> str:
        """One of its accounts as an Airflow connection, in the JSON of AIRFLOW_CONN_…"""
        account = self.accounts[number]
        return json.dumps(
            {
                "conn_type": "x",
                "host": self.url,
                "login": self.credentials["api_key"],
                "password": self.credentials["api_secret"],
                "extra": {name: account[name] for name in ("access_token", "access_token_secret")},
            }
        )

    def get(self, path: str) -> Any:
        """GET one of the sandbox's controls."""
        return self._answer(requests.get(self.url + path, timeout=10))

    def post(self, path: str, json: Any = None) -> Any:
        """POST to one of the sandbox's controls."""
        return self._answer(requests.post(self.url + path, json=json, timeout=10))

    @staticmethod
    def _answer(response: requests.Response) -> Any:
        assert response.ok, (
            f"{response.request.method} {response.url}: {response.status_code} {response.text}"
        )
        return response.json()

    def reset(self) -> None:
        self.post("/_sandbox/reset")

    def posts(self) -> list[dict[str, Any]]:
        """Return what is on this X, newest first, deleted posts left out."""
        return [post for post in self.get("/_sandbox/posts")["posts"] if not post["deleted"]]

    def requests(self) -> list[dict[str, Any]]:
        """Return the API requests seen since the last reset, oldest first."""
        return self.get("/_sandbox/requests")["requests"]

    def charges(self) -> dict[str, Any]:
        """Return what this X billed since the last reset: sums by account and kind, and the charges."""
        return self.get("/_sandbox/charges")

    def faults(self, kind: str, **members: Any) -> dict[str, Any]:
        """Arm a fault: `sandbox.faults("drop_after_commit", method="POST", path="/2/tweets", times=1)`."""
        return self.post("/_sandbox/faults", {"kind": kind, **members})

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings until the next reset."""
        return self.post("/_sandbox/settings", changes)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stop(self) -> int:
        """End it as an operator would; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


def start_sandbox(folder: Path, *options: str) -> SandboxServer:
    """Start `x-sandbox serve` on a free port, with its state under `folder`, and wait until it answers."""
    credentials = folder / "credentials.json"
    command = [sys.executable, "-c", "import sys; from x_sandbox.cli import main; sys.exit(main())", "serve"]
    errors = (folder / "errors.txt").open("w")
    process = subprocess.Popen(
        [*command, "--port", "0", "--state", folder / "state", "--credentials", credentials, *options],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )
    errors.close()
    late = threading.Timer(START_SECONDS, process.kill)
    late.start()
    line = process.stdout.readline() if process.stdout else ""
    late.cancel()
    if not line.startswith(READY):
        process.kill()
        process.wait()
        raise RuntimeError(f"x-sandbox did not start: {line}{(folder / 'errors.txt').read_text()}")
    return SandboxServer(line.removeprefix(READY).strip(), json.loads(credentials.read_text()), process)
