from __future__ import annotations

import pendulum
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from x_provider.client import CreatePost, XRateLimited, blocked_until, calls, classify, rate_windows
from x_provider.client.limits import RateWindow

NOON = pendulum.datetime(2026, 11, 23, 12)
CREATE = calls.create_post(CreatePost(text="hello"))


def headers(**windows: tuple[int, int, int]) -> dict[str, str]:
    prefixes = {"short": "x-rate-limit", "app": "x-app-limit-24hour", "user": "x-user-limit-24hour"}
    return {
        f"{prefixes[name]}-{part}": str(figure)
        for name, figures in windows.items()
        for part, figure in zip(("limit", "remaining", "reset"), figures, strict=True)
    }


def at(minutes: int) -> int:
    return NOON.add(minutes=minutes).int_timestamp


def reset_of_429(found: dict[str, str]) -> pendulum.DateTime | None:
    error = classify(429, found, b"{}", CREATE)
    assert isinstance(error, XRateLimited)
    return error.reset_at


def test_windows_are_read_from_headers_in_any_case() -> None:
    found = {
        name.title(): value for name, value in headers(short=(100, 3, at(10)), user=(50, 0, at(600))).items()
    }

    assert rate_windows(found) == (
        RateWindow("15-minute", 100, 3, NOON.add(minutes=10)),
        RateWindow("user-24-hour", 50, 0, NOON.add(minutes=600)),
    )


@pytest.mark.parametrize("junk", ["", "soon", "9" * 30])
def test_a_window_with_an_unreadable_figure_is_left_out(junk: str) -> None:
    found = headers(short=(100, 3, at(10))) | {"x-rate-limit-reset": junk}

    assert rate_windows(found) == ()


def test_the_reset_is_the_latest_among_the_exhausted_windows() -> None:
    found = headers(short=(100, 0, at(10)), app=(10_000, 0, at(600)), user=(50, 7, at(1200)))

    assert reset_of_429(found) == NOON.add(minutes=600)


def test_the_short_window_counts_when_only_it_is_exhausted() -> None:
    found = headers(short=(100, 0, at(10)), app=(10_000, 42, at(600)))

    assert reset_of_429(found) == NOON.add(minutes=10)


def test_a_429_whose_windows_admit_nothing_waits_for_the_short_one() -> None:
    assert reset_of_429(headers(short=(100, 5, at(10)))) == NOON.add(minutes=10)


def test_a_429_without_windows_waits_as_long_as_it_asks_or_a_whole_window() -> None:
    date = {"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}

    assert reset_of_429(date | {"Retry-After": "30"}) == NOON.add(seconds=30)
    assert reset_of_429(date) == NOON.add(minutes=15)
    assert reset_of_429({}) is None


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            RateWindow,
            st.sampled_from(["15-minute", "app-24-hour", "user-24-hour"]),
            limit=st.integers(1, 1000),
            remaining=st.integers(0, 2),
            reset_at=st.integers(0, 2000).map(lambda minutes: NOON.add(minutes=minutes)),
        ),
        max_size=3,
    )
)
def test_no_exhausted_window_outlasts_the_wait(windows: list[RateWindow]) -> None:
    until = blocked_until(windows)
    exhausted = [window.reset_at for window in windows if window.exhausted]

    assert (until is None) == (not exhausted)
    assert all(until is not None and reset <= until for reset in exhausted)
