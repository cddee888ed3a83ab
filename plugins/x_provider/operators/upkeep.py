"""Operators that look after tokens and what was dropped, and ask people about what nobody else can decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import DagRunTriggerException
from pendulum import duration

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.x import XHook
from x_provider.ledger import LedgerError
from x_provider.operators.retrying import XOperator
from x_provider.publishing import utc_now
from x_provider.publishing.asking import open_questions
from x_provider.publishing.upkeep import sweep

_RUN_ID = "question.{key}"


class XSweepOperator(XOperator):
    """Wake the posts that somebody should look after and nobody does; end those that are too late.

    Nothing is sent by it: DAG ``x_publish`` is woken for what it finds. Repeating it changes nothing.

    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"dead_sends", "uncertain", "unsent", "missed"}``, each a list of post names (XCom).
    """

    def __init__(self, *, ledger_conn_id: str = "x_ledger", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, list[str]]:  # noqa: ARG002
        swept = sweep(LedgerHook(self.ledger_conn_id).ledger(), now=utc_now())
        self.log.info("%s", swept)
        return asdict(swept)


class XRefreshTokensOperator(XOperator):
    """Refresh the OAuth 2.0 tokens that end soon, so that no post has to wait for it.

    An X that does not answer is no failure while the present token serves: the next run tries again. That an account
    needs a login is no failure either, for no retry could mend it: the ledger knows, and ``XLoginNeededNotifier``
    tells it.

    :param minutes_left: tokens with less time left are refreshed.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``{"refreshed", "later", "needs_login"}``, each a list of accounts (XCom).
    :raises XError: when an account has no token that serves, and X gives none.
    """

    def __init__(self, *, minutes_left: int = 30, ledger_conn_id: str = "x_ledger", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minutes_left = minutes_left
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, list[str]]:  # noqa: ARG002
        from x_provider.client import XError, XNeedsLogin  # noqa: PLC0415  (requests, which parsing does not need)

        ledger = LedgerHook(self.ledger_conn_id).ledger()
        done: dict[str, list[str]] = {"refreshed": [], "later": [], "needs_login": []}
        failures: list[Exception] = []
        for tokens in ledger.tokens.all():
            try:
                keeper = XHook(tokens.account, self.ledger_conn_id).keeper
                if keeper is not None and keeper.refresh_ahead(duration(minutes=self.minutes_left)):
                    done["refreshed"].append(tokens.account)
            except XNeedsLogin as error:
                done["needs_login"].append(tokens.account)
                self.log.warning("%s", error)
            except (XError, LedgerError, XConnectionError) as error:
                done["later"].append(tokens.account)
                self.log.warning("account %s: %s", tokens.account, error)
                if tokens.expires_at <= utc_now() and not isinstance(error, XConnectionError):
                    failures.append(error)
        self.log.info("%s", done)
        if failures:
            raise failures[0]
        return done


class XOpenQuestionsOperator(XOperator):
    """Find the posts that only a person can settle and that nobody has been asked about yet.

    :param ask_dag_id: the DAG that asks; a question that it has a run for is not asked again.
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: ``[{"post", "run_id"}]``, for :class:`XStartQuestionOperator` (XCom).
    """

    def __init__(self, *, ask_dag_id: str = "x_ask", ledger_conn_id: str = "x_ledger", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ask_dag_id = ask_dag_id
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> list[dict[str, str]]:
        found = open_questions(LedgerHook(self.ledger_conn_id).ledger(), now=utc_now())
        questions = [{"post": each.name, "run_id": _RUN_ID.format(key=each.key)} for each in found]
        count = context["ti"].get_dr_count
        new = [each for each in questions if not count(self.ask_dag_id, run_ids=[each["run_id"]])]
        self.log.info("%s posts are for a person to decide, %s of them new", len(questions), len(new))
        return new


class XStartQuestionOperator(XOperator):
    """Start the DAG run that asks about one post.

    :param post: the post's name, ``calendar/key`` (templated).
    :param run_id: the run's id; if there is one of that id the task is skipped (templated).
    :param ask_dag_id: the DAG that asks.
    """

    template_fields: Sequence[str] = ("post", "run_id")

    def __init__(self, *, post: str, run_id: str, ask_dag_id: str = "x_ask", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.post = post
        self.run_id = run_id
        self.ask_dag_id = ask_dag_id

    def execute(self, context: Context) -> NoReturn:  # noqa: ARG002
        # What the standard TriggerDagRunOperator does; importing that costs as much as the rest of the DAG.
        raise DagRunTriggerException(
            trigger_dag_id=self.ask_dag_id,
            dag_run_id=self.run_id,
            conf={"post": self.post},
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=60,
            deferrable=False,
        )
