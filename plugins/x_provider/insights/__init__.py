"""Insights: what X says about the posts, night after night."""

from __future__ import annotations

from x_provider.insights.collecting import PRIVATE_METRICS_DAYS, Collected, collect

__all__ = ["PRIVATE_METRICS_DAYS", "Collected", "collect"]
