"""The notice that a post has stopped where it stands."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from x_provider.ledger import Ledger, Part, PartState, Post
from x_provider.notifications.addresses import page_of
from x_provider.notifications.chat import ChatNotifier, say_unsent, send_notice
from x_provider.notifications.next_steps import next_step
from x_provider.publishing import utc_now

_HEADLINES = {
    PartState.REFUSED: "has stopped: it is not sent any further",
    PartState.MISSED: "was too late and is not sent",
    PartState.UNCERTAIN: "may or may not be on X",
    PartState.PLANNED: "is not on X yet",
    PartState.ARMED: "is not on X yet",
    PartState.SENDING: "is being sent, but its task has failed",
}
_CIRCUMSTANCES = re.compile(r"^(post \S+?(, part \d+)?: )*(\w+: )?|looked for on \S+|\(HTTP[^)]*\)|\d+")
"""Which call of which post it was, when, and on which machine, is not what stops it."""
_EXCERPT = 200
_NAMES = 1000
_MOST_NOTICES = 5
"""After a weekend without a triggerer nobody wants three hundred messages."""


class XPostStoppedNotifier(ChatNotifier):
    """Tell people that a post has stopped: which, why, what is on X already, and how to go on.

    For ``on_failure_callback`` of the tasks that publish. What stops a post is told once, however often it is
    tried, and again when it stops by something else or after it was resumed. The notice goes to the task's
    log, and as a message to the chat whose incoming webhook the connection holds. It never fails the task.

    :param posts: the posts' names as a JSON list, for a task that is about many (templated); the one post of
        the task when left out. What its late policy skips is not told; of many, five are told one by one.
    :param notices_conn_id: the Airflow connection (type ``http``) with the webhook's address as its password.
    :param ledger_conn_id: the Airflow connection of the ledger's database; the task's own when left out.
    """

    template_fields = ("posts",)

    about = "the stopped post"

    def __init__(self, *, posts: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.posts = posts

    def _tell(self, context: Context, ledger: Ledger) -> None:
        task = context["task"]
        stopped = [
            post
            for post in self._posts(task, context, ledger)
            if post.state in _HEADLINES and ledger.deciding.tell_once(post.id, _digest(post, context))
        ]
        for post in stopped[:_MOST_NOTICES]:
            self._send(_lines, [post], context, ledger)
        if rest := stopped[_MOST_NOTICES:]:
            self._send(_rest_of, rest, context, ledger)

    def _posts(self, task: Any, context: Context, ledger: Ledger) -> list[Post]:
        if self.posts is None:
            post = _post_of(task, context, ledger)
            return [post] if post is not None else []
        named = [ledger.posts.named(name) for name in json.loads(self.posts)]
        return [post for post in named if not (post.state is PartState.MISSED and post.late_then == "skip")]

    def _send(
        self,
        words: Callable[[list[Post], Context], Iterator[str]],
        posts: list[Post],
        context: Context,
        ledger: Ledger,
    ) -> None:
        """Whatever keeps the notice from its chat, the next failure tells it again."""
        try:
            is_sent = send_notice("\n".join(words(posts, context)), self.notices_conn_id, self.log)
        except Exception as error:
            say_unsent(error, self.notices_conn_id, self.log)
            is_sent = False
        if not is_sent:
            for post in posts:
                ledger.deciding.untold(post.id)


def _post_of(task: Any, context: Context, ledger: Ledger) -> Post | None:
    """The post that the task is about; None where it has planned none."""
    post_id = getattr(task, "post_id", None)
    if post_id is None and hasattr(task, "planned_post"):
        try:
            return task.planned_post(context)
        except AirflowFailException:
            return None  # it was to plan one, and said in the log what is wrong with it
    if hasattr(post_id, "resolve"):
        # Where the worker died, Airflow's DAG processor calls instead, with the task as its file has it.
        post_id = post_id.resolve(context)
    return ledger.posts.get(int(post_id))


def _lines(posts: list[Post], context: Context) -> Iterator[str]:
    (post,) = posts
    yield f"X: post {post.name} {_HEADLINES[post.state]}."
    due = post.due_at.in_timezone(post.timezone).format("YYYY-MM-DD HH:mm:ss zz")
    yield f"Account {post.account}, due {due}."
    yield f"Why: {_quoted(_cause(post, context) or 'its task failed; see its log')}"
    if (on_x := [part.receipt.url for part in post.parts if part.receipt]) and len(post.parts) > 1:
        yield f"On X already, {len(on_x)} of {len(post.parts)} parts: {' '.join(on_x)}"
    else:
        yield "Nothing of it is known to be on X."
    yield f"Text: {_quoted(_excerpt(_stopped_part(post)))}"
    yield f"Post: {page_of(post.name)}"
    yield f"Log: {context['ti'].log_url}"
    yield str(next_step(post, now=utc_now()))


def _rest_of(posts: list[Post], context: Context) -> Iterator[str]:
    names = ", ".join(post.name for post in posts)
    yield f"X: {len(posts)} further posts have stopped: {names if len(names) <= _NAMES else names[:_NAMES] + '…'}"
    yield f"Log: {context['ti'].log_url}"
    yield "What stopped each, and how to go on:\n  airflow x status"


def _stopped_part(post: Post) -> Part:
    return next(part for part in post.parts if part.state is not PartState.POSTED)


def _cause(post: Post, context: Context) -> str | None:
    """What the ledger says, or else the failed task: ahead of the due time the ledger says nothing yet."""
    return _stopped_part(post).why or str(context.get("exception") or "") or None


def _excerpt(part: Part) -> str:
    text = " ".join(str(part.content.get("text") or "(no text)").split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _quoted(words: str) -> str:
    """Words that others wrote, so that a chat finds no mention of everybody in them."""
    return re.sub(r"([@<])", "\\1\u200b", words)


def _digest(post: Post, context: Context) -> str:
    """The same for one post that is stopped by the same thing, whatever X's request ids and the times say.

    A file that is gone is told when it cannot be uploaded, and not once more when the post is due.
    """
    what = _CIRCUMSTANCES.sub("", _cause(post, context) or str(post.state))
    told = (post.revision, str(_stopped_part(post).position), what)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
