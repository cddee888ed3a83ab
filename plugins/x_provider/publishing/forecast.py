"""What a plan will cost, before any of it is sent: by post, by account and month, against the budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pendulum import DateTime

from x_provider.calendar import FollowUpSpec, PartSpec, Plan, PostSpec
from x_provider.client.prices import charge_of_post, has_url
from x_provider.ledger import Ledger, Month, PartState, month_of
from x_provider.media import shown
from x_provider.prices import (
    INTERACTION_DELETE,
    MEDIA_METADATA,
    POST_CREATE,
    POST_DELETE,
    POST_READ,
    REPOST,
    dollars,
    price_of,
)
from x_provider.text import extract_urls

INSIGHTS_DAYS = 30
"""So many nights DAG x_insights reads a post, and X charges for each."""

_NOTHING = Decimal(0)
_BETWEEN_LOOKS_SECONDS = 3600
"""DAG x_follow_up looks every hour, at what has ended since its last look too."""
_SHOWN_LINKS = 3
_LONGEST_GLANCE = 60


@dataclass(frozen=True)
class PostForecast:
    """What one post will cost, in US dollars.

    :param usd: creating its parts, their alt texts, warnings and subtitles.
    :param without_links: the same, had none of its texts a link.
    :param links: what X sees as links in its texts.
    :param linked: how many of its texts have one.
    :param media_usd: what of it is for alt texts, warnings and subtitles.
    :param follow_ups: what comes on top once it finds its likes.
    :param later: what comes on top at its time, whatever people like.
    :param looking: what reading its likes may cost until then.
    :param insights: what reading its numbers every night will cost.
    """

    id: str
    account: str
    month: str
    usd: Decimal
    without_links: Decimal
    links: tuple[str, ...] = ()
    linked: int = 0
    media_usd: Decimal = _NOTHING
    follow_ups: Decimal = _NOTHING
    later: Decimal = _NOTHING
    looking: Decimal = _NOTHING
    insights: Decimal = _NOTHING

    def __str__(self) -> str:
        words = dollars(self.usd)
        if self.links:
            words += f" instead of {dollars(self.without_links)} because of {self._named_links()}"
        if self.media_usd:
            words += f", {dollars(self.media_usd)} of it for what is said about its media"
        if self.later:
            words += f", and {dollars(self.later)} for what follows it later"
        if self.follow_ups:
            words += f", and {dollars(self.follow_ups)} once it finds its likes"
        if self.looking:
            words += f", up to {dollars(self.looking)} for looking whether it has"
        return words

    def _named_links(self) -> str:
        named = ", ".join(_glance(link) for link in self.links[:_SHOWN_LINKS])
        if len(self.links) > _SHOWN_LINKS:
            named += ", …"
        if self.linked > 1:
            return f"the links in {self.linked} of its parts: {named}"
        return f"its link{'s' if len(self.links) > 1 else ''} {named}"


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
        looking = sum((post.looking for post in self.posts.values()), _NOTHING)
        later = sum((post.later for post in self.posts.values()), _NOTHING)
        perhaps = (
            f"; what follows once posts find their likes: up to {dollars(follow_ups)}" if follow_ups else ""
        )
        if later:
            perhaps = f"; what follows posts later: {dollars(later)}{perhaps}"
        if looking:
            perhaps += f"; what DAG x_follow_up reads to see the likes: up to {dollars(looking)},"
            perhaps += " a read a post and UTC day"
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
    linked = [part for part in post.parts if has_url(part.text)]
    plain = len(post.parts) * price_of(POST_CREATE, at).usd
    return PostForecast(
        id=post.id,
        account=post.account,
        month=month_of(at),
        usd=sum(creates, media_usd),
        without_links=plain + media_usd,
        links=tuple(dict.fromkeys(link for part in linked for link in extract_urls(part.text))),
        linked=len(linked),
        media_usd=media_usd,
        follow_ups=sum((_follow_up_usd(each, post) for each in post.follow_ups if each.likes), _NOTHING),
        later=sum((_follow_up_usd(each, post) for each in post.follow_ups if not each.likes), _NOTHING),
        looking=_looking_usd(post),
        insights=len(post.parts) * INSIGHTS_DAYS * price_of(POST_READ, at).usd,
    )


def _follow_up_usd(follow_up: FollowUpSpec, post: PostSpec) -> Decimal:
    """What is done then costs, at the prices of the post's due time."""
    at, usd = post.due_at, _NOTHING
    if follow_up.repost:
        usd += price_of(REPOST, at).usd
    if follow_up.undo_repost:
        usd += price_of(INTERACTION_DELETE, at).usd
    if follow_up.delete:
        usd += len(post.parts) * price_of(POST_DELETE, at).usd
    if follow_up.part is not None:
        usd += charge_of_post(follow_up.part.text, at).usd + _media_usd(follow_up.part, at)
    return usd


def _looking_usd(post: PostSpec) -> Decimal:
    """What reading the post's likes costs while something waits for them: X bills it once a UTC day."""
    waits = [each.within_seconds for each in post.follow_ups if each.within_seconds is not None]
    if not waits:
        return _NOTHING
    begins_at = post.due_at.in_timezone("UTC")
    ends_at = begins_at.add(seconds=max(waits) + _BETWEEN_LOOKS_SECONDS)
    days = (ends_at.date() - begins_at.date()).days + 1
    return days * price_of(POST_READ, post.due_at).usd


def _glance(link: str) -> str:
    """A link as a line of a plan shows it."""
    link = shown(link)
    return link if len(link) <= _LONGEST_GLANCE else f"{link[: _LONGEST_GLANCE - 1]}…"


def _media_usd(part: PartSpec, at: DateTime) -> Decimal:
    calls = sum(bool(media.alt or media.sensitive) + len(media.subtitles) for media in part.media)
    return calls * price_of(MEDIA_METADATA, at).usd
