"""Sending calls: the one place where the client does network I/O."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

from requests import PreparedRequest, Request, Response, Session

from x_provider.client.answers import Answer, read_answer
from x_provider.client.auth import Auth
from x_provider.client.calls import Call
from x_provider.client.classify import request_id
from x_provider.client.connections import FreshAdapter, WatchedAdapter, outgoing
from x_provider.client.errors import XAmbiguous, XError, XNeedsLogin, XUnavailable, XUnreachable
from x_provider.client.limits import rate_windows
from x_provider.client.models import ResponseFacts
from x_provider.client.multipart import Multipart
from x_provider.client.prices import Charge, charge_of
from x_provider.client.sending import Repeats, SignedCall, Timeouts

_log = logging.getLogger(__name__)

OnAnswer = Callable[[ResponseFacts, Response], None]


class Transport:
    """Sends calls to one base URL with one set of credentials; several threads may share it."""

    def __init__(
        self,
        base_url: str,
        auth: Auth,
        *,
        upload_base_url: str,
        timeouts: Timeouts,
        repeats: Repeats,
        user_agent: str,
        app_owner_id: str | None = None,
    ) -> None:
        self._base_url = base_url
        self._upload_base_url = upload_base_url
        self._app_owner_id = app_owner_id
        self._auth = auth
        self._timeouts = timeouts
        self._repeats = repeats
        self._user_agent = user_agent
        # Two pools, so that a create never inherits a connection that idled behind reads and uploads.
        self._fresh = FreshAdapter()
        self._creating = _session(self._fresh)
        self._repeating = _session(WatchedAdapter())

    def sign(self, call: Call) -> SignedCall:
        """Build and sign a call ahead of sending it, within a minute and once.

        :raises XNeedsLogin: when there is nothing to sign with.
        """
        return SignedCall(call, self._auth.fingerprint(), time.monotonic(), self._prepare(call))

    def send(
        self, call: Call | SignedCall, on_answer: OnAnswer, *, may_leave: Callable[[], bool] | None = None
    ) -> Answer:
        """What X answers.

        A call that is not idempotent is sent once at most, whatever happens. Others are repeated, a few
        times and with growing pauses, after a lost connection or a 5xx.

        :param may_leave: asked at the last moment, and again before each piece of the body; False keeps it
            from leaving, or from leaving any further.
        :param on_answer: told of every answer that came, refusals included; must not raise.
        :raises XError: for everything but a success.
        """
        signed = None
        if isinstance(call, SignedCall):
            signed = call.take(credentials=self._auth.fingerprint())
            call = call.call
        outgoing.may_leave = may_leave
        try:
            if not call.idempotent:
                return self._send_accepted(call, self._creating, on_answer, signed)
            return self._send_repeatedly(call, on_answer)
        finally:
            outgoing.may_leave = None

    def warm(self, at_most: int) -> None:
        """Open a connection for a create that follows within ``connections.FRESH_SECONDS``, up to so many.

        :raises XUnreachable: when X cannot be reached; nothing was sent.
        """
        request = Request("POST", f"{self._base_url}/2/tweets").prepare()
        settings = self._environment
        outgoing.begun = False
        try:
            self._fresh.open_ahead(
                request, timeout=self._timeouts.connect, settings=settings, at_most=at_most
            )
        except Exception as error:
            raise self._unreachable("warm", error, self._base_url) from None

    def close(self) -> None:
        """Close the connections."""
        self._creating.close()
        self._repeating.close()

    def _send_repeatedly(self, call: Call, on_answer: OnAnswer) -> Answer:
        for attempt in range(1, self._repeats.attempts):
            try:
                return self._send_accepted(call, self._repeating, on_answer)
            except (XUnreachable, XUnavailable):
                if outgoing.may_leave is not None and not outgoing.may_leave():
                    raise
                time.sleep(self._pause_after(attempt))
        return self._send_accepted(call, self._repeating, on_answer)

    def _send_accepted(
        self, call: Call, session: Session, on_answer: OnAnswer, signed: PreparedRequest | None = None
    ) -> Answer:
        """Send it, and once more where X did not accept the token and there is another by now."""
        request = signed or self._prepare(call)
        try:
            return self._send_once(call, session, on_answer, request)
        except XNeedsLogin as error:  # nothing was done
            # OAuth 1.0a writes its header as bytes.
            sent = request.headers.get("Authorization", "")
            rejected = (sent.decode() if isinstance(sent, bytes) else sent).partition(" ")[2]
            if error.status != HTTPStatus.UNAUTHORIZED or not self._auth.renew(rejected):
                raise
        return self._send_once(call, session, on_answer, self._prepare(call))

    def _send_once(
        self, call: Call, session: Session, on_answer: OnAnswer, request: PreparedRequest
    ) -> Answer:
        outgoing.begun = False
        started = time.monotonic()
        try:
            response = session.send(
                request,
                timeout=(self._timeouts.connect, self._timeouts.read),
                # A redirect of a create would be a second send, and credentials are for X's address only.
                allow_redirects=False,
                **self._environment,
            )
        except Exception as error:
            # requests lets some of urllib3's and http.client's errors through, and each means a lost answer.
            # Its own carry the request with its Authorization header, hence "from None".
            raise self._lost(call, error) from None
        facts = ResponseFacts(
            family=call.family,
            status=response.status_code,
            windows=rate_windows(response.headers),
            request_id=request_id(response.headers),
            elapsed=time.monotonic() - started,
        )
        # Should X or something in between echo a token, it must not travel on in an error.
        body = self._auth.masked(response.content.decode("utf-8", "replace")).encode()
        try:
            answer = read_answer(call, response.status_code, response.headers, body)
        except XError as error:
            on_answer(replace(facts, error=error), response)
            raise
        on_answer(replace(facts, charge=self._charge_of(answer)), response)
        return answer

    def _charge_of(self, answer: Answer) -> Charge | None:
        try:
            return charge_of(answer.call, answer.body, answer.date, app_owner_id=self._app_owner_id)
        except Exception:
            # What X has done must not be lost over its price.
            _log.exception("what %s costs cannot be told; the answer is kept", answer.call.family)
            return None

    @cached_property
    def _environment(self) -> dict[str, Any]:
        # Proxies and certificates as the environment names them; reading it costs more than signing a request.
        return dict(self._creating.merge_environment_settings(self._base_url, {}, False, None, None))

    def _prepare(self, call: Call) -> PreparedRequest:
        headers = {"User-Agent": self._user_agent, "Accept": "application/json"}
        body: bytes | Multipart | None = None
        if call.json is not None:
            body = json.dumps(call.json, ensure_ascii=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json; charset=utf-8"
        elif call.files is not None:
            body = Multipart(call.form or {}, call.files)
            headers["Content-Type"] = body.content_type
        elif call.form is not None:
            body = urlencode(call.form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return Request(
            call.method,
            self._url_for(call) + call.path,
            headers=headers,
            params=dict(call.params),
            data=body,
            auth=self._auth,
        ).prepare()

    def _lost(self, call: Call, error: Exception) -> XError:
        if not outgoing.begun:
            return self._unreachable(call.family, error, self._url_for(call))
        words = self._words(error)
        if call.idempotent:
            return XUnavailable(family=call.family, detail=words, next_step="Try again later.")
        return XAmbiguous(
            family=call.family,
            detail=words,
            next_step="Look for it on X before sending it again: it may be there.",
        )

    def _url_for(self, call: Call) -> str:
        return self._upload_base_url if call.host == "upload" else self._base_url

    def _unreachable(self, family: str, error: Exception, url: str) -> XUnreachable:
        return XUnreachable(
            family=family,
            detail=self._words(error),
            next_step=f"Check the network, and the connection's base URL ({url}); then try again.",
        )

    def _words(self, error: Exception) -> str:
        cause: BaseException = error
        # The innermost error says it plainest. It is found in what each layer was given, since __context__
        # would lead on to whatever the caller is handling at the moment.
        while (inner := _inner(cause)) is not None:
            cause = inner
        return self._auth.masked(f"{type(error).__name__}: {cause}")

    def _pause_after(self, attempt: int) -> float:
        # Jitter keeps workers that lost X at the same moment from coming back at the same moment.
        jitter = 1 + secrets.randbelow(250) / 1000
        return float(self._repeats.first_pause * 2 ** (attempt - 1) * jitter)


def send_alone(call: Call, auth: Auth, base_url: str, timeouts: Timeouts) -> Answer:
    """Send one call of a login, once, on a connection of its own.

    :raises XError: for everything but a success.
    """
    transport = Transport(
        base_url,
        auth,
        upload_base_url=base_url,
        timeouts=timeouts,
        repeats=Repeats(attempts=1),
        user_agent="airflow-provider-x",
    )
    try:
        return transport.send(call, lambda _facts, _response: None)
    finally:
        transport.close()


def _inner(error: BaseException) -> BaseException | None:
    given = (getattr(error, "reason", None), *reversed(error.args))
    return next((each for each in given if isinstance(each, BaseException)), None)


def _session(adapter: WatchedAdapter) -> Session:
    session = Session()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # Cookies would tie accounts and threads together, and X needs none.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session
