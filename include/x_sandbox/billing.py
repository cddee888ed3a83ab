from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from x_sandbox.clock import Clock, iso
from x_sandbox.journal import Event
from x_sandbox.prices import EVENT, POST_READS, price
from x_sandbox.problems import Problem, preset
from x_sandbox.settings import Settings

CHARGES_KEPT = 20_000
ZERO = Decimal(0)


@dataclass(frozen=True)
class Charge:
    """What one successful request costs.

    :param at: epoch seconds.
    :param account: the username behind the request; `app` for the app itself.
    :param operation: "METHOD /path/{template}".
    :param kind: X's name of the price.
    :param units: how many times the price: resources that were read, else 1.
    :param resources: their ids.
    """

    at: float
    account: str
    operation: str
    kind: str
    units: int
    usd: Decimal
    resources: tuple[str, ...] = ()


class Billing:
    """The developer account's money: what was charged, what is left, what may still be spent.

    A resource is charged once per UTC day, whoever reads it and however often.
    """

    def __init__(
        self, clock: Clock, settings: Callable[[], Settings], commit: Callable[[Event], None]
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._commit = commit
        self.clear()

    def clear(self) -> None:
        self._charges: deque[Charge] = deque(maxlen=CHARGES_KEPT)
        self._units: Counter[tuple[str, str]] = Counter()
        self._usd: dict[tuple[str, str], Decimal] = {}
        self._months: dict[str, Decimal] = {}
        self._post_reads: Counter[date] = Counter()
        self._seen: dict[date, set[tuple[str, str]]] = {}
        self._spent = self._spent_before = ZERO

    @property
    def today(self) -> date:
        """The day of the sandbox's clock, in UTC."""
        return _day(self._clock.now())

    def charge(self, account: str, operation: str, kind: str, resources: Sequence[str] | None) -> Charge:
        """Make the charge of a request that is about to succeed, without committing it.

        :param resources: the ids of what is read, or None for a request that is charged as such.
        :raises Problem: 402 or 403 where the money does not suffice.
        """
        new = () if resources is None else tuple(self._unseen(kind, resources))
        units = 1 if resources is None else len(new)
        usd = units * price(kind, self.today)
        self.demand(usd)
        return Charge(self._clock.now(), account, operation, kind, units, usd, new)

    def demand(self, usd: Decimal = ZERO) -> None:
        """Refuse what cannot be paid; without an amount: anything, when nothing is left.

        :raises Problem: 402 without credits, 403 when the month's spend cap is reached.
        """
        settings, left = self._settings(), self._left()
        if left is not None and (left < usd or left <= 0):
            raise preset(settings.credit_problem)
        cap = settings.spend_cap_usd
        if cap is not None and (self._month() >= _decimal(cap) or self._month() + usd > _decimal(cap)):
            raise self._capped()

    def commit(self, charges: Sequence[Charge]) -> None:
        """Bill a request that succeeded."""
        for charge in charges:
            if charge.units:
                self._commit({"what": "charge", "charge": {**asdict(charge), "usd": str(charge.usd)}})

    def charge_event(self, event_type: str) -> None:
        """Bill an event of the X Activity API that was delivered."""
        usd = price(EVENT, self.today)
        self.commit([Charge(self._clock.now(), "app", event_type, EVENT, 1, usd)])

    def apply(self, event: Event) -> None:
        """Bring one event of the journal about."""
        record = event["charge"]
        charge = Charge(**{**record, "usd": Decimal(record["usd"]), "resources": tuple(record["resources"])})
        day = _day(charge.at)
        self._charges.append(charge)
        key = (charge.account, charge.kind)
        self._units[key] += charge.units
        self._usd[key] = self._usd.get(key, ZERO) + charge.usd
        self._months[_month(day)] = self._months.get(_month(day), ZERO) + charge.usd
        self._spent += charge.usd
        if charge.kind in POST_READS:
            self._post_reads[day] += charge.units
        seen = self._seen.setdefault(day, set())
        seen.update((_family(charge.kind), resource) for resource in charge.resources)
        for old in [item for item in self._seen if item < day - timedelta(days=1)]:
            del self._seen[old]

    def top_up(self) -> None:
        """Begin to count against `credits_usd` anew."""
        self._spent_before = self._spent

    def post_reads(self, days: int) -> dict[date, int]:
        """Return how many posts were read on each of the last days, the oldest first."""
        first = self.today - timedelta(days=days - 1)
        return {day: self._post_reads[day] for day in (first + timedelta(days=n) for n in range(days))}

    def post_reads_this_month(self) -> int:
        month = _month(self.today)
        return sum(number for day, number in self._post_reads.items() if _month(day) == month)

    def days_until_reset(self) -> int:
        """Return how many days are left of the month."""
        return (_next_month(self.today) - self.today).days

    def listing(self) -> dict[str, Any]:
        """Return what the controls show: sums by account and kind, and the latest charges, newest first."""
        accounts: dict[str, dict[str, Any]] = {}
        kinds: dict[str, tuple[int, Decimal]] = {}
        for (account, kind), usd in self._usd.items():
            units = self._units[(account, kind)]
            accounts.setdefault(account, {})[kind] = {"units": units, "usd": str(usd)}
            before = kinds.get(kind, (0, ZERO))
            kinds[kind] = (before[0] + units, before[1] + usd)
        left = self._left()
        return {
            "total_usd": str(self._spent),
            "month_usd": str(self._month()),
            "credits_left_usd": None if left is None else str(left),
            "accounts": accounts,
            "kinds": {kind: {"units": units, "usd": str(usd)} for kind, (units, usd) in kinds.items()},
            "charges": [
                {
                    **asdict(charge),
                    "at": iso(charge.at),
                    "usd": str(charge.usd),
                    "resources": list(charge.resources),
                }
                for charge in reversed(self._charges)
            ],
        }

    def _unseen(self, kind: str, resources: Sequence[str]) -> list[str]:
        seen = self._seen.get(self.today, set())
        return [item for item in dict.fromkeys(resources) if (_family(kind), item) not in seen]

    def _left(self) -> Decimal | None:
        credits_usd = self._settings().credits_usd
        return None if credits_usd is None else _decimal(credits_usd) - (self._spent - self._spent_before)

    def _month(self) -> Decimal:
        return self._months.get(_month(self.today), ZERO)

    def _capped(self) -> Problem:
        problem = preset("spend-cap-reached")
        problem.body["reset_date"] = _next_month(self.today).isoformat()
        return problem


def _family(kind: str) -> str:
    return POST_READS[0] if kind in POST_READS else kind


def _decimal(setting: float) -> Decimal:
    return Decimal(str(setting))


def _day(epoch: float) -> date:
    return datetime.fromtimestamp(epoch, tz=timezone.utc).date()


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
