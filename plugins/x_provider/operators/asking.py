"""Operators that ask a person about one post: gather the evidence, ask, act on the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.publisher import open_publisher
from x_provider.operators.retrying import XOperator
from x_provider.publishing import utc_now
from x_provider.publishing.asking import ADOPT, OPTIONS, NoQuestionError, Question, answer, question_about

if TYPE_CHECKING:
    from x_provider.client import XClient
    from x_provider.ledger import AccountOnX, Ledger, Part, Post
    from x_provider.publishing.evidence import Timeline

_ADDRESS = "address"


class XGatherEvidenceOperator(XOperator):
    """Gather what a person needs to decide about a post: texts, times, attempts, what X shows.

    :param post: the post's name, ``calendar/key``, or its number in the ledger (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: the question, for :class:`XAskPersonOperator` (XCom).
    :raises AirflowSkipException: when nothing about the post is for a person to decide (any more).
    :raises AirflowFailException: when the ledger has no such post.
    """

    template_fields: Sequence[str] = ("post",)

    def __init__(self, *, post: str, ledger_conn_id: str = "x_ledger", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.post = post
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002
        ledger = LedgerHook(self.ledger_conn_id).ledger()
        post = _named(ledger, self.post)
        try:
            question = question_about(
                ledger, post, now=utc_now(), read=lambda part, older: self._read(ledger, post, part, older)
            )
        except NoQuestionError as error:
            raise AirflowSkipException(str(error)) from None
        self.log.info("%s\n%s", question.subject, question.body)
        return question.to_json()

    def _read(self, ledger: Ledger, post: Post, part: Part, older: bool) -> Timeline:
        from x_provider.client import XError  # noqa: PLC0415  (requests, which parsing a DAG does not need)
        from x_provider.publishing.evidence import Timeline, read_timeline  # noqa: PLC0415  (as above)

        attempt = ledger.sending.attempt_of(post, part)
        if attempt is None:
            return Timeline(unreadable="the ledger has no attempt to send it")
        try:
            publisher = open_publisher(account=post.account, ledger_conn_id=self.ledger_conn_id)
            return read_timeline(ledger, publisher, attempt, older=older)
        except (XError, XConnectionError) as error:
            # That it cannot be read is what the person must know.
            return Timeline(unreadable=str(error))


class XAskPersonOperator(HITLOperator):
    """Ask a person; the task waits in state ``awaiting_input``, without a worker or the triggerer.

    :param question: what :class:`XGatherEvidenceOperator` returned (templated).
    :return: Airflow's own answer: ``{"chosen_options", "params_input", "responded_by_user", …}`` (XCom).
    """

    template_fields: Sequence[str] = ("question",)

    def __init__(self, *, question: Mapping[str, Any], **kwargs: Any) -> None:
        address = Param(
            "",
            type="string",
            title="Address of the post on X",
            description=f'Only for "{ADOPT}": https://x.com/<user>/status/<id>, or the id.',
            source="task",
        )
        # In place of the DAG's own, which Airflow hands to every task: they are no fields of this form.
        kwargs["params"] = {_ADDRESS: address}
        kwargs.setdefault("subject", "A post is for a person to decide about")
        super().__init__(options=list(OPTIONS), **kwargs)
        self.question = question

    def execute(self, context: Context) -> Any:
        question = Question.from_json(self.question)
        self.subject, self.body, self.options = question.subject, question.body, list(question.options)
        if ADOPT not in question.options:
            self.params = ParamsDict({})
        return super().execute(context)


class XActOnAnswerOperator(XOperator):
    """Do what a person answered, if the post still stands where it stood when they were asked.

    :param question: what :class:`XGatherEvidenceOperator` returned (templated).
    :param answer: what :class:`XAskPersonOperator` returned (templated).
    :param ledger_conn_id: the Airflow connection of the ledger's database.
    :return: what was done, in words (XCom).
    :raises AirflowSkipException: when the post was settled otherwise meanwhile; nothing is done.
    :raises AirflowFailException: when the answer cannot be carried out; the message says why.
    """

    template_fields: Sequence[str] = ("question", "answer")

    def __init__(
        self,
        *,
        question: Mapping[str, Any],
        answer: Mapping[str, Any],
        ledger_conn_id: str = "x_ledger",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.question = question
        self.answer = answer
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> str:  # noqa: ARG002
        from x_provider.ledger import LedgerError, OvertakenError  # noqa: PLC0415  (SQLAlchemy, as above)

        ledger = LedgerHook(self.ledger_conn_id).ledger()
        question = Question.from_json(self.question)
        option = self.answer["chosen_options"][0]
        user, x = self._on_x(ledger.posts.get(question.post_id)) if option == ADOPT else (None, None)
        try:
            done = answer(
                ledger,
                question,
                option=option,
                address=str((self.answer.get("params_input") or {}).get(_ADDRESS) or ""),
                by=_who(self.answer),
                user=user,
                now=utc_now(),
                x=x,
            )
        except OvertakenError as error:
            raise AirflowSkipException(str(error)) from None
        except LedgerError as error:
            if error.may_pass:
                raise
            raise AirflowFailException(str(error)) from None
        self.log.info("%s", done)
        return done

    def _on_x(self, post: Post) -> tuple[AccountOnX | None, XClient | None]:
        """Who the account is on X, and X itself, as far as both can be reached."""
        from x_provider.client import XError  # noqa: PLC0415  (as above)

        try:
            publisher = open_publisher(account=post.account, ledger_conn_id=self.ledger_conn_id)
            return publisher.user(), publisher.client
        except (XError, XConnectionError) as error:
            self.log.warning(
                "who the account is cannot be found out, so the address is not checked: %s", error
            )
            return None, None


def _named(ledger: Ledger, name: str) -> Post:
    from x_provider.ledger import LedgerError  # noqa: PLC0415  (as above)

    try:
        return ledger.posts.named(name)
    except LedgerError as error:
        if error.may_pass:
            raise
        raise AirflowFailException(str(error)) from None


def _who(answered: Mapping[str, Any]) -> str:
    user = answered.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "somebody")
