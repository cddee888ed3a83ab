"""Which accounts a delivery may be about: those of the app whose secret has signed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from x_provider.ledger import Ledger

Relation = Literal["same", "another", "unknown"]
"""How the app of one connection stands to that of another."""


class UnknownAccountError(LookupError):
    """An event is about a user that no connection is known to be.

    :param is_certain: False where one may be that only does not say so.
    """

    def __init__(self, words: str, *, is_certain: bool = True) -> None:
        super().__init__(words)
        self.is_certain = is_certain


class OtherAppError(UnknownAccountError):
    """An event is about an account that is not known to be of the app that X told."""

    def __init__(self, account: str, told: str, relation: Relation) -> None:
        if relation == "another":
            why = f"whose connection is of another app than that of {told}, whose webhook was told"
        else:
            why = (
                f"and nobody knows whether that is of the app of connection {told}, whose webhook was told. If it is,"
                f" give connection {account} the app's API key and secret (login and password), or its client_id and"
                " client_secret"
            )
        super().__init__(f"it is about account {account}, {why}", is_certain=relation == "another")


@dataclass(frozen=True)
class Reach:
    """The accounts that one webhook's deliveries may touch: those of its app, and whoever else is one of their users.

    :param told: the connection whose webhook X told.
    :param relation: of the app of that connection to the app of another.
    """

    ledger: Ledger
    told: str
    relation: Callable[[str, str], Relation]

    def account_of(self, user_id: str) -> str:
        """The connection of the app that is that user on X; of several the webhook's own, which asked to be told.

        :raises UnknownAccountError: when none is known; as an :class:`OtherAppError` where others are that user.
        """
        known = self.ledger.accounts.of_user(user_id)
        if not known:
            raise UnknownAccountError(
                f"it is about user {user_id} of X, and no connection is known to be that account. `airflow x webhooks"
                " subscribe CONNECTION` makes it known, and so does posting"
            )
        related = {each: self._related(each) for each in known}
        ours = [each for each in known if related[each] == "same"]
        if not ours:
            doubtful = next((each for each in known if related[each] == "unknown"), known[0])
            raise OtherAppError(doubtful, self.told, related[doubtful])
        return self.told if self.told in ours else ours[0]

    def require(self, account: str) -> None:
        """Refuse what is about an account that the app has no say in.

        :raises OtherAppError: when it has none.
        """
        if not self.covers(account):
            raise OtherAppError(account, self.told, self._related(account))

    def covers(self, account: str) -> bool:
        """Whether the app has a say in the account."""
        return self._related(account) == "same" or any(
            self._related(each) == "same" for each in self.ledger.accounts.namesakes(account)
        )

    def is_user(self, user_id: str) -> bool:
        """Whether an account of the app is that user on X."""
        return any(self._related(each) == "same" for each in self.ledger.accounts.of_user(user_id))

    def _related(self, account: str) -> Relation:
        return "same" if account == self.told else self.relation(self.told, account)
