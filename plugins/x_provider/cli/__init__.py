"""``airflow x …``: the ledger from a terminal."""
