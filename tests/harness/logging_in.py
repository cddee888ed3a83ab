"""What the sandbox's consent page is told, and what a login leaves behind."""

from __future__ import annotations

import json

CONSENT = {"account": "bob", "decision": "allow"}


def remove_connection(conn_id: str) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id == conn_id))


def extra_of(conn_id: str) -> dict[str, str]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return json.loads(session.scalar(select(Connection).where(Connection.conn_id == conn_id)).extra)


def keys_in(ledger, conn_id: str) -> dict[str, str]:
    from x_provider.hooks.keys import sealer

    return sealer().open(ledger.user_keys.find(conn_id).sealed, what="the keys")
