from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from x_sandbox.api import (
    account_activity,
    activity,
    control,
    media,
    media_v11,
    oauth1,
    oauth2,
    posts,
    reposts,
    timelines,
    users,
    webhook_control,
    webhooks,
)
from x_sandbox.connection import CuttableProtocol
from x_sandbox.problems import PROBLEMS
from x_sandbox.state import State

KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 2


def build_app(state: State) -> Starlette:
    """Put the API, the OAuth endpoints, the controls and the page together."""
    operations = [
        *posts.OPERATIONS,
        *reposts.OPERATIONS,
        *media.OPERATIONS,
        *media_v11.OPERATIONS,
        *timelines.OPERATIONS,
        *users.OPERATIONS,
        *webhooks.OPERATIONS,
        *activity.OPERATIONS,
        *account_activity.OPERATIONS,
        *oauth1.OPERATIONS,
        *oauth2.OPERATIONS,
    ]
    operations.sort(key=lambda operation: operation.path.count("{"))  # /2/users/me before /2/users/{id}
    routes: list[BaseRoute] = [
        Route(operation.path, operation.endpoint(state), methods=[operation.method])
        for operation in operations
    ]
    return Starlette(
        routes=[
            *routes,
            *oauth1.pages(state),
            *oauth2.pages(state),
            *webhook_control.routes(state),
            *control.routes(state),
        ],
        exception_handlers={400: control.refused, 404: _not_found, 405: _not_found},
    )


async def _not_found(request: Request, _error: Exception) -> Response:
    path = request.url.path
    return JSONResponse(
        {
            "title": "Not Found Error",
            "detail": f"{request.method} {path} is no endpoint of this X.",
            "type": PROBLEMS + "resource-not-found",
            "resource_type": "endpoint",
            "status": 404,
        },
        404,
        media_type="application/problem+json",
    )


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0 lets the system choose one.

    :raises OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1_024)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, state: State, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._state = state
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal and be done: uvicorn would raise it once more and end with its number."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._state.deliveries.start()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._state.deliveries.stop()
        await super().shutdown(sockets)


def serve(state: State, listener: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Answer on a listening socket until SIGTERM or SIGINT.

    :param on_ready: called once, when requests are answered.
    """
    config = uvicorn.Config(
        build_app(state),
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    _Server(config, state, on_ready).run(sockets=[listener])
