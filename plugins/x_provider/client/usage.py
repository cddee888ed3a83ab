"""What a project has used of X's API.

https://docs.x.com/x-api/usage/get-usage
"""

from __future__ import annotations

from x_provider.client.models import FromX, Instant, ListOf


class DayOfUsage(FromX):
    """The posts that were read on one day.

    :param date: when the day begins (UTC).
    :param usage: how many; None where X does not say.
    """

    date: Instant
    usage: int | None = None


class ProjectUsage(FromX):
    """A project's days."""

    project_id: str | None = None
    usage: ListOf[DayOfUsage]


class AppUsage(FromX):
    """The days of one of the project's apps."""

    client_app_id: str | None = None
    usage: ListOf[DayOfUsage]


class Usage(FromX):
    """How many posts a project has read, in this period and day by day. Unknown is None, never 0.

    :param project_cap: what the plan allows in a period.
    :param project_usage: what was used of it.
    :param cap_reset_day: when the period begins anew; X does not say whether as a day of the month or as days left.
    """

    project_id: str | None = None
    project_cap: int | None = None
    project_usage: int | None = None
    cap_reset_day: int | None = None
    daily_project_usage: ProjectUsage | None = None
    daily_client_app_usage: ListOf[AppUsage]

    @property
    def days(self) -> list[DayOfUsage]:
        """The project's days, oldest first."""
        of_project = self.daily_project_usage.usage if self.daily_project_usage else []
        return sorted(of_project, key=lambda day: day.date)
