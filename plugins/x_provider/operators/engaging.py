"""Operators for what an account does with posts that are there: hiding replies, reposting."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from x_provider.client import XNotFound
from x_provider.hooks.publisher import open_publisher
from x_provider.ledger import Ledger
from x_provider.operators.links import XPostLink
from x_provider.operators.retrying import XOperator
from x_provider.publishing import Publisher, post_url, utc_now
from x_provider.text import post_id_of


class XHideReplyOperator(XOperator):
    """Hide a reply in a conversation that the account began, or show it again. A reply that is gone is hidden.

    With OAuth 2.0 the login needs the scope ``tweet.moderate.write``. https://docs.x.com/x-api/posts/hide-reply

    :param reply_id: the reply's id on X, or its address (templated).
    :param hidden: False to show it again (templated).
    :param x_conn_id: the Airflow connection of the account that began the conversation (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"x_id", "hidden", "urls"}`` (XCom).
    """

    template_fields: Sequence[str] = ("reply_id", "hidden", "x_conn_id")
    operator_extra_links = (XPostLink(),)

    def __init__(
        self,
        *,
        reply_id: str,
        hidden: bool | str = True,
        x_conn_id: str = "x_default",
        ledger_conn_id: str = "x_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reply_id = reply_id
        self.hidden = hidden
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        x_id = checked_x_id("reply_id", self.reply_id)
        hidden = str(self.hidden).strip().lower() not in ("false", "no", "0", "")
        publisher = open_publisher(
            account=self.x_conn_id, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )
        try:
            done = publisher.client.hide_reply(x_id, hidden)
        except XNotFound:
            self.log.info("reply %s is not on X (any more)", x_id)
            done = True
        if not done:
            raise AirflowFailException(
                f"X did not {'hide' if hidden else 'show'} reply {x_id}, and did not say why"
            )
        return {"x_id": x_id, "hidden": hidden, "urls": [post_url(publisher.user(), x_id)]}


class _XRepostsOperator(XOperator):
    """What reposting and taking a repost back have in common: whose repost of which post.

    :param post_id: the post in the ledger, as ``XPlanPostOperator`` hands it on, or its name ``calendar/key``
        (templated); of a thread its first part.
    :param x_id: instead of it: the post's id on X, or its address (templated).
    :param x_conn_id: the Airflow connection of the account that reposts (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :raises ValueError: when it is given both post_id and x_id, or neither.
    """

    template_fields: Sequence[str] = ("post_id", "x_id", "x_conn_id")
    operator_extra_links = (XPostLink(),)

    def __init__(
        self,
        *,
        post_id: int | str | None = None,
        x_id: str | None = None,
        x_conn_id: str = "x_default",
        ledger_conn_id: str = "x_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (post_id is None) == (x_id is None):
            raise ValueError(
                f"{self.task_id}: give the post by its post_id in the ledger, or by its x_id on X"
            )
        self.post_id = post_id
        self.x_id = x_id
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id

    @cached_property
    def publisher(self) -> Publisher:
        """The engine for the account."""
        return open_publisher(
            account=self.x_conn_id, ledger_conn_id=self.ledger_conn_id, report=self.log.info
        )

    def _on_x(self) -> str:
        if self.post_id is not None:
            return posted_x_id(self.publisher.ledger, self.post_id)
        return checked_x_id("x_id", self.x_id)

    def _done(self, x_id: str, *, reposted: bool) -> dict[str, Any]:
        return {
            "x_id": x_id,
            "reposted": reposted,
            "account": self.x_conn_id,
            "urls": [post_url(self.publisher.user(), x_id)],
        }


class XRepostOperator(_XRepostsOperator):
    """Repost a post as the account. What it has reposted already counts as done.

    While the account is stopped nothing is reposted and the task fails. Takes the arguments of both:
    ``post_id`` or ``x_id``, ``x_conn_id`` and ``ledger_conn_id``. https://docs.x.com/x-api/users/repost-post

    :return: ``{"x_id", "reposted", "account", "urls"}`` (XCom).
    """

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        x_id, publisher = self._on_x(), self.publisher
        user = publisher.user()
        halt = publisher.ledger.controls.halt_of(self.x_conn_id, utc_now())
        if halt is not None:
            raise AirflowFailException(
                f"nothing is reposted by {self.x_conn_id}: {halt}. Clear the task afterwards"
            )
        if not publisher.client.repost(
            user.user_id,
            x_id,
            may_leave=lambda: publisher.ledger.controls.halt_of(self.x_conn_id, utc_now()) is None,
        ):
            raise AirflowFailException(f"X did not repost {x_id}, and did not say why")
        return self._done(x_id, reposted=True)


class XUndoRepostOperator(_XRepostsOperator):
    """Take a repost back. What is not reposted, or is no more on X, counts as done.

    Takes the arguments of :class:`XRepostOperator`. https://docs.x.com/x-api/users/unrepost-post

    :return: ``{"x_id", "reposted", "account", "urls"}`` (XCom).
    """

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        x_id, publisher = self._on_x(), self.publisher
        try:
            undone = publisher.client.undo_repost(publisher.user().user_id, x_id)
        except XNotFound:
            self.log.info("post %s is not on X (any more)", x_id)
            undone = True
        if not undone:
            raise AirflowFailException(f"X did not take the repost of {x_id} back, and did not say why")
        return self._done(x_id, reposted=False)


def checked_x_id(field: str, written: Any) -> str:
    """A post's id on X, from itself or from its address.

    :raises AirflowFailException: when it is neither.
    """
    x_id = post_id_of(str(written))
    if x_id is None:
        raise AirflowFailException(
            f"{field} is {written!r}, which is neither a post's id on X nor its address"
            " (https://x.com/<user>/status/<id>)"
        )
    return x_id


def posted_x_id(ledger: Ledger, post_id: int | str) -> str:
    """The id on X of a post of the ledger; of a thread, of its first part.

    :raises AirflowException: when it is not on X (yet).
    """
    post = ledger.posts.named(str(post_id))
    receipt = post.parts[0].receipt if post.parts else None
    if receipt is None:
        raise AirflowException(f"post {post.name} is {post.state}: it is not on X (yet)")
    return receipt.x_id
