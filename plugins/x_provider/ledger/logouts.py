"""Accounts that were logged out: when, and which of their connection's tokens are over with that."""

from __future__ import annotations

from dataclasses import dataclass

from pendulum import DateTime
from sqlalchemy import select

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.schema import insert_in
from x_provider.ledger.tokens import LONGEST_SEEDS, StoredTokens, hold_login, take_tokens
from x_provider.ledger.user_keys import StoredKeys, take_keys


@dataclass(frozen=True)
class EndedLogins:
    """What a logout ended; None where there was no such login."""

    tokens: StoredTokens | None
    keys: StoredKeys | None


class Logouts:
    """Every account's last logout."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self, account: str, *, seed: str | None = None, now: DateTime) -> EndedLogins:
        """End every login of the account, in one transaction: nothing is refreshed, or logged in, between.

        :param seed: fingerprint of a refresh token that the connection holds, which is not taken up any more.
        """
        with self._database.write() as connection:
            hold_login(connection, account)
            tokens, keys = take_tokens(connection, account), take_keys(connection, account)
            before = select(t.logouts.c.seeds).where(t.logouts.c.account == account)
            known = (connection.execute(before).scalar_one_or_none() or "").split()
            over = dict.fromkeys([*([seed] if seed else []), *(tokens.seeds if tokens else ()), *known])
            values = {"at": now, "seeds": f"{' '.join(over)} "[:LONGEST_SEEDS]}
            connection.execute(
                insert_in(connection.dialect.name)(t.logouts)
                .values(account=account, **values)
                .on_conflict_do_update(index_elements=[t.logouts.c.account], set_=values)
            )
            return EndedLogins(tokens, keys)

    def last(self, account: str) -> DateTime | None:
        """When the account was logged out last; None where nobody did that. It may be logged in again since."""
        with self._database.read() as connection:
            at: DateTime | None = connection.execute(
                select(t.logouts.c.at).where(t.logouts.c.account == account)
            ).scalar_one_or_none()
            return at
