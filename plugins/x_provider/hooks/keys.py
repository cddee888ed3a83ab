"""The keys that tokens in the ledger are encrypted with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from x_provider.ledger import Sealer

KEYS_NAME = "X_PROVIDER_FERNET_KEY"


def sealer() -> Sealer:
    """Encrypts with the newest key: those of X_PROVIDER_FERNET_KEY, newest first, else Airflow's own.

    :raises LedgerError: when there is no key, or one is none.
    """
    from airflow.sdk.configuration import conf  # noqa: PLC0415  (slow to import, rarely needed)

    from x_provider.ledger import Sealer  # noqa: PLC0415  (SQLAlchemy, which parsing a DAG does not need)

    given, name = os.environ.get(KEYS_NAME, ""), KEYS_NAME
    if not given.strip() and (of_airflow := conf.get("core", "fernet_key", fallback="")):
        given, name = of_airflow, "[core] fernet_key"
    return Sealer([key for key in given.split(",") if key.strip()], name=name)
