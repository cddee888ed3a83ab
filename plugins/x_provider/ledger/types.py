"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pendulum
from sqlalchemy import BigInteger, DateTime
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_MICROS = 1_000_000


class Instant(TypeDecorator[pendulum.DateTime]):
    """A UTC instant with microseconds: ``timestamptz`` on PostgreSQL, fixed-width text on SQLite.

    Naive values are refused: a time without a zone is how posts go out an hour early.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the ledger takes instants with a time zone, not {value.isoformat()}")
        utc = value.astimezone(dt.timezone.utc)
        plain = dt.datetime.combine(utc.date(), utc.time(), tzinfo=dt.timezone.utc)
        return plain if dialect.name == "postgresql" else plain.replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> pendulum.DateTime | None:  # noqa: ARG002
        return None if value is None else pendulum.instance(value).in_timezone("UTC")


class Usd(TypeDecorator[Decimal]):
    """US dollars, kept exactly: a whole number of micro-dollars.

    A fraction of one is refused: whoever has one has divided, and the sums would not add up.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        micros = value * _MICROS
        if micros != int(micros):
            raise ValueError(f"the ledger takes US dollars to the millionth, not {value}")
        return int(micros)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(int(value)) / _MICROS
