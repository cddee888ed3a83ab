"""Airflow hooks: the way from a connection id to X's API and to the ledger."""

from __future__ import annotations

from x_provider.hooks.account import Account
from x_provider.hooks.ledger import LedgerHook
from x_provider.hooks.problems import XConnectionError
from x_provider.hooks.x import XHook

__all__ = ["Account", "LedgerHook", "XConnectionError", "XHook"]
