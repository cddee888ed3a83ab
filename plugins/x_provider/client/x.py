"""The client of X's API."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pendulum import DateTime

from x_provider.client import answers, calls
from x_provider.client.answers import Answer
from x_provider.client.app_access import AppAccess
from x_provider.client.auth import AppBearer, AppKeys, Auth, NotLoggedIn, OAuth1
from x_provider.client.calls import IDS_A_CALL, Call
from x_provider.client.create_post import CreatePost
from x_provider.client.engagement import EngagementMethods
from x_provider.client.listening import WebhookMethods
from x_provider.client.media import MediaMethods
from x_provider.client.models import CreatedPost, Media, Post, PostsPage, Problem, ResponseFacts, User
from x_provider.client.sending import Repeats, SignedCall, Timeouts
from x_provider.client.upload_dialects import DIALECTS, MediaApi
from x_provider.client.usage import Usage

if TYPE_CHECKING:
    from requests import Response

_SMALLEST_PAGE, _LARGEST_PAGE = 5, 100

_log = logging.getLogger(__name__)


class XClient(MediaMethods, EngagementMethods, WebhookMethods):
    """X's API for one set of credentials. Several threads may use one client.

    https://docs.x.com/x-api/introduction

    :param base_url: X, or a sandbox that answers like it.
    :param auth: ``OAuth1``, ``OAuth2User`` or ``AppBearer``.
    :param timeouts: seconds to wait for a connection, and for an answer.
    :param repeats: how often calls that do no harm twice are sent; creating a post is never among them.
    :param user_agent: how the client calls itself.
    :param before_request: told every call before it is sent; what it raises keeps the call from being sent.
    :param on_response: told the facts of every answer, refusals included; what it raises is logged and
        dropped, because an answer must not be lost over it.
    :param app_owner_id: X id of the account, where it owns the developer app: X charges less for reading its
        own timeline then.
    :param upload_streams: how many segments of a file are sent at the same time, each from a buffer of its
        own (4 MiB, up to 8 MB for files beyond 4 GB).
    :param media_api: the API that files are uploaded with: ``2``, or ``1.1`` for apps that still need it.
    :param upload_base_url: where v1.1 takes files.
    :param app: the app's own credentials, for what takes no user's; left out, those that ``auth`` holds.
    :raises ValueError: for a base URL that is none, and for v1.1 without OAuth 1.0a.
    """

    def __init__(
        self,
        base_url: str = "https://api.x.com",
        auth: Auth | None = None,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        repeats: Repeats = Repeats(),  # noqa: B008
        user_agent: str | None = None,
        before_request: Callable[[Call], None] | None = None,
        on_response: Callable[[ResponseFacts], None] | None = None,
        app_owner_id: str | None = None,
        upload_streams: int = 4,
        media_api: MediaApi = "2",
        upload_base_url: str = "https://upload.twitter.com",
        app: AppBearer | AppKeys | None = None,
    ) -> None:
        if auth is None:
            raise TypeError("XClient needs auth: OAuth1(…), OAuth2User(…) or AppBearer(…)")
        if media_api == "1.1" and not isinstance(auth, OAuth1 | NotLoggedIn):
            raise ValueError(
                f"the v1.1 media upload takes OAuth 1.0a keys only, not {type(auth).__name__}: give OAuth1(…),"
                ' or media_api="2"'
            )
        self.base_url = _checked_url(base_url)
        self.access_level: str | None = None
        """What the credentials may do, as X said it last: ``read`` or ``read-write``; None before any
        answer.
        """
        self._auth = auth
        self._before_request = before_request
        self._on_response = on_response
        self._upload_streams = max(upload_streams, 1)
        self._dialect = DIALECTS[media_api]
        # Imported on first use: a DAG file that names an operator is read without it.
        from x_provider.client.transport import Transport  # noqa: PLC0415

        connect = partial(
            Transport,
            self.base_url,
            upload_base_url=_checked_url(upload_base_url),
            timeouts=timeouts,
            repeats=repeats,
            user_agent=user_agent or f"airflow-provider-x/{_version()}",
            app_owner_id=app_owner_id,
        )
        self._transport = connect(auth)
        self._app = AppAccess(app or auth.app(), connect)

    def __repr__(self) -> str:
        return f"XClient({self.base_url!r}, {self._auth!r})"

    def watched(
        self, *, before_request: Callable[[Call], None], on_response: Callable[[ResponseFacts], None]
    ) -> XClient:
        """The same client, connections included, with other watchers."""
        watched = copy.copy(self)
        watched._before_request = before_request
        watched._on_response = on_response
        return watched

    @property
    def credentials(self) -> str:
        """A fingerprint of the credentials: it changes when they become another user's. No secret."""
        return self._auth.fingerprint()

    @property
    def digest(self) -> str | None:
        """Of all that the credentials consist of: it changes with any of it. None for what changes by itself."""
        return self._auth.digest()

    def send(self, call: Call | SignedCall, *, may_leave: Callable[[], bool] | None = None) -> Answer:
        """Send any call, for what has no method of its own.

        :param may_leave: as :meth:`create_post` takes it.
        :raises XError: for everything but a success.
        """
        if self._before_request is not None:
            self._before_request(call.call if isinstance(call, SignedCall) else call)
        if isinstance(call, Call) and call.as_app:
            return self._app.send(call, self._observe)
        return self._transport.send(call, self._observe, may_leave=may_leave)

    def warm(self, *, at_most: int = 1) -> None:
        """Open a connection ahead of a ``create_post`` that follows within 4 s, from any thread.

        An older connection is not trusted with a create and closed.

        :param at_most: open none where so many stand ready: as many as will send at the same instant.
        :raises XUnreachable: when X cannot be reached; nothing was sent.
        """
        self._transport.warm(at_most)

    def close(self) -> None:
        """Close the connections; the client can be used again and opens new ones."""
        self._transport.close()
        self._app.close()

    def me(self) -> User:
        """Who the credentials belong to."""
        return answers.read_user(self.send(calls.me()))

    def user(self, user_id: str) -> User:
        """An account, by id."""
        return answers.read_user(self.send(calls.user(user_id)))

    def sign_post(self, post: CreatePost) -> SignedCall:
        """Do ahead of time what :meth:`create_post` can do without X: build the request and sign it.

        Good for one sending within a minute; later, or with other credentials, it is signed again by itself.

        :raises XNeedsLogin: when there is nothing to sign with.
        """
        return self._transport.sign(calls.create_post(post))

    def create_post(
        self, post: CreatePost | SignedCall, *, may_leave: Callable[[], bool] | None = None
    ) -> CreatedPost:
        """Create a post; sent once at most, whatever happens.

        :param post: the post, or what :meth:`sign_post` made of it.
        :param may_leave: asked at the last moment, when the connection stands, and once more before the body
            that X would act on; False keeps the request from leaving.
        :raises XUnreachable: it was provably not sent.
        :raises XAmbiguous: nobody knows whether X created it: look before sending it again.
        :raises XDuplicate: the account has posted this already.
        :raises XError: X said no.
        """
        call = post if isinstance(post, SignedCall) else calls.create_post(post)
        return answers.read_created_post(self.send(call, may_leave=may_leave))

    def delete_post(self, post_id: str, *, may_leave: Callable[[], bool] | None = None) -> bool:
        """Take a post back; whether X did.

        :param may_leave: asked at the last moment; False keeps the request from leaving.
        """
        return answers.read_deleted(self.send(calls.delete_post(post_id), may_leave=may_leave))

    def get_posts(self, ids: Sequence[str], *, private_metrics: bool = False) -> PostsPage:
        """Posts by id, any number of them: one call for every 100.

        :param private_metrics: ask for the counts that only the author sees, for 30 days. Where X withholds
            them it says so in ``problems``, and may leave out the post altogether.
        """
        wanted = list(dict.fromkeys(ids))
        posts: list[Post] = []
        problems: list[Problem] = []
        media: dict[str, Media] = {}
        for start in range(0, len(wanted), IDS_A_CALL):
            call = calls.get_posts(wanted[start : start + IDS_A_CALL], private_metrics=private_metrics)
            page = answers.read_posts(self.send(call))
            posts += page.posts
            problems += page.problems
            media |= page.media
        return PostsPage(posts, problems, media)

    def user_timeline(
        self,
        user_id: str,
        *,
        since_id: str | None = None,
        until_id: str | None = None,
        start_time: DateTime | None = None,
        end_time: DateTime | None = None,
        exclude: Sequence[str] = (),
        page_size: int = 100,
        max_posts: int | None = None,
        private_metrics: bool = False,
    ) -> Iterator[Post]:
        """An account's posts, newest first, read page by page as they are taken.

        :param since_id: only posts after this one.
        :param until_id: only posts before this one.
        :param exclude: ``replies``, ``retweets``.
        :param page_size: 5 to 100.
        :param max_posts: stop after so many; X bills what it returns, so the pages shrink to fit.
        """
        page_token: str | None = None
        given = 0
        while max_posts is None or given < max_posts:
            left = _LARGEST_PAGE if max_posts is None else max_posts - given
            call = calls.user_timeline(
                user_id,
                since_id=since_id,
                until_id=until_id,
                start_time=start_time,
                end_time=end_time,
                exclude=exclude,
                page_size=max(_SMALLEST_PAGE, min(page_size, left, _LARGEST_PAGE)),
                page_token=page_token,
                private_metrics=private_metrics,
            )
            answer = answers.refuse_if_only_problems(self.send(call))
            posts = answers.read_posts(answer).posts[:left]
            yield from posts
            given += len(posts)
            page_token = answers.read_next_page(answer)
            if page_token is None:
                return

    def usage(self, days: int = 7) -> Usage:
        """How many posts the app's project has read, day by day; asked with the app's own token.

        :param days: how many days back, 1 to 90.
        :raises XPermission: when there are no credentials of the app.
        """
        return answers.read_usage(self.send(calls.usage(days)))

    def _observe(self, facts: ResponseFacts, response: Response) -> None:
        self.access_level = response.headers.get("x-access-level", self.access_level)
        if self._on_response is None:
            return
        try:
            self._on_response(facts)
        except Exception:
            _log.exception(
                "on_response failed for %s (HTTP %s); the answer is kept", facts.family, facts.status
            )


def _checked_url(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ValueError(
            f"base_url must be like https://api.x.com, without query and credentials, and its host is"
            f" {parts.hostname!r}"
        )
    return base_url.rstrip("/")


def _version() -> str:
    try:
        return version("airflow-provider-x")
    except PackageNotFoundError:
        return "0"
