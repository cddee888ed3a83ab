"""``airflow x keys``: the keys that tokens in the ledger are encrypted with."""

from __future__ import annotations

from argparse import Namespace

from x_provider.cli.commands import explained
from x_provider.hooks.keys import KEYS_NAME, sealer
from x_provider.hooks.ledger import LedgerHook
from x_provider.ledger import LedgerError


@explained
def new(args: Namespace) -> None:  # noqa: ARG001
    """Print a new key, and nothing else, so that it can be piped."""
    from cryptography.fernet import Fernet  # noqa: PLC0415  (slow to import)

    print(Fernet.generate_key().decode())


@explained
def rotate(args: Namespace) -> None:
    """Seal everything with the newest key; what no key opens is left as it is and named."""
    ledger, newest = LedgerHook(args.ledger_conn_id).ledger(), sealer()
    unopened: list[str] = []

    def reseal(sealed: str, account: str) -> str:
        try:
            return newest.reseal(sealed, what=f"what is sealed of account {account}")
        except LedgerError as error:
            unopened.append(f"{account}: {error}")
            return sealed

    count = sum(shelf.reseal(reseal) for shelf in (ledger.tokens, ledger.user_keys, ledger.logins))
    sealed = count - len(unopened)
    print(
        f"{sealed} sealed with the newest key of {newest!r}: tokens and keys of accounts, and logins under way"
    )
    if unopened:
        raise LedgerError(
            f"{len(unopened)} could not be opened and were left as they were. " + "; ".join(unopened)
        )
    print(f"Older keys may be taken out of {KEYS_NAME} once every process runs with the newest one.")
