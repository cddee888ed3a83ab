"""Where people look at a post in Airflow."""

from __future__ import annotations

from urllib.parse import urlencode


def page_of(post: str) -> str:
    """The address of a post's page in Airflow's API server, as Airflow's own links to tasks are built.

    :param post: the post's name, ``calendar/key``.

    https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#base-url
    """
    return f"{_base_url()}/x/?{urlencode({'post': post}, safe='/')}"


def page_of_accounts() -> str:
    """The address of the page where accounts are logged in."""
    return f"{_base_url()}/x/accounts"


def _base_url() -> str:
    from airflow.sdk.configuration import conf  # noqa: PLC0415  (which parsing a DAG does not need)

    return str(conf.get("api", "base_url", fallback="http://localhost:8080/")).rstrip("/")
