"""Secrets on their way into the ledger and out of it: encrypted with keys that the ledger does not hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from x_provider.ledger.database import LedgerError

_KEY_HINT = "a Fernet key: 32 random bytes in URL-safe base64, 44 characters"


class Sealer:
    """Encrypts with the first of its keys, decrypts with any of them (Fernet: AES-128-CBC with HMAC-SHA256).

    :param keys: the current key, then older ones that still open what they have sealed.
    :param name: where they come from, for messages, such as the environment variable.
    :raises LedgerError: when there is no key, or one is none.
    """

    def __init__(self, keys: Sequence[str], *, name: str) -> None:
        self.name = name
        self.older = len(keys) - 1
        """How many keys only open."""
        if not keys:
            raise LedgerError(
                f"there is no key to encrypt tokens with: set {name} to {_KEY_HINT} (`airflow x keys new` makes one)"
            )
        try:
            self._fernet = MultiFernet([Fernet(key.strip()) for key in keys])
        except ValueError:
            raise LedgerError(f"one of the keys in {name} is no key: each must be {_KEY_HINT}") from None

    def __repr__(self) -> str:
        return f"Sealer({self.name})"

    def seal(self, secrets: Mapping[str, str]) -> str:
        """The secrets as text that only the keys open."""
        return self._fernet.encrypt(json.dumps(dict(secrets)).encode()).decode()

    def open(self, sealed: str, *, what: str) -> dict[str, str]:
        """The secrets again.

        :param what: whose they are, for the message.
        :raises LedgerError: when none of the keys opens it.
        """
        try:
            opened: dict[str, str] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise LedgerError(
                f"none of the keys in {self.name} opens {what}: they were sealed with another one. Add that key"
                " behind the current one, separated by a comma, or log in again"
            ) from None
        return opened

    def reseal(self, sealed: str, *, what: str) -> str:
        """The same secrets, sealed with the current key; errors as of ``open``."""
        return self.seal(self.open(sealed, what=what))
