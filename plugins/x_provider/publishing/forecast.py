"""What a plan will cost, before any of it is sent: by post, by account and month, against the budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pendulum import DateTime

from x_provider.calendar import PartSpec, Plan, PostSpec
from x_provider.client.prices import (
    MEDIA_METADATA,
    POST_CREATE,
    POST_READ,
    REPOST,
    charge_of_post,
    has_url,
    price_of,
)
from x_provider.ledger import Ledger, Month, PartState, dollars, month_of

INSIGHTS_DAYS = 30
"""So many nights DAG x_insights reads a post, and X charges for each."""

_NOTHING = Decimal(0)


@dataclass(frozen=True)
class PostForecast:
    """What one post will cost, in US dollars.

    :param usd: creating its parts, their alt texts, warnings and subtitles.
    :param without_links: the same, had none of its texts a link.
    :param links: how many of its texts have one.
    :param media_usd: what of it is for alt texts, warnings and subtitles.
    :param follow_ups: what comes on top once it finds its likes.
    :param insights: what reading its numbers every night will cost.
    """

    id: str
    account: str
    month: str
    usd: Decimal
    without_links: Decimal
    links: int = 0
    media_usd: Decimal = _NOTHING
    follow_ups: Decimal = _NOTHING
    insights: Decimal = _NOTHING

    def __str__(self) -> str:
        words = dollars(self.usd)
        if self.links:
            words += f" instead of {dollars(self.without_links)} because of its link{'s' if self.links > 1 else ''}"
        if self.media_usd:
            words += f", {dollars(self.media_usd)} of it for what is said about its media"
        if self.follow_ups:
            words += f", and {dollars(self.follow_ups)} once it finds its likes"
        return words


@dataclass(frozen=True)
class Forecast:
    """What is still to be paid for a plan.

    :param posts: those that are to go out, by the entries' ids.
    :param months: the accounts' months as the ledger has them, for each account and month of these posts.
    """

    posts: Mapping[str, PostForecast]
    months: Mapping[tuple[str, str], Month]

    @property
    def usd(self) -> Decimal:
        """All of it, without insights and what follows only perhaps."""
        return sum((post.usd for post in self.posts.values()), _NOTHING)

    def notes(self) -> dict[str, str]:
        """What each post costs, in words, by its entry's id."""
        return {id: str(post) for id, post in self.posts.items()}

    def lines(self) -> list[str]:
        """One line an account and month, and what they leave out."""
        if not self.posts:
            return []
        lines = [self._month_line(key) for key in sorted(self.months)]
        insights = sum((post.insights for post in self.posts.values()), _NOTHING)
        follow_ups = sum((post.follow_ups for post in self.posts.values()), _NOTHING)
        perhaps = (
            f"; what follows once posts find their likes: up to {dollars(follow_ups)}" if follow_ups else ""
        )
        lines.append(
            f"$ not in it: numbers, about {dollars(insights)} if DAG x_insights reads these posts {INSIGHTS_DAYS}"
            f" nights long{perhaps}; and what is read to find out what became of a post that got no answer. What X"
            " counts as a link is assumed: all that it shortens."
        )
        return lines

    def _month_line(self, key: tuple[str, str]) -> str:
        month = self.months[key]
        posts = [post for post in self.posts.values() if (post.account, post.month) == key]
        usd = sum((post.usd for post in posts), _NOTHING)
        links = sum((post.usd - post.without_links for post in posts), _NOTHING)
        line = f"$ {month.account} {month.name}: {len(posts)} post{'s' if len(posts) > 1 else ''} for {dollars(usd)}"
        if links:
            line += f", {dollars(links)} of it for links"
        if month.used:
            line += f"; {dollars(month.used)} is spent"
        if month.budget is not None:
            line += f"; budget {dollars(month.budget)}"
            over = month.used + usd - month.budget
            if over > 0:
                line += (
                    f": {dollars(over)} TOO LITTLE, so that the last of them would not go out;"
                    f" `airflow x budget {month.account} --set USD` raises it"
                )
        return line


def forecast(plan: Plan, ledger: Ledger, *, now: DateTime) -> Forecast:
    """What the posts of a plan will cost that are still to go out, at the prices of their due times.

    The ledger is asked only for what the accounts have spent and may spend. What is on X, or on its way, or gone from
    the plan, costs nothing more.
    """
    waiting = {id for id in plan.unchanged if plan.known[id].state == PartState.PLANNED.value}
    to_come = {*plan.create, *plan.update, *waiting}
    posts = {post.id: forecast_of(post) for post in plan.calendar.posts if post.id in to_come}
    due = {(post.account, post.month) for post in posts.values()}
    months = {key: ledger.charges.month(key[0], now=now, name=key[1]) for key in due}
    return Forecast(posts, months)


def forecast_of(post: PostSpec) -> PostForecast:
    """What one post will cost."""
    at = post.due_at
    media_usd = sum((_media_usd(part, at) for part in post.parts), _NOTHING)
    creates = [charge_of_post(part.text, at).usd for part in post.parts]
    plain = len(post.parts) * price_of(POST_CREATE, at).usd
    follow_ups = _NOTHING
    for each in post.follow_ups:
        follow_ups += price_of(REPOST, at).usd if each.repost else _NOTHING
        if each.part is not None:
            follow_ups += charge_of_post(each.part.text, at).usd + _media_usd(each.part, at)
    return PostForecast(
        id=post.id,
        account=post.account,
        month=month_of(at),
        usd=sum(creates, media_usd),
        without_links=plain + media_usd,
        links=sum(has_url(part.text) for part in post.parts),
        media_usd=media_usd,
        follow_ups=follow_ups,
        insights=len(post.parts) * INSIGHTS_DAYS * price_of(POST_READ, at).usd,
    )


def _media_usd(part: PartSpec, at: DateTime) -> Decimal:
    calls = sum(bool(media.alt) + bool(media.sensitive) + len(media.subtitles) for media in part.media)
    return calls * price_of(MEDIA_METADATA, at).usd
