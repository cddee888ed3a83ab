"""One request to the API from its arrival to its answer: caller, faults, limits, handler, log."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from x_sandbox.accounts import Account
from x_sandbox.authentication import ANY, OPEN, Caller, authenticate, authorize, form_of
from x_sandbox.billing import Charge
from x_sandbox.clock import iso
from x_sandbox.connection import CutResponse, Dropped
from x_sandbox.faults import Fault
from x_sandbox.problems import Problem, invalid_request, preset, unauthorized
from x_sandbox.schemas import Schema, faults_of
from x_sandbox.state import State

API_VERSION = "2.167"
STREAMED = "multipart/form-data"
FORM = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 32 << 20


@dataclass
class Answer:
    """What a handler gives back; a body of None is an empty one."""

    body: dict[str, Any] | None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass
class Exchange:
    """A request in the hands of its handler."""

    state: State
    request: Request
    caller: Caller
    form: list[tuple[str, str]] = field(default_factory=list)
    """The parameters of an x-www-form-urlencoded body."""
    operation: str = ""
    charges: list[Charge] = field(default_factory=list)
    """What the request costs if it succeeds."""

    @property
    def account(self) -> Account:
        """The user behind the request; only for operations that demand one."""
        if self.caller.account is None:
            raise TypeError("this operation admits callers without an account")
        return self.caller.account

    @property
    def user_id(self) -> str | None:
        return self.caller.account.id if self.caller.account else None

    @property
    def streams(self) -> bool:
        """Tell whether the body goes to disk as it comes: it must not be waited for in memory."""
        return self.request.headers.get("content-type", "").startswith(STREAMED)

    def bill(self, kind: str, resources: Sequence[str] | None = None) -> None:
        """Price the request, before it changes anything.

        :param resources: the ids of what it reads, or None where the request itself is charged.
        :raises Problem: 402 or 403 where the money does not suffice.
        """
        account = self.caller.account.username if self.caller.account else "app"
        self.charges.append(self.state.billing.charge(account, self.operation, kind, resources))

    async def json(self, schema: Schema) -> dict[str, Any]:
        """Read the JSON body.

        :raises Problem: 400 for a body that is no JSON or breaks the schema.
        """
        try:
            body = json.loads(await self.request.body())
        except ValueError as error:
            raise invalid_request(f"the body is no JSON: {error}") from error
        if found := faults_of(body, schema):
            raise invalid_request(*found)
        answer: dict[str, Any] = body
        return answer


Handler = Callable[[Exchange], Awaitable[Answer]]


def refused(problem: Problem, _request: Request) -> Answer:
    """Say no as API v2 does."""
    return Answer(problem.body, problem.status, media_type="application/problem+json")


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI document.

    :param path: with its parameters in braces, as in the document.
    :param means: the kinds of authentication it admits.
    :param scopes: what an OAuth 2.0 user token must carry.
    :param writes: an OAuth 1.0a app must have write access.
    :param query: the query parameters it knows, others are refused; None ignores what it does not know.
    :param paid: X bills it, and refuses it when the credits are used up.
    :param refusal: how it says no.
    """

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...] = ("tweet.read", "users.read")
    means: tuple[str, ...] = ANY
    writes: bool = False
    query: tuple[str, ...] | None = ()
    paid: bool = False
    refusal: Callable[[Problem, Request], Answer] = refused

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def endpoint(self, state: State) -> Callable[[Request], Awaitable[Response]]:
        """Make the Starlette endpoint of this operation."""

        async def respond(request: Request) -> Response:
            return await _Run(self, state, request).respond()

        return respond


class _Run:
    """Carries one request through the steps of an operation."""

    def __init__(self, operation: Operation, state: State, request: Request) -> None:
        self._operation = operation
        self._state = state
        self._request = request
        self._id = secrets.token_hex(8)
        self._arrived = state.clock.now()
        self._started = time.perf_counter()
        self._caller: Caller | None = None
        self._fault: Fault | None = None
        self._form: list[tuple[str, str]] = []
        self._note = ""
        self._limit_headers: dict[str, str] = {}

    async def respond(self) -> Response:
        try:
            answer = await self._answer()
        except ClientDisconnect:
            self._note = "the client went away"
            return self._logged(Dropped())
        if isinstance(answer, Response):
            return self._logged(answer)
        return self._logged(self._render(answer))

    async def _answer(self) -> Answer | Response:
        state, request = self._state, self._request
        refusal: Problem | None = None
        try:
            self._check_size()
            if OPEN in self._operation.means:
                self._caller = Caller(OPEN)
            else:
                self._form = await form_of(request)
                self._caller = authenticate(state, request, self._form)
        except Problem as problem:
            refusal = problem
        fault = self._fault = state.faults.take(
            request.method, request.url.path, self._caller.names if self._caller else ()
        )
        if fault and (early := await self._before(fault)):
            return early
        try:
            if refusal:
                raise refusal
            answer = await self._handle()
        except Problem as problem:
            answer = self._refusal(problem)
        except OSError as error:
            answer = self._refusal(
                Problem(503, "Service Unavailable", "Service Unavailable", note=str(error))
            )
        return await self._after(fault, answer) if fault else answer

    def _check_size(self) -> None:
        """Refuse what would have to be held in memory and is too large for that; files stream to the disk."""
        length = self._request.headers.get("content-length", "")
        streams = self._request.headers.get("content-type", "").startswith(STREAMED)
        if not streams and length.isdecimal() and int(length) > MAX_BODY_BYTES:
            raise invalid_request(f"the body has more than {MAX_BODY_BYTES} bytes")

    async def _handle(self) -> Answer:
        operation, state, caller = self._operation, self._state, self._caller
        if caller is None:
            raise unauthorized("nobody")
        authorize(caller, means=operation.means, scopes=operation.scopes, writes=operation.writes)
        user_id = caller.account.id if caller.account else None
        self._limit_headers = state.limits.admit(operation.name, user_id, state.settings)
        known = operation.query
        if known is not None and (unknown := sorted(set(self._request.query_params) - set(known))):
            raise invalid_request(
                *(f"The query parameter [{name}] is not one of [{','.join(known)}]" for name in unknown)
            )
        exchange = Exchange(state, self._request, caller, self._form, operation.name)
        latency = state.settings.latency_seconds
        if latency and not exchange.streams:
            await self._request.body()
            await asyncio.sleep(latency)
        try:
            if operation.paid:
                state.billing.demand()
            answer = await operation.handler(exchange)
        finally:
            if latency and exchange.streams:
                await asyncio.sleep(latency)
        state.billing.commit(exchange.charges)
        return answer

    async def _before(self, fault: Fault) -> Answer | Response | None:
        if fault.kind == "drop_before_commit":
            async for _ in self._request.stream():
                pass
            return Dropped(reset=fault.reset)
        if fault.kind == "status":
            return self._failure(fault)
        if fault.kind == "outage_401":
            return self._refusal(unauthorized("an outage on demand"))
        if fault.kind == "delay_before":
            await self._request.body()  # a client that leaves during the delay takes unread bytes with it
            await asyncio.sleep(fault.seconds)
        return None

    async def _after(self, fault: Fault, answer: Answer) -> Answer | Response:
        if fault.kind == "drop_after_commit":
            return Dropped(reset=fault.reset)
        if fault.kind == "status_after_commit":
            return self._failure(fault)
        if fault.kind == "delay_after":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "truncate":
            return CutResponse(self._render(answer))
        if fault.kind == "garbage":
            return Response(b'{"data":{"id":', status_code=answer.status, media_type="application/json")
        return answer

    def _failure(self, fault: Fault) -> Answer:
        if fault.problem:
            answer = self._refusal(preset(fault.problem))
        elif fault.body is not None:
            answer = Answer(fault.body, fault.status)
        else:
            title = HTTPStatus(fault.status).phrase
            answer = self._refusal(Problem(fault.status, title, title))
        answer.headers.update(fault.headers)
        return answer

    def _refusal(self, problem: Problem) -> Answer:
        self._note = problem.note
        self._limit_headers = self._limit_headers or problem.headers
        return self._operation.refusal(problem, self._request)

    def _render(self, answer: Answer) -> Response:
        headers = {
            "api-version": API_VERSION,
            "x-transaction-id": self._id,
            **self._limit_headers,
            **answer.headers,
        }
        if self._caller and self._caller.means != OPEN:
            headers["x-access-level"] = self._caller.access_level
        if answer.body is None:
            return Response(None, answer.status, headers)
        if answer.media_type == FORM:
            return Response(urlencode(answer.body), answer.status, headers, FORM)
        content = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")).encode()
        return Response(content, answer.status, headers, answer.media_type)

    def _logged(self, response: Response) -> Response:
        account = self._caller.account if self._caller else None
        self._state.requests.append(
            {
                "id": self._id,
                "at": iso(self._arrived),
                "method": self._request.method,
                "path": self._request.url.path,
                "query": self._request.url.query if self._caller and self._caller.means != OPEN else "",
                "operation": self._operation.name,
                "status": None if isinstance(response, Dropped) else response.status_code,
                "account": account.username if account else None,
                "authentication": self._caller.means if self._caller else None,
                "fault": self._fault.kind if self._fault else None,
                "note": self._note,
                "milliseconds": round((time.perf_counter() - self._started) * 1000, 2),
            }
        )
        return response
