"""Which tests a run leaves to others: those that take minutes, unless the environment asks for them."""

from __future__ import annotations

import os

IS_LONG = bool(os.environ.get("X_TEST_LONG"))
"""Whether this run does all there is, as ``.ci/run`` does."""
REASON = "takes minutes: it runs where X_TEST_LONG=1, as in .ci/run"
