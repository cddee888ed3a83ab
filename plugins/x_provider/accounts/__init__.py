"""Who we are on X: logins, and tokens that are refreshed once by one of many processes."""

from x_provider.accounts.pending import LoggedIn, LoginRefused
from x_provider.accounts.tokens import Seed, TokenKeeper, fingerprint

__all__ = ["LoggedIn", "LoginRefused", "Seed", "TokenKeeper", "fingerprint"]
