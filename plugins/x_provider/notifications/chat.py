"""The chat that notices go to, by the Airflow connection that holds its incoming webhook."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook, BaseNotifier
from airflow.sdk.exceptions import AirflowNotFoundException

from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.missing import doubt
from x_provider.hooks.problems import XConnectionError, unsure
from x_provider.notifications.webhook import WebhookError, send_text

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

    from x_provider.ledger import Ledger


class ChatNotifier(BaseNotifier):
    """What notices to people share: where they go, and that they never fail the task."""

    about: ClassVar[str]
    """What they tell of, for the log line that says that it was not told."""

    def __init__(
        self, *, notices_conn_id: str = "x_notices", ledger_conn_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.notices_conn_id = notices_conn_id
        self.ledger_conn_id = ledger_conn_id

    def notify(self, context: Context) -> None:
        try:
            task = context["task"]
            hook = LedgerHook(self.ledger_conn_id or getattr(task, "ledger_conn_id", "x_ledger"))
            self._tell(context, hook.ledger())
        except Exception as error:
            # By its type only: what others raise may hold an address.
            self.log.error("no notice of %s was sent: %s", self.about, type(error).__name__)  # noqa: TRY400
            self.log.debug("the notice failed", exc_info=True)

    @abstractmethod
    def _tell(self, context: Context, ledger: Ledger) -> None:
        """Send what is news."""


def send_notice(notice: str, notices_conn_id: str, log: Any) -> bool:
    """Write a notice to the task's log, and send it to the chat if there is one; False where that failed.

    :param notices_conn_id: the Airflow connection (type ``http``) with the webhook's address as its password.
    :param log: the task's.
    """
    log.error("%s", notice)
    try:
        connection = _chat(notices_conn_id, log)
        if connection is not None:
            send_text(notice, connection)
    except Exception as error:
        say_unsent(error, notices_conn_id, log)
        return False
    return True


def say_unsent(error: Exception, notices_conn_id: str, log: Any) -> None:
    """Write to the task's log that a notice was not sent."""
    # Others by their type only: what they raise may hold an address.
    why = error if isinstance(error, WebhookError | XConnectionError) else type(error).__name__
    log.error("the notice was not sent by connection %s: %s", notices_conn_id, why)
    log.debug("the notice failed", exc_info=True)


def _chat(notices_conn_id: str, log: Any) -> Connection | None:
    """The connection to the chat; None where there certainly is none.

    :raises XConnectionError: when Airflow could not look it up.
    """
    try:
        return BaseHook.get_connection(notices_conn_id)
    except AirflowNotFoundException:
        if (why := doubt(notices_conn_id)) is not None:
            raise unsure(notices_conn_id, why) from None
        log.info(
            "To have such notices sent to a chat, give the Airflow connection %s (type http) the address of"
            " its incoming webhook as password",
            notices_conn_id,
        )
        return None
