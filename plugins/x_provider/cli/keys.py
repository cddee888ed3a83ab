"""``airflow x keys``: the keys that tokens in the ledger are encrypted with."""

from __future__ import annotations

from argparse import Namespace

from x_provider.cli.commands import explained
from x_provider.hooks.keys import sealer
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
        except LedgerError:
            unopened.append(account)
            return sealed

    count = sum(shelf.reseal(reseal) for shelf in (ledger.tokens, ledger.user_keys, ledger.logins))
    sealed = count - len(unopened)
    print(
        f"{sealed} sealed with the newest key of {newest.name}: tokens and keys of accounts, and logins under way"
    )
    if unopened:
        accounts = ", ".join(dict.fromkeys(unopened))
        raise LedgerError(
            f"{len(unopened)} could not be opened and were left as they were, of {accounts}: none of the keys in"
            f" {newest.name} opens them. Add the key that they were sealed with behind the current one, separated by"
            " a comma, or log these accounts in again"
        )
    if newest.older:
        print(f"Older keys may be taken out of {newest.name} once every process runs with the newest one.")
