"""A calendar, a ledger and an X: set up for a scenario, and compared with what was meant at the end of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum
import requests
from sqlalchemy import URL, func, select

from x_provider.calendar import PartSpec
from x_provider.ledger import Ledger, Post
from x_provider.ledger.tables import attempts, charges, metadata, posts, receipts, spending

from crashing import Death, ForkServer, Life  # isort: skip
from drafting import plan_post  # isort: skip
from outages import CutOff, Outage  # isort: skip
from sender import ACCOUNT  # isort: skip

LEAD_SECONDS = 120
MOST_ACCOUNTS = 8


@dataclass(frozen=True)
class Scenario:
    """What is planned, and what goes wrong besides crashes.

    :param posts: each a sequence of parts.
    :param faults: the sandbox's faults.
    :param settings: the sandbox's settings.
    :param accounts: of how many accounts they are, in turn.
    :param due_in: seconds from the planning to the due time.
    :param ends: the state in which every part must be at the end; ``refused`` ones must not be on X.
    :param x_skew: seconds by which X's clock is ahead.
    :param read_timeout: seconds for which the sender waits for X's answer.
    :param patience: seconds after which X has done what it will do of a request that nobody waits for any more.
    """

    name: str
    posts: Sequence[Sequence[PartSpec]]
    faults: Sequence[dict[str, Any]] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    accounts: int = 1
    due_in: float = LEAD_SECONDS
    ends: str = "posted"
    x_skew: float = 0.0
    read_timeout: float = 5.0
    patience: float = 0.0

    def __str__(self) -> str:
        return self.name


@dataclass
class Verdict:
    """Where the world differs from what was meant; all zero when it does not.

    :param early: posts that X created before their due time, by its clock. Only a sender whose clock is ahead may
        do so: clocks of senders must agree within a minute.
    :param struck: how many of the scenario's faults hit a request.
    :param spared: those that never did.
    """

    duplicates: int = 0
    lost: int = 0
    wrong_receipts: int = 0
    wrong_content: int = 0
    early: int = 0
    struck: int = 0
    spared: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.words)


class World:
    """One sandbox and one ledger, used for one scenario after the other.

    :param x: address of a sandbox.
    :param credentials: its credentials file, parsed.
    :param ledger: URL of a database whose rows nobody needs.
    :param outage: what makes the ledger unusable for a while.
    """

    def __init__(
        self,
        x: str,
        credentials: dict[str, Any],
        ledger: URL,
        server: ForkServer,
        *,
        outage: Outage | None = None,
    ) -> None:
        self.x = x
        names = [ACCOUNT, *(f"{ACCOUNT}_{number}" for number in range(1, MOST_ACCOUNTS))]
        self._accounts = dict(zip(names, credentials["accounts"], strict=True))
        self._app = credentials["api_key"], credentials["api_secret"]
        self._ledger = Ledger(ledger)
        self._server = server
        reached = outage.url if isinstance(outage, CutOff) else ledger
        self._senders_ledger = reached.render_as_string(hide_password=False)
        self._outage = outage
        self._http = requests.Session()
        self._scenario = Scenario("nothing", ())
        self._due_at = pendulum.now("UTC")
        self._posts: list[Post] = []
        self._may_be_early = False

    def get_ready(self, *lives: Life) -> None:
        """Do what takes long and is the same for all scenarios."""
        self._server.get_ready(*lives)

    def begin(self, scenario: Scenario) -> None:
        """Empty X and the ledger, and plan the scenario's posts."""
        self._scenario = scenario
        self._server.new_world()
        self._control("reset")
        # X refuses the same text twice within a day: no harness may lean on that to find no duplicates.
        settings = {
            "duplicate_window_seconds": 0.0,
            "clock_ahead_seconds": scenario.x_skew,
            "rate_limits": False,
        }
        self._control("settings", {**settings, **scenario.settings})
        for fault in scenario.faults:
            self._control("faults", fault)
        self._due_at = pendulum.now("UTC").add(seconds=scenario.due_in)
        self._may_be_early = False
        accounts = list(self._accounts)[: scenario.accounts]
        with self._ledger.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self._posts = [
            plan_post(
                self._ledger,
                *parts,
                calendar="faults",
                key=str(number),
                account=accounts[number % len(accounts)],
                due_at=self._due_at,
                lead_seconds=LEAD_SECONDS,
            )
            for number, parts in enumerate(scenario.posts)
        ]
        self._close()

    def run(self, *lives: Life) -> list[Death]:
        """Run some of the system's processes at once, until all have ended."""
        world = {
            "ledger": self._senders_ledger,
            "x": self.x,
            "keys": {
                name: (*self._app, account["access_token"], account["access_token_secret"])
                for name, account in list(self._accounts.items())[: self._scenario.accounts]
            },
            "posts": [
                {"post_id": post.id, "account": post.account, "fire_at": post.due_at.isoformat()}
                for post in self._posts
            ],
            "x_skew": self._scenario.x_skew,
            "read_timeout": self._scenario.read_timeout,
            "patience": self._scenario.patience,
            "outage": self._outage and self._outage.port,
            "lock_timeout": self._outage and self._outage.seconds / 2,
        }
        self._may_be_early |= any(life.skew > 0 for life in lives)
        return self._server.run(world, *lives)

    def under_way(self) -> int:
        """How many parts have an attempt that nobody has written the end of."""
        query = select(func.count()).where(attempts.c.finished_at.is_(None))
        with self._ledger.database.read() as connection:
            return connection.execute(query).scalar_one()

    def verdict(self) -> Verdict:
        """Compare X and the ledger with the plan."""
        verdict = Verdict()
        on_x = {post["id"]: post for post in self._posts_on_x()}
        meant = Counter(part.text for parts in self._scenario.posts for part in parts)
        if self._scenario.ends != "posted":
            meant.clear()
        there = Counter(post["written"] for post in on_x.values())
        for text in meant.keys() | there.keys():
            if there[text] > meant[text]:
                verdict.duplicates += there[text] - meant[text]
                verdict.words.append(f"{text!r} is on X {there[text]} times instead of {meant[text]}")
            if there[text] < meant[text]:
                verdict.lost += meant[text] - there[text]
                verdict.words.append(f"{text!r} is on X {there[text]} times instead of {meant[text]}")
        self._compare_receipts(on_x, verdict)
        self._compare_charges(verdict)
        self._compare_times(on_x, verdict)
        self._count_faults(verdict)
        self._close()
        return verdict

    def _compare_receipts(self, on_x: dict[str, Any], verdict: Verdict) -> None:
        used: set[str] = set()
        for planned in self._ledger.posts.all():
            specs = self._scenario.posts[int(planned.key)]
            account = self._accounts[planned.account]
            parent = None
            for part, spec in zip(planned.parts, specs, strict=True):
                where = f"post {planned.key}, part {part.position + 1}"
                if part.state.value != self._scenario.ends:
                    verdict.lost += 1
                    verdict.words.append(f"{where} is {part.state}: {part.why}")
                    continue
                if part.receipt is None:
                    continue
                x_id = part.receipt.x_id
                post = on_x.get(x_id)
                url = f"{self.x}/{account['username']}/status/{x_id}"
                if post is None or post["written"] != spec.text or x_id in used or part.receipt.url != url:
                    verdict.wrong_receipts += 1
                    verdict.words.append(f"{where} has the receipt {part.receipt}, X has {post}")
                    continue
                used.add(x_id)
                files = [(media["sha256"], media["alt_text"]) for media in post["media"]]
                if (
                    post["in_reply_to"] != parent
                    or files != [(media.sha256, media.alt) for media in spec.media]
                    or (post["poll"] is None) != (spec.poll is None)
                    or post["author_id"] != account["id"]
                ):
                    verdict.wrong_content += 1
                    verdict.words.append(f"{where} is on X as {post}")
                parent = x_id
        with self._ledger.database.read() as connection:
            waiting = (
                connection.execute(select(posts.c.key).where(posts.c.wake_at.is_not(None))).scalars().all()
            )
        if waiting:
            verdict.lost += 1
            verdict.words.append(f"posts {waiting} still wait for somebody")

    def _compare_charges(self, verdict: Verdict) -> None:
        """Each receipt has one charge, and a month's sum is that of its charges, whoever died in between."""
        of_posts = select(charges.c.what, charges.c.part_id).where(charges.c.part_id.is_not(None))
        with self._ledger.database.read() as connection:
            charged = {(row.what, row.part_id) for row in connection.execute(of_posts)}
            kept = {(row.x_id, row.part_id) for row in connection.execute(select(receipts))}
            total = connection.execute(select(func.sum(charges.c.usd))).scalar_one() or 0
            spent = connection.execute(select(func.sum(spending.c.usd))).scalar_one() or 0
        if charged != kept or total != spent:
            verdict.wrong_receipts += 1
            verdict.words.append(f"receipts {kept}, charges {charged}; charged {total}, spent {spent}")

    def _compare_times(self, on_x: dict[str, Any], verdict: Verdict) -> None:
        due_at = self._due_at.set(microsecond=self._due_at.microsecond // 1000 * 1000)  # X's times end there
        for post in on_x.values():
            at = pendulum.parse(post["created_at"]).subtract(seconds=self._scenario.x_skew)
            if at < due_at:
                verdict.early += 1
                if not self._may_be_early:
                    verdict.words.append(
                        f"{post['written']!r} was on X {(due_at - at).total_seconds()} s early"
                    )

    def _count_faults(self, verdict: Verdict) -> None:
        answer = self._http.get(f"{self.x}/_sandbox/faults", timeout=10)
        answer.raise_for_status()
        faults = answer.json()["faults"]
        verdict.spared = [f"{fault['kind']} at {fault['path']}" for fault in faults if not fault["applied"]]
        verdict.struck = len(faults) - len(verdict.spared)

    def close(self) -> None:
        """Let go of X and the ledger."""
        self._http.close()
        self._ledger.database.dispose()

    def _close(self) -> None:
        # Whoever opens the file next must find what the dead left, not what this process keeps open.
        if self._ledger.database.url.get_backend_name() == "sqlite":
            self._ledger.database.dispose()

    def _posts_on_x(self) -> list[dict[str, Any]]:
        answer = self._http.get(f"{self.x}/_sandbox/posts", timeout=10)
        answer.raise_for_status()
        return [post for post in answer.json()["posts"] if not post["deleted"]]

    def _control(self, what: str, words: dict[str, Any] | None = None) -> None:
        answer = self._http.post(f"{self.x}/_sandbox/{what}", json=words, timeout=10)
        assert answer.ok, f"{what} {words}: {answer.text}"
