"""The tables about accounts: who they are on X, their tokens, logins under way, and what X tells about them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text, UniqueConstraint

from x_provider.ledger.schema import Key, metadata
from x_provider.ledger.types import Instant

accounts = Table(
    "x_accounts",
    metadata,
    Column("account", String(250), primary_key=True, comment="Airflow connection id"),
    Column("base_url", String(500), nullable=False),
    Column("user_id", String(19), nullable=False),
    Column("username", String(50), nullable=False),
    Column("credentials", String(64), nullable=False, comment="fingerprint of those that proved it"),
    Column("seen_at", Instant, nullable=False),
    Column("name", String(100), comment="as the user shows it; NULL while X has not said"),
    Column("picture_url", String(500)),
)

tokens = Table(
    "x_tokens",
    metadata,
    Column("account", String(250), primary_key=True, comment="Airflow connection id"),
    Column("base_url", String(500), nullable=False),
    Column("client_id", String(250), nullable=False),
    Column("user_id", String(19), comment="whose they are; NULL while X has not said"),
    Column("username", String(50)),
    Column("name", String(100)),
    Column("picture_url", String(500)),
    Column("scopes", String(1000), nullable=False, comment="what was granted, separated by blanks"),
    Column("sealed", Text, nullable=False, comment="the tokens, encrypted"),
    Column("expires_at", Instant, nullable=False, comment="when the access token ends"),
    Column("version", Integer, nullable=False, comment="grows with each new pair"),
    Column("state", String(20), nullable=False, comment="good, or needs_login"),
    Column("why", Text, comment="why a login is needed"),
    Column("obtained_at", Instant, nullable=False),
    Column("logged_in_at", Instant, nullable=False),
    Column("logged_in_by", String(250), nullable=False),
    Column("refreshing_by", String(250), comment="who is refreshing them; its request may have left"),
    Column("refreshing_until", Instant, comment="after it, that one counts as dead"),
    Column("retry_at", Instant, comment="after an outage: not before"),
    Column("failures", Integer, nullable=False, comment="refreshes in a row that X did not answer"),
    Column(
        "seeds",
        String(1000),
        nullable=False,
        comment="fingerprints of the connection's refresh tokens that were taken up, newest first",
    ),
)

user_keys = Table(
    "x_user_keys",
    metadata,
    Column("account", String(250), primary_key=True, comment="Airflow connection id"),
    Column("base_url", String(500), nullable=False),
    Column("app", String(64), nullable=False, comment="fingerprint of the app's API key"),
    Column("user_id", String(19), nullable=False),
    Column("username", String(50), nullable=False),
    Column("name", String(100)),
    Column("picture_url", String(500)),
    Column("credentials", String(64), nullable=False, comment="fingerprint of the keys"),
    Column("sealed", Text, nullable=False, comment="the OAuth 1.0a keys, encrypted"),
    Column("logged_in_at", Instant, nullable=False),
    Column("logged_in_by", String(250), nullable=False),
)

logouts = Table(
    "x_logouts",
    metadata,
    Column("account", String(250), primary_key=True, comment="Airflow connection id"),
    Column("at", Instant, nullable=False, comment="when it was logged out last"),
    Column(
        "seeds",
        String(1000),
        nullable=False,
        comment="fingerprints of refresh tokens that its connection held until then, newest first",
    ),
)

refusals = Table(
    "x_refusals",
    metadata,
    Column("account", String(250), primary_key=True, comment="Airflow connection id"),
    Column("credentials", String(64), nullable=False, comment="digest of those that X did not take"),
    Column("since", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("why", Text, nullable=False),
)

notices = Table(
    "x_notices",
    metadata,
    Column("account", String(250), primary_key=True, comment="Airflow connection id"),
    Column("told", Text, nullable=False, comment="which need of the account was told last"),
)

logins = Table(
    "x_logins",
    metadata,
    Column("state_hash", String(64), primary_key=True),
    Column("account", String(250), nullable=False),
    Column("scheme", String(10), nullable=False, comment="oauth1 or oauth2"),
    Column(
        "started_by", String(250), nullable=False, comment="the Airflow user, or who sits at the terminal"
    ),
    Column("sealed", Text, nullable=False, comment="the secret half of it, encrypted"),
    Column("redirect_uri", String(1000), nullable=False),
    Column("scopes", String(1000), nullable=False),
    Column("expected_user_id", String(19), comment="who has to log in; NULL for whoever does"),
    Column("started_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index("ix_x_logins_expires_at", "expires_at"),
)

events = Table(
    "x_events",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("event_key", String(100), nullable=False, comment="the same for every delivery of one event"),
    Column("app", String(250), nullable=False, comment="the connection whose app X told"),
    Column("body", Text, nullable=False, comment="as it came"),
    Column("received_at", Instant, nullable=False),
    Column("wake_at", Instant, comment="when it is to be handled; NULL once it is"),
    Column("tries", Integer, nullable=False),
    Column("handled_at", Instant),
    Column("outcome", String(20), comment="handled, ignored or failed"),
    Column("why", Text),
    UniqueConstraint("event_key"),
    Index("ix_x_events_wake_at", "wake_at"),
)

engagement = Table(
    "x_engagement",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=True),
    Column("kind", String(10), nullable=False, comment="reply, quote, repost or mention"),
    Column("account", String(250), nullable=False, comment="the connection it happened to"),
    Column("x_id", String(19), comment="the account's post it happened to; NULL for a mention"),
    Column("by_x_id", String(19), nullable=False, comment="the post that did it"),
    Column("by_user_id", String(19), nullable=False),
    Column("by_username", String(50)),
    Column("text", Text),
    Column("at", Instant, nullable=False),
    UniqueConstraint("kind", "account", "by_x_id"),
    Index("ix_x_engagement_x_id", "x_id"),
    Index("ix_x_engagement_account_at", "account", "at"),
)
