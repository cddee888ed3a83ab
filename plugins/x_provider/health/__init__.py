"""Whether everything that publishing needs is in order, and what to do where it is not."""

from x_provider.health.check import Check, State, verdict
from x_provider.health.examining import examine

__all__ = ["Check", "State", "examine", "verdict"]
