"""What is wrong with an Airflow connection, in words that people can act on."""

from __future__ import annotations

import re

from airflow.sdk.exceptions import AirflowException

_NO_SUCH_TABLE = re.compile(r"no such table|relation .* does not exist|Table .* doesn't exist")
"""What SQLite, PostgreSQL and MySQL say of a database in which `airflow db migrate` has never run."""
_NO_TABLES = "the Airflow database of this shell has no tables"


class XConnectionError(AirflowException):
    """An Airflow connection that cannot be used as it stands.

    :param conn_id: the connection.
    :param problem: what is wrong with which field; holds no secret.
    :param next_step: what to do about it.
    :param may_pass: whether it may be usable and only could not be looked up.
    """

    def __init__(self, conn_id: str, problem: str, next_step: str, *, may_pass: bool = False) -> None:
        super().__init__(f"Connection {conn_id!r}: {problem}. {next_step}.")
        self.may_pass = may_pass
        self.conn_id = conn_id
        self.problem = problem
        self.next_step = next_step


class NotLoggedInError(XConnectionError):
    """A connection that has an app's OAuth 1.0a keys, and nothing yet that acts as the account."""


def failure_of(backend: object, error: Exception) -> str:
    """Why a place that keeps connections could not be asked, in words that hold no secret.

    :param backend: Airflow's secrets backend, the metadata database among them.
    """
    if _NO_SUCH_TABLE.search(str(getattr(error, "orig", ""))):
        from airflow.configuration import get_airflow_home  # noqa: PLC0415  (slow to import, rarely needed)

        return f"{_NO_TABLES}: AIRFLOW_HOME={get_airflow_home()}"
    return f"{type(backend).__name__}: {type(error).__name__}"


def unsure(conn_id: str, doubt: str) -> XConnectionError:
    """The error for a connection that may exist, though Airflow did not give it."""
    next_step = (
        "Set AIRFLOW_HOME to that of your Airflow; the demo prints its own. If this one is new: `airflow db migrate`"
        if doubt.startswith(_NO_TABLES)
        else "Run this again; if it persists, look into the API server's log"
    )
    return XConnectionError(conn_id, f"Airflow could not look it up ({doubt})", next_step, may_pass=True)


def login_step(conn_id: str) -> str:
    """What to do about an account that needs a login."""
    return f"Log it in: page X > Accounts, or `airflow x login {conn_id}`"
