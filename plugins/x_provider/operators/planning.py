"""Planning one post from a DAG, for the ledger to remember that it was meant once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from pendulum import DateTime

from x_provider.calendar import DIRECT_FIELDS, PostSpec, read_entry
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.media import media_sources
from x_provider.ledger import LONGEST_NAME, DuePost, Ledger, PartState, Post
from x_provider.operators.retrying import XOperator
from x_provider.publishing import draft, utc_now
from x_provider.publishing.forecast import forecast_of
from x_provider.publishing.queue import claim

CONTENT_FIELDS = (*DIRECT_FIELDS, "alt_texts")
_MAY_CHANGE = (PartState.PLANNED, PartState.REFUSED, PartState.MISSED, PartState.WITHDRAWN)


class XContentOperator(XOperator):
    """What operators share that are given a post's content.

    The fields are those of a calendar's entry (docs/calendar.md), with the same checks. All are templated.
    None, blank text and blank items of a list count as not given.

    :param text: the post's text, up to 280 characters as X counts them.
    :param split: ``True`` or ``"numbered"``: a longer text becomes a thread.
    :param media: up to 4 pictures, or one GIF, or one video: paths as the worker sees them, https or object
        URLs, or ``{"file": …, "alt": …}`` with any of them.
    :param alt_texts: descriptions for the ``media`` given as paths, in their order.
    :param video: what X shows around a video: ``{"title": …, "visit_site": …}``.
    :param poll: ``{"options": ["Red", "Blue"], "duration": "1 day"}``.
    :param thread: a list of parts instead of ``text``, each with fields of its own.
    :param first_comment: ``{"text": …, "after": "5 min"}``: a part that answers the post some time after it.
    :param follow_ups: ``[{"likes": 100, "within": "2 days", "repost": True, "text": …}]``: what happens once
        so many people like the post; or ``[{"after": "3 days", "delete": True}]``, at its time.
    :param links: ``keep`` the text's links, move them into a ``reply``, or ``refuse`` them.
    :param utm: parameters for the links: ``{"source": "x", "campaign": "{calendar}", "content": "{id}"}``, the ids
        of the DAG and of the task.
    :param at: when it is due: a time, ``now + 30 s``, or nothing for now.
    :param timezone: in which an ``at`` without an offset is meant.
    :param late: ``{"grace": "15 min", "then": "publish"}``; or ``skip``, or ``ask``.
    :param on_absent: what happens when X did not answer and the post is not found there: ``resend`` (what
        holds when left out), or ``ask`` a person.
    :param reply_settings: who may answer: ``following``, ``mentionedUsers``, ``subscribers``, ``verified``.
    :param reply_to: the post that this one answers: its id on X or its address.
    :param edit_of: the post that this one is a new version of: its id on X or its address.
    :param quote: the post that this one quotes: its id on X or its address.
    :param plan: of the app on X's developer platform: ``self-serve`` (what holds when left out) or ``enterprise``.
    :param premium: the account has X Premium: texts up to 25,000 characters, longer videos, edits.
    :param x_conn_id: the Airflow connection of the account.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param media_folder: what media paths are relative to; the DAG file's folder when left out.
    """

    template_fields: Sequence[str] = (*CONTENT_FIELDS, "x_conn_id", "media_folder")

    def __init__(
        self,
        *,
        text: str | None = None,
        split: bool | str | None = None,
        media: Sequence[str | PurePath | Mapping[str, Any]] | None = None,
        alt_texts: Sequence[str | None] | None = None,
        video: Mapping[str, Any] | None = None,
        poll: Mapping[str, Any] | None = None,
        thread: Sequence[Mapping[str, Any]] | None = None,
        first_comment: Mapping[str, Any] | None = None,
        follow_ups: Sequence[Mapping[str, Any]] | None = None,
        links: str | None = None,
        utm: Mapping[str, Any] | bool | str | None = None,
        at: str | datetime | None = None,
        timezone: str = "UTC",
        late: Mapping[str, Any] | None = None,
        on_absent: str | None = None,
        reply_settings: str | None = None,
        reply_to: str | None = None,
        exclude_reply_user_ids: Sequence[str] | None = None,
        auto_populate_reply_metadata: bool | str | None = None,
        edit_of: str | None = None,
        quote: str | None = None,
        community_id: str | None = None,
        share_with_followers: bool | str | None = None,
        place_id: str | None = None,
        made_with_ai: bool | str | None = None,
        paid_partnership: bool | str | None = None,
        for_super_followers_only: bool | str | None = None,
        nullcast: bool | str | None = None,
        card_uri: str | None = None,
        direct_message_deep_link: str | None = None,
        tagged_user_ids: Sequence[str] | None = None,
        plan: str | None = None,
        premium: bool | str | None = None,
        x_conn_id: str = "x_default",
        ledger_conn_id: str = "x_ledger",
        media_folder: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.split = split
        self.media = media
        self.alt_texts = alt_texts
        self.video = video
        self.poll = poll
        self.thread = thread
        self.first_comment = first_comment
        self.follow_ups = follow_ups
        self.links = links
        self.utm = utm
        self.at = at
        self.timezone = timezone
        self.late = late
        self.on_absent = on_absent
        self.reply_settings = reply_settings
        self.reply_to = reply_to
        self.exclude_reply_user_ids = exclude_reply_user_ids
        self.auto_populate_reply_metadata = auto_populate_reply_metadata
        self.edit_of = edit_of
        self.quote = quote
        self.community_id = community_id
        self.share_with_followers = share_with_followers
        self.place_id = place_id
        self.made_with_ai = made_with_ai
        self.paid_partnership = paid_partnership
        self.for_super_followers_only = for_super_followers_only
        self.nullcast = nullcast
        self.card_uri = card_uri
        self.direct_message_deep_link = direct_message_deep_link
        self.tagged_user_ids = tagged_user_ids
        self.plan = plan
        self.premium = premium
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.media_folder = media_folder

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger behind ``ledger_conn_id``."""
        return LedgerHook(self.ledger_conn_id).ledger()

    def plan_post(self, context: Context, *, to_be_sent_here: bool) -> Post:
        """Plan the post that this task instance of this run means: repeating it plans no second one.

        What is on its way or on X stays; what was refused or missed is planned anew, as the task says now;
        but what a person gave up, or a stop kept back past its time, is left to people.

        :param to_be_sent_here: this run sends the post whenever it is due. Else it does so only if work on
            it begins at once, and leaves a later one to DAG ``x_publish``.
        :raises AirflowFailException: when a field is wrong; the message lists the findings.
        """
        now = utc_now()
        calendar, key = _names(context)
        known = self.ledger.posts.find(calendar, key)
        if known is not None and known.state not in _MAY_CHANGE:
            self.log.info("post %s of the ledger is this task's: %s already", known.id, known.state)
            return known
        spec = self._read(key, now, is_known=known is not None)
        planned = draft(spec, calendar=calendar)
        if known is None:
            known = self.ledger.posts.ensure(planned, now=now)
        elif known.revision == planned.revision and self._is_decided(known, now):
            return known
        elif known.state is not PartState.PLANNED or known.revision != planned.revision:
            self.ledger.posts.put(planned, now=now)
        else:
            self.ledger.posts.relocate(calendar, [planned])
        self.log.info("post %s costs %s", known.name, forecast_of(spec))
        return self._taken_on(known.id, now, to_be_sent_here=to_be_sent_here)

    def _is_decided(self, post: Post, now: DateTime) -> bool:
        """Whether sending it is not this task's to decide any more, however often it is tried."""
        given_up = any(self.ledger.deciding.is_given_up(part) for part in post.parts)
        if post.state is PartState.REFUSED and given_up:
            self.log.warning("somebody gave post %s up: `airflow x resume %s` sends it", post.name, post.name)
            return True
        halt = self.ledger.controls.held_since(post.account, post.due_at, now=now)
        if post.state is PartState.MISSED and halt is not None:
            self.log.warning(
                "post %s was held back (%s): `airflow x resume %s` sends it", post.name, halt, post.name
            )
            return True
        return False

    def planned_post(self, context: Context) -> Post:
        """The post that an earlier try or stage of this task instance planned."""
        calendar, key = _names(context)
        post = self.ledger.posts.find(calendar, key)
        if post is None:
            raise AirflowFailException(
                f"the ledger has no post {calendar}/{key} (any more), though this task planned it; was the"
                " ledger's database changed? Clear the task to plan it anew."
            )
        return post

    def _read(self, key: str, now: DateTime, *, is_known: bool) -> PostSpec:
        source = f"task {self.dag_id}.{self.task_id}"
        reading = read_entry(
            {**{name: getattr(self, name) for name in DIRECT_FIELDS}, "media": self._described_media(source)},
            id=key,
            account=self.x_conn_id,
            timezone="UTC",
            folder=Path(self.media_folder or self.dag.folder),
            now=now,
            source=source,
            # What stands in links is public: names of the DAG's author, nothing of runs.
            calendar=self.dag_id,
            called=self.task_id,
            sources=media_sources(),
            is_known=is_known,
        )
        for finding in reading.findings:
            if finding.severity == "warning":
                self.log.warning("%s", finding)
        if reading.post is None:
            errors = [finding for finding in reading.findings if finding.severity == "error"]
            words = "\n".join(["nothing was planned and nothing is sent:", *map(str, errors)])
            raise AirflowException(words) if all(e.may_pass for e in errors) else AirflowFailException(words)
        return reading.post

    def _described_media(self, source: str) -> Any:
        """The media, those given as paths with their descriptions."""
        alt_texts = list(self.alt_texts or [])
        while alt_texts and not (alt_texts[-1] or "").strip():
            alt_texts.pop()
        if not alt_texts:
            return self.media
        files = [item for item in self.media or [] if str(item or "").strip()]
        if len(alt_texts) > len(files) or not all(isinstance(item, str | PurePath) for item in files):
            raise AirflowFailException(
                f"{source}: error: alt_texts: {len(alt_texts)} for {len(files)} files. Give at most one for"
                " each path in media, in their order; a medium written as {file, alt} brings its own"
            )
        return [{"file": file, "alt": alt} for file, alt in zip_longest(files, alt_texts)]

    def _taken_on(self, post_id: int, now: DateTime, *, to_be_sent_here: bool) -> Post:
        post = self.ledger.posts.get(post_id)
        wakes_at = x_publish_wakes_at(post)
        if wakes_at is not None and (to_be_sent_here or wakes_at <= now):
            due = DuePost(post.id, post.name, post.account, post.due_at, wakes_at)
            if not claim(self.ledger, [due], now=now):
                self.log.info("DAG x_publish took post %s on as well; the ledger lets one send it", post.id)
            post = self.ledger.posts.get(post_id)
        return post


class XPlanPostOperator(XContentOperator):
    """Plan one post, without a calendar file.

    Hand its result to :class:`XUploadMediaOperator` and :class:`XCreatePostOperator`. When the work on the
    post begins later (text and pictures 10 minutes ahead, video 45), those leave it to DAG ``x_publish``.
    Retrying or clearing the task plans no second post. Takes the arguments of :class:`XContentOperator`.

    :return: the post's id in the ledger (XCom).
    :raises AirflowFailException: when a field is wrong; the message lists the findings.
    """

    def execute(self, context: Context) -> int:
        post = self.plan_post(context, to_be_sent_here=False)
        sender = "this run sends it" if x_publish_wakes_at(post) is None else "DAG x_publish sends it"
        self.log.info("post %s of the ledger, %s, is due at %s: %s", post.id, post.name, post.due_at, sender)
        return post.id


def x_publish_wakes_at(post: Post) -> DateTime | None:
    """When DAG ``x_publish`` will be woken for the post; None when somebody has taken it on already."""
    # Taking a post on moves its wake_at past its due time.
    is_free = post.state is PartState.PLANNED and post.wake_at is not None and post.wake_at <= post.due_at
    return post.wake_at if is_free else None


def _names(context: Context) -> tuple[str, str]:
    """The ledger's names for what this task instance means in this run, whichever try it is."""
    ti = context["ti"]
    mapped = "" if ti.map_index is None or ti.map_index < 0 else f"[{ti.map_index}]"
    return _short(f"dag:{ti.dag_id}"), _short(f"{ti.task_id}{mapped}/{ti.run_id}")


def _short(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{name[: LONGEST_NAME - len(digest) - 1]}~{digest}"
