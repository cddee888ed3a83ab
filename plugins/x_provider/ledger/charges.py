"""Money: what X charged each account, what a month may cost, and what is still on its way.

A post's charge is written in the transaction of its receipt, from the attempt that sent it, so that it counts once
whoever learns that the post is on X. Until that is known either way the attempt's charge counts as spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import pendulum
from pendulum import DateTime
from sqlalchemy import Connection, bindparam, func, literal, select, union

from x_provider.ledger import tables as t
from x_provider.ledger.database import Database
from x_provider.ledger.records import Cost, Held, Receipt
from x_provider.ledger.schema import insert_in
from x_provider.ledger.states import UNDER_WAY
from x_provider.ledger.types import Instant, Usd
from x_provider.prices import dollars

NEARLY = Decimal("0.8")
"""The share of its budget from which on an account's month is warned of, once."""
OVER_BUDGET = "over_budget"

_NOTHING = Decimal(0)
_CHEAPEST = Decimal("0.001")


@dataclass(frozen=True)
class Month:
    """One account's month in money (US dollars).

    :param name: such as ``2026-12``, UTC.
    :param spent: what X has charged for, as far as the ledger knows.
    :param on_its_way: what the posts cost that are being sent, or may be on X without anybody knowing.
    :param budget: what the month may cost; None where nobody has set a limit.
    :param warned: whether it was said already that the budget is nearly used up.
    """

    account: str
    name: str
    spent: Decimal = _NOTHING
    on_its_way: Decimal = _NOTHING
    budget: Decimal | None = None
    warned: bool = False

    @property
    def used(self) -> Decimal:
        """What cannot be spent again."""
        return self.spent + self.on_its_way

    @property
    def share(self) -> Decimal | None:
        """How much of the budget is used, 1 for all of it; None without one."""
        if self.budget is None:
            return None
        return self.used / self.budget if self.budget else Decimal(1)

    @property
    def used_up(self) -> bool:
        """Whether not even the cheapest thing can be paid any more."""
        return self.budget is not None and not self.allows(_CHEAPEST)

    @property
    def ends_at(self) -> DateTime:
        """When the next month begins, with a budget of its own."""
        return pendulum.datetime(int(self.name[:4]), int(self.name[5:]), 1).add(months=1)

    def allows(self, usd: Decimal) -> bool:
        """Whether so much more can be spent within the budget."""
        return self.budget is None or not usd or self.used + usd <= self.budget

    def comes_near(self, usd: Decimal) -> bool:
        """Whether so much more makes the budget nearly used up, which has not been said yet."""
        return self.budget is not None and not self.warned and self.used + usd >= NEARLY * self.budget

    def __str__(self) -> str:
        way = f" and {dollars(self.on_its_way)} on its way" if self.on_its_way else ""
        of = f" of its budget of {dollars(self.budget)}" if self.budget is not None else ""
        return f"account {self.account} has spent {dollars(self.spent)}{way} in {self.name}{of}"

    def held(self, usd: Decimal) -> Held:
        """Why so much more cannot be spent, and until when."""
        raised = f"`airflow x budget {self.account} --set USD` raises it"
        why = (
            f"{self}, and this would cost {dollars(usd)}; {raised}, and a new month begins at {self.ends_at}"
        )
        return Held(OVER_BUDGET, why, self.ends_at)

    def warning(self) -> str:
        """That the budget is nearly used up, in words."""
        share = round((self.share or 0) * 100)
        return (
            f"{self} ({share} %). At 100 % nothing of it that costs money leaves any more;"
            f" `airflow x budget {self.account} --set USD` raises it"
        )


class Charges:
    """What each account has cost, and may cost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, account: str, cost: Cost, *, what: str, at: DateTime, resources: Sequence[str] = ()
    ) -> Month | None:
        """X has charged for an answer that is no post's receipt.

        :param what: the kind of call.
        :param resources: what was read, one a unit: what the account has paid for that day already is not charged
            again. X says the same, and that it may fail to notice.
        :returns: the month, where with this its budget is nearly used up and nobody has said so yet.
        """
        month = month_of(at)
        row = {"account": account, "month": month, "at": at, "what": what, "part_id": None}
        with self._database.write() as connection:
            if resources:
                new = _read_first(connection, account, resources, at)
                if not new:
                    return None
                cost = Cost(cost.kind, cost.usd / len(resources) * new, new)
            # Budget before spending, as an attempt takes them, or the two could wait for each other.
            before = hold_month(connection, account, now=at)
            connection.execute(
                t.charges.insert(), {**row, "kind": cost.kind, "units": cost.units, "usd": cost.usd}
            )
            connection.execute(
                _spend(connection.dialect.name), {"account": account, "month": month, "usd": cost.usd}
            )
            if before is None or not before.comes_near(cost.usd):
                return None
            warn(connection, before)
            return replace(before, spent=before.spent + cost.usd)

    def month(self, account: str, *, now: DateTime, name: str | None = None) -> Month:
        """A month of the account: the present one, unless another is named (``2026-11``).

        What is on its way is of the present one.
        """
        with self._database.read() as connection:
            budget = connection.execute(_BUDGET, {"account": account}).scalar_one_or_none()
            month = _month(connection, account, name or month_of(now), budget)
        return month if month.name == month_of(now) else replace(month, on_its_way=_NOTHING)

    def held(self, account: str, usd: Decimal, *, now: DateTime) -> Held | None:
        """Why the account may not spend so much more this month; None where it may."""
        month = self.month(account, now=now)
        return None if month.allows(usd) else month.held(usd)

    def by_kind(self, account: str, month: str) -> list[Cost]:
        """What a month of an account cost, by kind, the dearest first.

        :param month: such as ``2026-12``.
        """
        total = func.sum(t.charges.c.usd)
        query = (
            select(t.charges.c.kind, func.sum(t.charges.c.units).label("units"), total.label("usd"))
            .where(t.charges.c.account == account, t.charges.c.month == month)
            .group_by(t.charges.c.kind)
            .order_by(total.desc(), t.charges.c.kind)
        )
        with self._database.read() as connection:
            return [Cost(row.kind, row.usd, int(row.units)) for row in connection.execute(query)]

    def units_since(self, kinds: Sequence[str], since: DateTime) -> dict[str, int]:
        """How many units of these kinds all accounts together were charged for, by UTC day (``2026-12-01``)."""
        query = select(t.charges.c.at, t.charges.c.units).where(
            t.charges.c.kind.in_(kinds), t.charges.c.at >= since, t.charges.c.month >= month_of(since)
        )
        days: dict[str, int] = {}
        with self._database.read() as connection:
            for at, units in connection.execute(query):
                day = at.to_date_string()
                days[day] = days.get(day, 0) + units
        return days

    def accounts(self) -> list[str]:
        """Every account that has a budget or was ever charged."""
        query = union(select(t.spending.c.account), select(t.budgets.c.account))
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def near_their_budgets(self, *, now: DateTime) -> list[Month]:
        """The present months of which the budget is nearly used up, or wholly."""
        with self._database.read() as connection:
            accounts = (
                connection.execute(select(t.budgets.c.account).order_by(t.budgets.c.account)).scalars().all()
            )
        months = [self.month(account, now=now) for account in accounts]
        return [month for month in months if month.share is not None and month.share >= NEARLY]

    def set_budget(self, account: str, monthly: Decimal, *, by: str, now: DateTime) -> None:
        """Limit what each month of the account may cost; a new limit is warned of anew.

        :param monthly: US dollars, 0 or more.
        :raises ValueError: for anything else.
        """
        if not monthly.is_finite() or monthly < 0 or monthly != round(monthly, 6):
            raise ValueError(f"a budget is 0 US dollars or more, in millionths at the finest, not {monthly}")
        row = {"account": account, "monthly": monthly, "set_by": by, "set_at": now}
        with self._database.write() as connection:
            insert = insert_in(connection.dialect.name)(t.budgets).values(row)
            connection.execute(insert.on_conflict_do_update(index_elements=[t.budgets.c.account], set_=row))
            of_account = t.spending.c.account == account
            connection.execute(t.spending.update().where(of_account).values(warned=False))

    def remove_budget(self, account: str) -> bool:
        """Let the account spend without a limit; False when it had none."""
        with self._database.write() as connection:
            mine = t.budgets.c.account == account
            return connection.execute(t.budgets.delete().where(mine)).rowcount == 1


def month_of(at: DateTime) -> str:
    """The month that an instant is charged in, such as ``2026-12``: UTC, as X's days are."""
    return at.in_timezone("UTC").format("YYYY-MM")


def hold_month(connection: Connection, account: str, *, now: DateTime) -> Month | None:
    """The account's month, its budget held until the transaction ends: nobody else spends of it meanwhile.

    None where the account has no budget, so that no more than one row is looked for.
    """
    budget = connection.execute(_HOLD_BUDGET, {"account": account}).scalar_one_or_none()
    return None if budget is None else _month(connection, account, month_of(now), budget)


def warn(connection: Connection, month: Month) -> None:
    """It is said now that the month's budget is nearly used up."""
    row = {"account": month.account, "month": month.name, "usd": _NOTHING, "warned": True}
    insert = insert_in(connection.dialect.name)(t.spending).values(row)
    key = [t.spending.c.account, t.spending.c.month]
    connection.execute(insert.on_conflict_do_update(index_elements=key, set_={"warned": True}))


def charge_part(connection: Connection, attempt_id: int | None, *, account: str, receipt: Receipt) -> None:
    """The attempt's part is on X: what that cost becomes a charge, in the transaction of the receipt."""
    values = {
        "account": account,
        "month": month_of(receipt.posted_at),
        "at": receipt.posted_at,
        "what": receipt.x_id,
        "attempt": attempt_id,
    }
    if connection.execute(_CHARGE, values).rowcount:
        connection.execute(_spend_on_attempt(connection.dialect.name), values)


def _read_first(connection: Connection, account: str, resources: Sequence[str], at: DateTime) -> int:
    """How many of these the account reads for the first time that day (UTC)."""
    day = at.in_timezone("UTC")
    yesterday = t.reads.c.account == account, t.reads.c.day < day.subtract(days=1).to_date_string()
    connection.execute(t.reads.delete().where(*yesterday))
    rows = [
        {"account": account, "day": day.to_date_string(), "what": each} for each in sorted(set(resources))
    ]
    insert = insert_in(connection.dialect.name)(t.reads).values(rows).on_conflict_do_nothing()
    return len(connection.execute(insert.returning(t.reads.c.what)).all())


def _month(connection: Connection, account: str, month: str, budget: Decimal | None) -> Month:
    # One statement, one view: a post that becomes posted meanwhile is on its way or spent, never neither.
    row = connection.execute(_USED, {"account": account, "month": month}).one()
    return Month(account, month, row.spent or _NOTHING, row.on_its_way or _NOTHING, budget, bool(row.warned))


_BUDGET = select(t.budgets.c.monthly).where(t.budgets.c.account == bindparam("account"))
_HOLD_BUDGET = _BUDGET.with_for_update()
_this_month = t.spending.c.account == bindparam("account"), t.spending.c.month == bindparam("month")
_USED = select(
    select(t.spending.c.usd).where(*_this_month).scalar_subquery().label("spent"),
    select(t.spending.c.warned).where(*_this_month).scalar_subquery().label("warned"),
    select(func.sum(t.attempts.c.charge_usd))
    .join_from(t.parts, t.posts, t.posts.c.id == t.parts.c.post_id)
    .join(t.attempts, t.attempts.c.id == t.parts.c.attempt_id)
    .where(
        t.UNSETTLED,
        t.parts.c.state.in_([state.value for state in UNDER_WAY]),
        t.posts.c.account == bindparam("account"),
    )
    .scalar_subquery()
    .label("on_its_way"),
)
_of_attempt = t.attempts.c.id == bindparam("attempt"), t.attempts.c.charge_kind.is_not(None)
_CHARGE = t.charges.insert().from_select(
    ["account", "month", "at", "kind", "units", "usd", "what", "part_id"],
    select(
        bindparam("account", type_=t.charges.c.account.type),
        bindparam("month", type_=t.charges.c.month.type),
        bindparam("at", type_=Instant()),
        t.attempts.c.charge_kind,
        literal(1),
        t.attempts.c.charge_usd,
        bindparam("what", type_=t.charges.c.what.type),
        t.attempts.c.part_id,
    ).where(*_of_attempt),
)


@cache
def _spend(dialect: str) -> Any:
    """The statement that adds to a month's sum."""
    statement = insert_in(dialect)(t.spending).values(
        account=bindparam("account"),
        month=bindparam("month"),
        usd=bindparam("usd", type_=Usd()),
        warned=False,
    )
    return _adding(statement)


@cache
def _spend_on_attempt(dialect: str) -> Any:
    """The same for what an attempt costs."""
    spent = select(
        bindparam("account", type_=t.spending.c.account.type),
        bindparam("month", type_=t.spending.c.month.type),
        t.attempts.c.charge_usd,
        literal(False),
    ).where(*_of_attempt)
    return _adding(insert_in(dialect)(t.spending).from_select(["account", "month", "usd", "warned"], spent))


def _adding(statement: Any) -> Any:
    return statement.on_conflict_do_update(
        index_elements=[t.spending.c.account, t.spending.c.month],
        set_={"usd": t.spending.c.usd + statement.excluded.usd},
    )
