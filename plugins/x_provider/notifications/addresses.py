"""Where people look at a post in Airflow."""

from __future__ import annotations

from urllib.parse import urlencode


def page_of(post: str) -> str:
    """The address of a post's page in Airflow's API server, as Airflow's own links to tasks are built.

    :param post: the post's name, ``calendar/key``.

    https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#base-url
    """
    from airflow.sdk.configuration import conf  # noqa: PLC0415  (which parsing a DAG does not need)

    base_url = conf.get("api", "base_url", fallback="http://localhost:8080/")
    return f"{base_url.rstrip('/')}/x/?{urlencode({'post': post}, safe='/')}"
