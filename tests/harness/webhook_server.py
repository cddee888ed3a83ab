"""The plugin's app behind a real HTTP server, in this process or in one of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

_SERVE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from x_provider.web.app import app
uvicorn.run(Starlette(routes=[Mount("/x", app)]), port=int(sys.argv[1]), log_level="warning")
"""


@contextmanager
def served() -> Iterator[str]:
    """Serve it from a thread of this process; gives the address."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from x_provider.web.app import app

    config = uvicorn.Config(Starlette(routes=[Mount("/x", app)]), port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    _wait(url)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


@contextmanager
def served_by_a_process(environment: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve it from a process that a test may kill; gives the address and the process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(port)], env={**os.environ, **environment})
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield url, process
    finally:
        process.kill()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            requests.get(f"{url}/nothing", timeout=5)
        except requests.ConnectionError:
            if process is not None and process.poll() is not None:
                pytest.fail(f"the server ended with code {process.returncode}")
            if time.monotonic() > deadline:
                pytest.fail("the server does not answer")
            time.sleep(0.05)
        else:
            return
