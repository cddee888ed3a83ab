"""What the environment adds to a connection, and what it must not."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from x_provider.hooks.credentials import credentials_of, secrets_of
from x_provider.hooks.environment import apps_keys, user_id, users_keys
from x_provider.hooks.fields import fields_of
from x_provider.hooks.problems import NotLoggedInError, XConnectionError

USER = {"ACCESS_TOKEN": "env-token", "ACCESS_TOKEN_SECRET": "env-token-secret"}
APP = {"API_KEY": "env-key", "API_SECRET": "env-key-secret"}
CLIENT = {"CLIENT_ID": "env-app", "CLIENT_SECRET": "env-app-secret"}


@pytest.fixture(autouse=True)
def an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for prefix in ("X_", "TWITTER_"):
        for name in (*USER, *APP, *CLIENT, "CONSUMER_SECRET"):
            monkeypatch.delenv(prefix + name, raising=False)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch):
    def environment(*parts: dict[str, str], prefix: str = "X_") -> None:
        for name, value in ((name, value) for part in parts for name, value in part.items()):
            monkeypatch.setenv(prefix + name, value)

    return environment


def connection(**fields: str) -> Connection:
    standard = {name: fields.pop(name) for name in ("host", "login", "password") if name in fields}
    return Connection(conn_id="x_brand", conn_type="x", extra=json.dumps(fields), **standard)


@pytest.mark.parametrize("prefix", ["X_", "TWITTER_"])
def test_a_connection_that_holds_nothing_takes_all_four_keys(environment, prefix: str) -> None:
    environment(USER, APP, prefix=prefix)
    found = credentials_of(connection())
    assert (found.kind, found.values) == (
        "oauth1",
        ("env-key", "env-key-secret", "env-token", "env-token-secret"),
    )


def test_the_connections_own_values_win(environment) -> None:
    environment(USER, APP, CLIENT)
    own = {"login": "own", "password": "s", "access_token": "t", "access_token_secret": "ts"}
    assert credentials_of(connection(**own)).values == ("own", "s", "t", "ts")
    assert fields_of(connection(client_id="own", client_secret="s"))["client_secret"] == "s"


def test_x_comes_before_twitter(environment) -> None:
    environment(CLIENT)
    environment({"CLIENT_ID": "older", "CLIENT_SECRET": "older-secret"}, prefix="TWITTER_")
    assert apps_keys({})["client_id"] == "env-app"


def test_the_consumer_secret_is_the_api_secret(environment) -> None:
    environment({"API_KEY": "env-key", "CONSUMER_SECRET": "same"})
    assert apps_keys({}) == {"api_key": "env-key", "api_key_secret": "same"}
    environment({"API_SECRET": "env-key-secret"})
    assert apps_keys({})["api_key_secret"] == "env-key-secret"


def test_a_secret_is_not_put_beside_another_key(environment) -> None:
    environment(CLIENT)
    assert apps_keys({"client_id": "another-app"}) == {}
    assert apps_keys({"client_id": "env-app"}) == {"client_secret": "env-app-secret"}


def test_a_secret_alone_is_for_the_connections_key(environment) -> None:
    environment({"CLIENT_SECRET": "env-app-secret"})
    assert apps_keys({"client_id": "own-app"}) == {"client_secret": "env-app-secret"}
    assert apps_keys({}) == {}


@pytest.mark.parametrize("half", [{"access_token": "own"}, {"access_token_secret": "own"}])
def test_half_a_pair_of_the_connection_is_not_completed(environment, half: dict[str, str]) -> None:
    environment(USER, APP)
    with pytest.raises(XConnectionError, match="incomplete"):
        credentials_of(connection(**half))


def test_half_a_pair_of_one_source_is_not_completed_from_another(environment) -> None:
    environment({"ACCESS_TOKEN": "one"})
    environment({"ACCESS_TOKEN_SECRET": "two"}, prefix="TWITTER_")
    assert users_keys() == {}
    environment(USER, prefix="TWITTER_")
    assert users_keys() == {"access_token": "env-token", "access_token_secret": "env-token-secret"}


@pytest.mark.parametrize(
    ("x", "twitter", "names"),
    [
        ({"API_KEY": "k"}, {"API_SECRET": "s"}, "X_API_KEY and TWITTER_API_SECRET"),
        ({"CONSUMER_SECRET": "s"}, {"API_KEY": "k"}, "TWITTER_API_KEY and X_CONSUMER_SECRET"),
        (
            {**APP, "ACCESS_TOKEN": "t"},
            {"ACCESS_TOKEN_SECRET": "s"},
            "X_ACCESS_TOKEN and TWITTER_ACCESS_TOKEN_SECRET",
        ),
    ],
)
def test_a_pair_that_begins_differently_is_named(environment, x, twitter, names: str) -> None:
    environment(x)
    environment(twitter, prefix="TWITTER_")
    with pytest.raises(
        XConnectionError, match=f"; {names} of the environment are no pair: both begin with X_"
    ):
        credentials_of(connection())
    with pytest.raises(XConnectionError) as elsewhere:
        credentials_of(connection(host="https://collector.example"))
    assert "no pair" not in str(elsewhere.value)
    environment(USER, APP, prefix="TWITTER_")
    environment(USER, APP)
    assert credentials_of(connection()).kind == "oauth1"


def test_an_account_that_takes_no_user_of_the_environment_is_not_told_of_one(environment) -> None:
    environment({**APP, "ACCESS_TOKEN": "t"})
    environment({"ACCESS_TOKEN_SECRET": "s"}, prefix="TWITTER_")
    with pytest.raises(NotLoggedInError) as waits:
        credentials_of(connection(user_id="12"))
    assert "no pair" not in str(waits.value)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"client_id": "an-app"}, "oauth2"),
        ({"client_id": "an-app", "oauth2_refresh_token": "r"}, "oauth2"),
        ({"oauth2_access_token": "t"}, "oauth2"),
        ({"bearer_token": "b"}, "bearer"),
    ],
)
def test_an_account_of_its_own_never_becomes_the_environments_user(
    environment, fields: dict[str, str], kind: str
) -> None:
    environment(USER, APP)
    assert credentials_of(connection(**fields)).kind == kind


def test_asked_for_by_name_it_does(environment) -> None:
    environment(USER, APP)
    assert credentials_of(connection(client_id="an-app", auth="oauth1")).kind == "oauth1"


@pytest.mark.parametrize("who", [{"user_id": "12"}, {"username": "brand"}])
@pytest.mark.parametrize("auth", ["auto", "oauth1"])
def test_a_connection_that_names_its_user_never_becomes_the_environments(
    environment, who: dict[str, str], auth: str
) -> None:
    environment(USER, APP)
    with pytest.raises(NotLoggedInError):
        credentials_of(connection(auth=auth, **who))


@pytest.mark.parametrize("prefix", ["X_", "TWITTER_"])
def test_a_token_says_whose_it_is(environment, prefix: str) -> None:
    assert user_id() is None
    environment(USER, prefix=prefix)
    assert user_id() is None
    environment({**USER, "ACCESS_TOKEN": "1900000000000000001-env"}, prefix=prefix)
    assert user_id() == "1900000000000000001"


@pytest.mark.parametrize(
    ("host", "takes"),
    [
        ("https://api.x.com", True),
        ("http://127.0.0.1:8420", True),
        ("http://localhost:8420", True),
        ("https://collector.example", False),
        ("https://api.x.com.example", False),
    ],
)
def test_the_environments_secrets_go_to_x_and_this_machine_only(environment, host: str, takes: bool) -> None:
    environment(USER, APP, CLIENT)
    assert ("client_secret" in fields_of(connection(host=host))) is takes
    if not takes:
        with pytest.raises(XConnectionError, match="holds no credentials"):
            credentials_of(connection(host=host))


def test_they_are_masked_like_the_connections(environment) -> None:
    environment(USER, APP, CLIENT)
    secrets = {"env-token", "env-token-secret", "env-key", "env-key-secret", "env-app-secret"}
    assert set(secrets_of(connection())) == secrets
