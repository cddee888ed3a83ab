"""Questions for a person: what the engine cannot decide, the evidence, and what each answer does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pendulum
from pendulum import DateTime

from x_provider.client import XClient, XError
from x_provider.ids import created_at
from x_provider.ledger import (
    AccountOnX,
    AttemptRecord,
    Ledger,
    LedgerError,
    Part,
    PartState,
    Post,
    Receipt,
    Standing,
    standing_of,
)
from x_provider.publishing.accounts import post_url
from x_provider.publishing.evidence import Timeline, evidence_about
from x_provider.text import post_id_of

SEND = "Send it now"
DROP = "Drop it"
RESEND = "Not on X: send it"
ADOPT = "It is this post (enter its address)"
GIVE_UP = "Give it up"
OPTIONS = (SEND, DROP, RESEND, ADOPT, GIVE_UP)
"""Every answer there is; a question offers those of its kind."""

_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "missed": (SEND, DROP),
    "unknown": (RESEND, ADOPT, GIVE_UP),
    "duplicate": (ADOPT, GIVE_UP),
}
_SUBJECTS = {
    "missed": "{post} was not sent in time. Send it now?",
    "unknown": "Is {post} on X? It was sent without an answer",
    "duplicate": "Is {post} on X already? X refused it as a duplicate",
}
_AUTHOR = re.compile(r"/(\w{1,50})/status/\d+", re.ASCII)


class NoQuestionError(LedgerError):
    """Nothing about the post is for a person to decide."""


@dataclass(frozen=True)
class OpenQuestion:
    """A question that is to be asked, without its evidence.

    :param name: of the post, ``calendar/key``.
    :param key: the same for the same question, however often it is found.
    """

    post_id: int
    name: str
    key: str


@dataclass(frozen=True)
class Question:
    """A question with its evidence.

    :param kind: ``missed``, ``unknown`` (sent without an answer) or ``duplicate`` (X says it has the text).
    :param subject: one line.
    :param body: Markdown.
    :param standing: where the post stood when it was asked; an answer holds only for that.
    """

    post_id: int
    kind: str
    subject: str
    body: str
    options: tuple[str, ...]
    standing: Standing

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for whoever carries it from the question to the answer."""
        standing = vars(self.standing) | {
            "state": str(self.standing.state),
            "due_at": self.standing.due_at.isoformat(),
        }
        return vars(self) | {"options": list(self.options), "standing": standing}

    @classmethod
    def from_json(cls, question: Mapping[str, Any]) -> Question:
        """What :meth:`to_json` gave."""
        of_it = question["standing"]
        due_at = pendulum.parse(of_it["due_at"])
        assert isinstance(due_at, DateTime)  # noqa: S101 - we wrote it
        standing = Standing(**{**of_it, "state": PartState(of_it["state"]), "due_at": due_at})
        return cls(**{**question, "options": tuple(question["options"]), "standing": standing})


def open_questions(ledger: Ledger, *, now: DateTime) -> list[OpenQuestion]:
    """What only a person can settle at this moment, the oldest post first."""
    posts = (ledger.posts.get(post_id) for post_id in ledger.sweeping.undecided(now))
    return [
        OpenQuestion(post.id, post.name, _key(standing, post))
        for post in posts
        if (standing := standing_of(post))
    ]


def question_about(
    ledger: Ledger, post: Post, *, now: DateTime, read: Callable[[Part, bool], Timeline]
) -> Question:
    """The question about a post, with its evidence.

    :param read: reads the account's timeline around the part's last attempt; the flag says whether older posts
        matter too. X is asked only where a part may be on it.
    :raises NoQuestionError: when nothing about the post is for a person to decide.
    """
    attempts = ledger.deciding.attempts(post.id)
    standing, part = standing_of(post), next((p for p in post.parts if p.state is not PartState.POSTED), None)
    kind = _kind(part, attempts) if part is not None else None
    if part is None or standing is None or kind is None:
        raise NoQuestionError(
            f"post {post.name} is {post.state}: nothing about it is for a person to decide. `airflow x show"
            f" {post.name}` has its story"
        )
    timeline = None if kind == "missed" else read(part, kind == "duplicate")
    where = post.name + (f", part {part.position + 1}" if len(post.parts) > 1 else "")
    return Question(
        post_id=post.id,
        kind=kind,
        subject=_SUBJECTS[kind].format(post=where),
        body=evidence_about(post, part, attempts, timeline, now=now),
        options=_OF_KIND[kind],
        standing=standing,
    )


def answer(
    ledger: Ledger,
    question: Question,
    *,
    option: str,
    address: str,
    by: str,
    user: AccountOnX | None,
    now: DateTime,
    x: XClient | None = None,
) -> str:
    """Do what a person answered, provided that the post still stands where it stood; say what was done.

    :param address: of the post on X, or its id; only ``ADOPT`` needs it.
    :param by: who answered, kept in the ledger.
    :param user: who the account is on X, as far as that is known.
    :param x: asked whose the post at ``address`` is, where X can be asked.
    :raises OvertakenError: when the post stands elsewhere by now; nothing was done.
    :raises LedgerError: when the answer cannot be carried out; the message says why.
    """
    post = ledger.posts.get(question.post_id)
    if option not in question.options:
        raise LedgerError(f"{option!r} is no answer to the question about {post.name}")
    if option in (SEND, RESEND):
        ledger.deciding.resume(post.id, now=now, by=by, only_if=question.standing)
        return f"{by}: post {post.name} is sent; DAG x_publish does it"
    if option == ADOPT:
        try:
            receipt = receipt_at(address, post=post, user=user, now=now, x=x)
        except LedgerError as error:
            raise LedgerError(f"{error}; clear the task that asks, to be asked again") from None
        ledger.deciding.adopt(post.id, receipt, by=by, only_if=question.standing)
        return f"{by}: post {post.name} is {receipt.url}"
    why = f"post {post.name}: given up by {by}, who was asked about it"
    ledger.deciding.void(post.id, why=why, now=now, by=by, only_if=question.standing)
    return f"{by}: post {post.name} is given up; nothing more of it is sent"


def receipt_at(
    address: str, *, post: Post, user: AccountOnX | None, now: DateTime, x: XClient | None = None
) -> Receipt:
    """The receipt of the post on X that a person says is a part of ``post``.

    :param address: of the post on X, or its id.
    :param user: who the account is on X, as far as that is known.
    :param x: asked whose it is, for one post read; while X cannot be asked, the address must do.
    :raises LedgerError: when it is no address, X shows no such post, or it is somebody else's.
    """
    x_id = x_id_at(address, post=post)
    author = _AUTHOR.search(address)
    if user and author and author[1].lower() not in (user.username.lower(), "i"):
        raise _not_ours(post, user, address, f"@{author[1]}'s")
    if user and x:
        _check_on_x(x_id, post=post, user=user, x=x)
    url = post_url(user, x_id) if user else f"https://x.com/i/status/{x_id}"
    return Receipt(x_id, url, created_at(x_id) or now, now, adopted=True)


def x_id_at(address: str, *, post: Post) -> str:
    """The id in an address on X, or in an id itself.

    :raises LedgerError: when it is neither.
    """
    x_id = post_id_of(address)
    if x_id is None:
        raise LedgerError(
            f"post {post.name}: {address!r} is neither a post's address (https://x.com/<user>/status/<id>) nor its"
            " id. Nothing was done"
        )
    return x_id


def _check_on_x(x_id: str, *, post: Post, user: AccountOnX, x: XClient) -> None:
    try:
        page = x.get_posts([x_id])
    except XError:
        return  # a person looked at it, and X cannot be asked
    if not page.posts:
        words = next((problem.detail for problem in page.problems if problem.detail), "it does not say why")
        raise LedgerError(f"post {post.name}: X shows no post {x_id} ({words.rstrip('.')}). Nothing was done")
    author_id = page.posts[0].author_id
    if author_id not in (None, user.user_id):
        raise _not_ours(post, user, x_id, f"of the user {author_id} of X")


def _not_ours(post: Post, user: AccountOnX, named: str, whose: str) -> LedgerError:
    return LedgerError(
        f"post {post.name} is @{user.username}'s and {named} is {whose}: it cannot be that one. Nothing was done"
    )


def _kind(part: Part, attempts: Sequence[AttemptRecord]) -> str | None:
    if part.state is PartState.MISSED:
        return "missed"
    if part.state is PartState.UNCERTAIN:
        return "unknown"
    of_part = [attempt for attempt in attempts if attempt.part == part.position + 1]
    if part.state is PartState.REFUSED and of_part and of_part[-1].outcome == "duplicate":
        return "duplicate"
    return None


def _key(standing: Standing, post: Post) -> str:
    due_at = standing.due_at.int_timestamp
    return f"{post.id}.{standing.part_id}.{standing.attempt_id or 0}.{standing.revision[:8]}.{due_at}"
