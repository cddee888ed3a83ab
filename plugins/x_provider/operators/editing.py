"""Operator that gives a post a new version."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from pendulum import DateTime

from x_provider.calendar import PostSpec
from x_provider.calendar.plans import MOST_EDITS, LateEdit, late_edit
from x_provider.hooks.publisher import open_publisher
from x_provider.ids import created_at
from x_provider.operators.engaging import posted_x_id
from x_provider.operators.publishing import XCreatePostOperator
from x_provider.text import post_id_of


class XEditPostOperator(XCreatePostOperator):
    """Give a post that is on X a new version, once: for X Premium, within 30 to 60 minutes, five times at most.

    The new version replaces text and media and has an id of its own. It is planned and sent as any other post:
    retrying or clearing the task makes no further version. When it is sent, X is asked for the newest version so
    far (one read), which the new one has to follow. https://docs.x.com/x-api/fundamentals/edit-posts

    :param edit_of: the post: its id on X (of any version) or its address, or its number or name
        ``calendar/key`` in the ledger; of a thread its first part (templated).
    :param premium: the account has X Premium, without which X edits nothing.
    :param content: text, media and the rest, as :class:`XContentOperator` takes them.
    :return: as :class:`XCreatePostOperator`; the id and the address are those of the new version.
    :raises AirflowFailException: when the time is over, counted from the post's first version, when it was edited
        five times already, or X refuses the edit; the message says why.
    """

    def __init__(self, *, edit_of: int | str, premium: bool | str = True, **content: Any) -> None:
        super().__init__(edit_of=edit_of, premium=premium, **content)

    def _read(self, key: str, now: DateTime, *, is_known: bool) -> PostSpec:
        versions = self._versions(now)
        if len(versions) > MOST_EDITS:
            raise AirflowFailException(
                f"post {versions[0]} was edited {len(versions) - 1} times, and X takes {MOST_EDITS} edits; nothing"
                " was sent. Make it a post of its own, or delete the old one first"
            )
        self.edit_of = versions[-1]
        post = super()._read(key, now, is_known=is_known)
        late = late_edit(versions[0], post.due_at)
        if late is not None and len(versions) > 1:  # else that was checked with its fields
            _refuse_late(late)
            self.log.warning("edit_of: %s, counted from its first version", late.message)
        return post

    def _versions(self, now: DateTime) -> list[str]:
        """X ids of the post's versions so far, oldest first."""
        written = str(self.edit_of)
        x_id = post_id_of(written)
        if x_id is None or created_at(x_id) is None:  # numbers of the ledger are far below those of X
            x_id = posted_x_id(self.ledger, written)
        if (late := late_edit(x_id, now)) is not None:  # one that is too old already needs no paid read
            _refuse_late(late)
        client = open_publisher(account=self.x_conn_id, ledger_conn_id=self.ledger_conn_id).client
        posts = client.get_posts([x_id]).posts
        if not posts:
            raise AirflowFailException(f"post {x_id} is not on X (any more); nothing was sent")
        known = {x_id, *(version for version in posts[0].edit_history_post_ids if version.isdecimal())}
        return sorted(known, key=int)


def _refuse_late(late: LateEdit) -> None:
    if late.severity == "error":
        raise AirflowFailException(
            f"nothing was planned and nothing is sent: edit_of: {late.message}, counted from its first version."
            f" {late.hint}"
        )
