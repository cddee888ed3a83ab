"""A notifier that posts to X."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from datetime import date, timedelta
from pathlib import Path, PurePath
from typing import Any

from airflow.sdk import BaseNotifier, Context

from x_provider.calendar import DIRECT_FIELDS, PostSpec, read_entry
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.media import media_sources
from x_provider.hooks.publisher import aopen_publisher, open_publisher
from x_provider.ledger import LONGEST_NAME, DuePost, Ledger, PartState, Post
from x_provider.publishing import Publisher, draft, utc_now
from x_provider.publishing.forecast import forecast_of
from x_provider.publishing.queue import claim, hand_on
from x_provider.triggers.waiting import in_thread

_PATIENCE_SECONDS = 10
"""How long it goes on trying by itself; Airflow ends a DAG processor's work on a file after 50 s."""
_DIGITS = 16
_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="x-notify")


class NothingPostedError(RuntimeError):
    """What the notifier was to post is no post that X would take."""


class XNotifier(BaseNotifier):
    """Post to X about a run, a task or a missed deadline; each occasion once, however often Airflow calls.

    For ``on_success_callback``, ``on_failure_callback`` and the others of DAGs and tasks, and as the callback
    of a deadline alert: ``AsyncCallback(XNotifier, kwargs={…})`` or ``SyncCallback``.

    The post is planned in the ledger, so that a callback which is repeated or dies finds what it began, and
    then sent by the same engine as every other. What cannot be sent at once is left to DAG ``x_publish``.
    It fails no task and no run: the log says what stopped it. Only a deadline's callback, which has nothing
    else to tell, fails when nothing could be planned.

    :param content: the fields of a calendar's entry (docs/calendar.md) but ``id`` and ``account``: ``text``,
        ``media``, ``thread``, ``at`` and so on, and the header's ``plan`` and ``premium``, with the same checks.
        All are templated. Where a deadline calls, Airflow gives templates ``dag_run`` (as its REST API shows a
        run) and ``deadline``, and nothing else.
    :param x_conn_id: the Airflow connection of the account (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :param media_folder: what media paths are relative to; the DAG file's folder when left out, which a
        deadline's callback does not know (templated).
    """

    template_fields = (*DIRECT_FIELDS, "x_conn_id", "media_folder")

    def __init__(
        self,
        *,
        x_conn_id: str = "x_default",
        ledger_conn_id: str = "x_ledger",
        media_folder: str | None = None,
        **content: Any,
    ) -> None:
        fields = {name: content.pop(name, None) for name in DIRECT_FIELDS}
        super().__init__(**content)
        for name, value in fields.items():
            setattr(self, name, value)
        self.x_conn_id = x_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.media_folder = media_folder
        self._written = json.dumps([x_conn_id, media_folder, fields], sort_keys=True, default=_as_written)

    def __call__(self, *args: Any) -> None:
        # Rendering replaces the templates, and one notifier may be called for many runs in one process.
        super(XNotifier, copy(self)).__call__(*args)

    def notify(self, context: Context) -> None:
        with self._telling(context):
            ledger = LedgerHook(self.ledger_conn_id).ledger()
            post = self._planned(context, ledger)
            if _is_free(post):
                with self._leaving_to_others(post):
                    self._publish(open_publisher(**self._engine(post)), post)

    async def async_notify(self, context: Context) -> None:
        with self._telling(context):
            ledger = (await LedgerHook.aget(self.ledger_conn_id)).ledger()
            post = await in_thread(_THREADS, self._planned, context, ledger)
            if _is_free(post):
                with self._leaving_to_others(post):
                    publisher = await aopen_publisher(**self._engine(post))
                    await in_thread(_THREADS, self._publish, publisher, post)

    @contextmanager
    def _telling(self, context: Context) -> Iterator[None]:
        """What keeps the post from being planned must not look like what the post was to tell of."""
        try:
            yield
        except Exception as error:
            unexpected = None if isinstance(error, NothingPostedError) else error
            self.log.error(  # noqa: TRY400
                "nothing was planned and nothing is posted to X: %s", error, exc_info=unexpected
            )
            if "deadline" in context:
                raise

    @contextmanager
    def _leaving_to_others(self, post: Post) -> Iterator[None]:
        """What is planned is in good hands."""
        try:
            yield
        except Exception:
            self.log.exception("post %s is in the ledger; DAG x_publish goes on with it", post.name)

    def _engine(self, post: Post) -> dict[str, Any]:
        return {"account": post.account, "ledger_conn_id": self.ledger_conn_id, "report": self.log.info}

    def _planned(self, context: Context, ledger: Ledger) -> Post:
        """The post for this occasion, planned unless it was before. What became of it then stands."""
        calendar, key = _names(context, self._written)
        post = ledger.posts.find(calendar, key)
        if post is None:
            now = utc_now()
            spec = self._read(key, context)
            post = ledger.posts.ensure(draft(spec, calendar=calendar), now=now)
            self.log.info("post %s costs %s", post.name, forecast_of(spec))
        self.log.info("post %s of the ledger, %s, is due at %s", post.id, post.name, post.due_at)
        return post

    def _read(self, key: str, context: Context) -> PostSpec:
        dag_id, _, event = _occasion(context)
        dag = context.get("dag")
        reading = read_entry(
            {name: getattr(self, name) for name in DIRECT_FIELDS},
            id=key,
            account=self.x_conn_id,
            timezone="UTC",
            folder=Path(self.media_folder or (dag.folder if dag else "")),
            now=utc_now(),
            source=f"notifier of dag:{dag_id}/{key}",
            calendar=dag_id,
            called=_told_of(context, event),
            sources=media_sources(),
        )
        for finding in reading.findings:
            if finding.severity == "warning":
                self.log.warning("%s", finding)
        if reading.post is None:
            errors = [str(finding) for finding in reading.findings if finding.severity == "error"]
            raise NothingPostedError("\n".join(errors))
        return reading.post

    def _publish(self, publisher: Publisher, post: Post) -> None:
        """Send the post now, if nobody else is about to."""
        now = utc_now()
        if post.wake_at is None or not claim(
            publisher.ledger, [DuePost(post.id, post.name, post.account, post.due_at, post.wake_at)], now=now
        ):
            self.log.info("DAG x_publish has taken post %s on", post.name)
            return
        publisher.arm(post.id)
        patience = now.add(seconds=_PATIENCE_SECONDS)
        fired = publisher.fire(post.id)
        while fired.retry_at is not None and fired.retry_at <= patience:
            time.sleep(max((fired.retry_at - utc_now()).total_seconds(), 0))
            fired = publisher.fire(post.id)
        if fired.retry_at is not None:
            hand_on(publisher.ledger, fired.post, retry_at=fired.retry_at)
            self.log.warning("%s. DAG x_publish goes on with post %s", fired.why, post.name)
        elif fired.post.state is not PartState.POSTED and not fired.post.follows_later(utc_now()):
            self.log.error("post %s is %s, not posted: %s", post.name, fired.post.state, fired.why)


def _is_free(post: Post) -> bool:
    """Whether the work on the post may begin and nobody has taken it on."""
    return post.state is PartState.PLANNED and post.wake_at is not None and post.wake_at <= utc_now()


def _names(context: Context, written: str) -> tuple[str, str]:
    """The ledger's names for what one notifier posts on one occasion."""
    dag_id, run_id, event = _occasion(context)
    digest = hashlib.sha256("\n".join((dag_id, run_id, event, written)).encode()).hexdigest()[:_DIGITS]
    readable = f"notice:{event}/{run_id}"[: LONGEST_NAME - _DIGITS - 1]
    return f"dag:{dag_id}"[:LONGEST_NAME], f"{readable}~{digest}"


def _occasion(context: Mapping[str, Any]) -> tuple[str, str, str]:
    """The DAG, the run, and what of it is told: the same in whatever process, and however often, Airflow calls."""
    if "deadline" in context:
        run = context["dag_run"]
        return run["dag_id"], run["dag_run_id"], f"deadline:{context['deadline']['id']}"
    if "reason" in context:
        event = "success" if context["reason"] == "success" else "failed"
        return context["dag"].dag_id, context["run_id"], event
    ti = context["ti"]
    mapped = "" if ti.map_index is None or ti.map_index < 0 else f"[{ti.map_index}]"
    return ti.dag_id, ti.run_id, f"{_outcome(ti)}:{ti.task_id}{mapped}"


def _told_of(context: Mapping[str, Any], event: str) -> str:
    """What of it may stand in links, where everybody reads it: the task, or how the run went."""
    if "deadline" in context:
        return "deadline"
    return event if "reason" in context else str(context["ti"].task_id)


def _outcome(ti: Any) -> str:
    """How the task ended."""
    if ti.state is not None:
        return str(getattr(ti.state, "value", ti.state))
    # Where the worker died, the DAG processor calls, and is not told the state: this is how Airflow decides it.
    return "up_for_retry" if ti.task.retries and ti.try_number <= ti.max_tries else "failed"


def _as_written(value: Any) -> str:
    """What stands for a value that is no JSON, the same in every process."""
    if isinstance(value, date | timedelta | PurePath):
        return str(value)
    return str(getattr(value, "__qualname__", type(value).__qualname__))
