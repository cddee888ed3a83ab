"""Which credentials a connection gives, and what it is told when it gives none."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from x_provider.hooks.account import account_of
from x_provider.hooks.credentials import KeptKeys, KeptLogin, credentials_of, schemes_kept, secrets_of
from x_provider.hooks.problems import NotLoggedInError, XConnectionError

OAUTH1 = {
    "login": "api-key",
    "password": "api-key-secret",
    "access_token": "access-token",
    "access_token_secret": "access-token-secret",
}
ONLY_APP = {"login": "api-key", "password": "api-key-secret"}
OAUTH2 = {"oauth2_access_token": "user-token"}
BEARER = {"bearer_token": "app-token"}
SECRETS = {*OAUTH1.values(), *OAUTH2.values(), *BEARER.values()}


def connection(*parts: dict[str, object], **more: object) -> Connection:
    fields = {name: value for part in (*parts, more) for name, value in part.items()}
    standard = {
        name: fields.pop(name) for name in ("host", "login", "password", "port", "schema") if name in fields
    }
    return Connection(conn_id="x_brand", conn_type="x", extra=json.dumps(fields), **standard)


def refusal(conn: Connection) -> str:
    with pytest.raises(XConnectionError) as caught:
        credentials_of(conn)
    message = str(caught.value)
    assert message.startswith("Connection 'x_brand': ")
    assert not any(secret in message for secret in SECRETS - {"access-token"})
    assert caught.value.next_step
    return message


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((OAUTH1,), "oauth1"),
        ((OAUTH2,), "oauth2"),
        ((BEARER,), "bearer"),
        ((OAUTH1, OAUTH2, BEARER), "oauth1"),
        ((OAUTH2, BEARER), "oauth2"),
        ((OAUTH1, OAUTH2, BEARER, {"auth": "oauth2"}), "oauth2"),
        ((OAUTH1, BEARER, {"auth": "bearer"}), "bearer"),
        ((OAUTH1, {"auth": ""}), "oauth1"),
        ((OAUTH1, {"auth": None, "oauth2_access_token": ""}), "oauth1"),
    ],
)
def test_the_first_complete_set_is_taken_unless_auth_names_another(parts: tuple, kind: str) -> None:
    assert credentials_of(connection(*parts)).kind == kind


def test_the_four_oauth1_keys_come_in_the_order_of_the_client() -> None:
    assert credentials_of(connection(OAUTH1)).values == tuple(OAUTH1.values())


def test_the_app_keys_beside_a_bearer_token_are_no_half_set() -> None:
    app = {"login": "api-key", "password": "api-key-secret"}
    assert credentials_of(connection(app, BEARER)).kind == "bearer"


def test_pasted_keys_lose_the_line_break_around_them() -> None:
    assert credentials_of(connection(OAUTH1, access_token=" access-token\n")).values == tuple(OAUTH1.values())


@pytest.mark.parametrize("missing", list(OAUTH1))
def test_an_incomplete_quadruple_names_the_missing_field(missing: str) -> None:
    rest = {name: value for name, value in OAUTH1.items() if name != missing}
    message = refusal(connection(rest, BEARER))
    assert missing in message
    assert "incomplete" in message
    assert "set the field auth to bearer" in message


def test_an_empty_connection_names_everything_it_needs() -> None:
    message = refusal(connection())
    assert "no credentials. Copy the client id" in message
    assert "`airflow x login x_brand`. Or copy the keys of OAuth 1.0a:" in message
    assert all(name in message for name in ("login", "password", "access_token", "access_token_secret"))


def test_a_login_whose_client_id_is_gone_asks_for_that_and_for_no_token() -> None:
    message = refusal(connection({"auth": "oauth2", "user_id": "7"}))
    assert "it names no client_id" in message
    assert "or set X_CLIENT_ID and X_CLIENT_SECRET" in message
    assert "oauth2_access_token" not in message
    assert "or set the field auth to oauth1, which is complete" in refusal(connection(OAUTH1, auth="oauth2"))


def test_a_refresh_token_alone_is_told_what_is_missing() -> None:
    message = refusal(connection(oauth2_refresh_token="refresh-token"))
    assert "refresh token, but no client_id to use it with" in message


CLIENT = {"client_id": "an-app", "client_secret": "client-secret"}
REFRESH = {"oauth2_refresh_token": "refresh-token"}


@pytest.mark.parametrize(
    ("parts", "has_login", "kept"),
    [
        ((CLIENT, REFRESH), False, KeptLogin("an-app", "client-secret", "refresh-token")),
        (
            (CLIENT, REFRESH, OAUTH2),
            False,
            KeptLogin("an-app", "client-secret", "refresh-token", "user-token"),
        ),
        (({"client_id": "public"}, REFRESH), False, KeptLogin("public", None, "refresh-token")),
        ((CLIENT,), False, KeptLogin("an-app", "client-secret")),
        ((CLIENT,), True, KeptLogin("an-app", "client-secret")),
        ((CLIENT, BEARER), True, KeptLogin("an-app", "client-secret")),
        ((CLIENT, OAUTH2), True, KeptLogin("an-app", "client-secret", None, "user-token")),
        (
            (OAUTH1, CLIENT, REFRESH, {"auth": "oauth2"}),
            False,
            KeptLogin("an-app", "client-secret", "refresh-token"),
        ),
        ((CLIENT, OAUTH2), False, None),
        ((OAUTH2, REFRESH), False, None),
        ((OAUTH2,), False, None),
        ((CLIENT, BEARER), False, None),
        ((OAUTH1, CLIENT, REFRESH), False, None),
        ((OAUTH1, CLIENT), True, None),
    ],
)
def test_a_login_is_kept_where_there_is_a_client_and_something_to_refresh(
    parts: tuple, has_login: bool, kept: KeptLogin | None
) -> None:
    found = credentials_of(connection(*parts), login="oauth2" if has_login else None)
    assert found.kept == kept
    if kept is not None:
        assert (found.kind, found.values) == ("oauth2", ())
        assert "secret" not in repr(found) + repr(kept)
        assert "token" not in repr(found.kept)


@pytest.mark.parametrize(
    ("parts", "schemes"),
    [
        ((CLIENT,), ("oauth2",)),
        ((CLIENT, BEARER), ("oauth2",)),
        ((OAUTH1, CLIENT, {"auth": "oauth2"}), ("oauth2",)),
        ((OAUTH1, CLIENT), ()),
        ((OAUTH2,), ()),
        ((CLIENT, BEARER, {"auth": "bearer"}), ()),
        ((ONLY_APP,), ("oauth1",)),
        ((ONLY_APP, CLIENT), ("oauth1", "oauth2")),
        ((ONLY_APP, CLIENT, {"auth": "oauth1"}), ("oauth1",)),
        ((ONLY_APP, CLIENT, {"auth": "oauth2"}), ("oauth2",)),
        ((ONLY_APP, {"access_token": "half"}), ()),
    ],
)
def test_the_ledger_is_asked_only_where_a_login_would_be_used(parts: tuple, schemes: tuple) -> None:
    assert schemes_kept(connection(*parts)) == schemes


@pytest.mark.parametrize("parts", [(ONLY_APP,), (ONLY_APP, CLIENT), (ONLY_APP, OAUTH2, {"auth": "oauth1"})])
def test_a_login_by_keys_comes_before_a_user_of_the_environment(parts: tuple, monkeypatch) -> None:
    monkeypatch.setenv("X_ACCESS_TOKEN", "of-the-environment")
    monkeypatch.setenv("X_ACCESS_TOKEN_SECRET", "of-the-environment")
    found = credentials_of(connection(*parts), login="oauth1")
    assert (found.kind, found.values, found.kept) == ("oauth1", (), KeptKeys("api-key", "api-key-secret"))
    assert "api-key" not in repr(found)


def test_an_app_without_anything_that_acts_as_the_account_can_be_logged_in() -> None:
    with pytest.raises(NotLoggedInError, match=r"nobody has logged it in yet.*page X > Accounts"):
        credentials_of(connection(ONLY_APP))


def test_an_unknown_auth_lists_the_known_ones() -> None:
    message = refusal(connection(OAUTH1, auth="oauth3"))
    assert "'oauth3'" in message
    assert "auto, oauth1, oauth2, bearer" in message


@pytest.mark.parametrize(
    ("value", "words"),
    [("***", "mask"), ("two words", "space or line break"), ("schlüssel", "character that no X key has")],
)
def test_a_value_that_cannot_be_a_key_is_refused_before_it_is_sent(value: str, words: str) -> None:
    assert words in refusal(connection(OAUTH1, access_token_secret=value))


def test_an_extra_that_is_not_json_says_so() -> None:
    assert "extra is not a JSON object" in refusal(
        Connection(conn_id="x_brand", conn_type="x", extra="{oops")
    )


def test_no_secret_shows_in_a_repr() -> None:
    shown = repr(credentials_of(connection(OAUTH1))) + repr(account_of(connection(OAUTH1)))
    assert not any(secret in shown for secret in SECRETS)


def test_every_secret_is_named_for_masking() -> None:
    conn = connection(OAUTH1, OAUTH2, BEARER, client_secret="client-secret", username="brand")
    assert set(secrets_of(conn)) == SECRETS | {"client-secret"}


@pytest.mark.parametrize(
    ("fields", "url", "on_x"),
    [
        ({}, "https://api.x.com", True),
        ({"host": "https://api.x.com/"}, "https://api.x.com", True),
        ({"host": "api.x.com"}, "https://api.x.com", True),
        ({"host": "http://127.0.0.1:8443"}, "http://127.0.0.1:8443", False),
        ({"host": "http://127.0.0.1", "port": 8443}, "http://127.0.0.1:8443", False),
        ({"host": "https://api.x.com", "port": 443}, "https://api.x.com", True),
        ({"host": "https://api.x.com", "port": 0}, "https://api.x.com", True),
        ({"host": "sandbox", "schema": "http", "port": 8080}, "http://sandbox:8080", False),
        ({"host": "http://[::1]:8443"}, "http://[::1]:8443", False),
        ({"host": "https://proxy.example.com/x/"}, "https://proxy.example.com/x", False),
        ({"host": "https://notx.com"}, "https://notx.com", False),
    ],
)
def test_the_base_url_is_read_from_whatever_form_the_connection_has(
    fields: dict, url: str, on_x: bool
) -> None:
    account = account_of(connection(fields))
    assert (account.base_url, account.is_on_x) == (url, on_x)


def test_a_base_url_survives_the_way_through_a_connection_uri() -> None:
    conn = connection(OAUTH1, host="http://127.0.0.1:8443")
    back = Connection.from_uri(conn.get_uri(), "x_brand")
    assert account_of(back) == account_of(conn)
    assert credentials_of(back) == credentials_of(conn)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("ftp://api.x.com", "not an http"),
        ("https://", "not an http"),
        ("https://api.x.com/2/", "/2 is added"),
        ("https://api.x.com?a=b", "query"),
        ("http://api.x.com", "unencrypted"),
        ("https://key:hidden@api.x.com", "keys do not belong"),
        ("https://api.x.com:https", "port"),
    ],
)
def test_a_base_url_that_cannot_be_one_is_refused(host: str, reason: str) -> None:
    with pytest.raises(XConnectionError, match=reason) as caught:
        account_of(connection(host=host))
    assert "hidden" not in str(caught.value)


def test_who_owns_the_app_is_the_connection_s_to_say() -> None:
    assert account_of(connection(app_owner_id="7")).app_owner_id == "7"
    assert account_of(connection()).app_owner_id is None
    with pytest.raises(XConnectionError, match="field app_owner_id is '@brand'"):
        account_of(connection(app_owner_id="@brand"))


def test_a_user_id_that_is_a_name_is_sent_to_the_right_field() -> None:
    with pytest.raises(XConnectionError, match="field username"):
        account_of(connection(user_id="@brand"))


@pytest.mark.parametrize("name", ["user_id", "app_owner_id"])
def test_a_user_id_has_as_many_digits_as_x_gives_at_most(name: str) -> None:
    longest = "9" * 19
    assert getattr(account_of(connection({name: longest})), name) == longest
    with pytest.raises(XConnectionError, match=rf"field {name} is '9+', .* numbers of up to 19 digits"):
        account_of(connection({name: f"{longest}9"}))


@pytest.mark.parametrize("username", ["brand", "@brand", "@Brand_2", "@exactly_fifteen"])
def test_a_username_may_have_its_at_sign(username: str) -> None:
    assert account_of(connection(username=username)).username == username.removeprefix("@")


@pytest.mark.parametrize(
    "username", ["sixteen_letters_", "@sixteen_letters_", "@", "@@brand", "My Brand", "müller", "a\0b"]
)
def test_a_username_that_x_would_not_give_is_refused_with_what_to_write(username: str) -> None:
    with pytest.raises(
        XConnectionError, match=r"the field username is .* 1 to 15 letters, digits and _"
    ) as said:
        account_of(connection(username=username))
    assert (
        said.value.next_step
        == "Write it as it stands after the @ on X, or leave it empty: a login fills it in"
    )


@pytest.mark.parametrize(
    ("fields", "media_api", "upload_base_url"),
    [
        ({}, "2", "https://upload.twitter.com"),
        ({"media_api": "1.1"}, "1.1", "https://upload.twitter.com"),
        ({"media_api": 1.1, "host": "http://127.0.0.1:8443"}, "1.1", "http://127.0.0.1:8443"),
        ({"media_api": "2", "upload_base_url": "upload.x.com/"}, "2", "https://upload.x.com"),
    ],
)
def test_files_go_by_v2_to_x_itself_unless_the_connection_says_otherwise(
    fields: dict[str, object], media_api: str, upload_base_url: str
) -> None:
    account = account_of(connection(OAUTH1, fields))
    assert (account.media_api, account.upload_base_url) == (media_api, upload_base_url)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"media_api": "3"}, "the field media_api is '3'"),
        ({"upload_base_url": "http://upload.twitter.com"}, "the field upload_base_url.*unencrypted"),
        ({"upload_base_url": "https://upload.twitter.com/1.1"}, "the version /1.1 is added"),
    ],
)
def test_a_media_api_that_cannot_be_one_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(XConnectionError, match=words):
        account_of(connection(OAUTH1, fields))


@pytest.mark.parametrize("parts", [OAUTH2, BEARER])
def test_v11_without_oauth1_keys_is_refused_with_the_ways_out(parts: dict[str, str]) -> None:
    message = refusal(connection(parts, media_api="1.1"))
    assert "takes OAuth 1.0a keys only" in message
    assert "Set media_api to 2, or add" in message


@pytest.mark.parametrize(
    ("parts", "app"),
    [
        ((OAUTH1, BEARER), ()),
        ((BEARER,), ()),
        ((OAUTH2,), ()),
        ((OAUTH2, BEARER, {"login": "api-key", "password": "api-key-secret"}), ("app-token",)),
        ((OAUTH2, {"login": "api-key", "password": "api-key-secret"}), ("api-key", "api-key-secret")),
        ((OAUTH2, {"login": "api-key"}), ()),
    ],
)
def test_a_user_token_brings_the_apps_own_credentials_along(
    parts: tuple[dict[str, str], ...], app: tuple[str, ...]
) -> None:
    assert credentials_of(connection(*parts)).app == app


@pytest.mark.parametrize(
    "host", ["https://user:pa/ss@api.x.com", "ftp://key:secret@api.x.com", "user:secret@api.x.com:x"]
)
def test_keys_in_the_address_are_not_shown_by_the_error_that_refuses_them(host: str) -> None:
    with pytest.raises(XConnectionError, match="keys do not belong into it") as refused:
        account_of(connection(OAUTH1, host=host))
    assert not any(secret in str(refused.value) for secret in ("pa/ss", "secret", "user"))


@pytest.mark.parametrize(
    "host",
    [
        r"https://evil.example\.x.com",
        "https://a; frame-ancestors *; z",
        "https://при.example",
        "https://api.x.com\t.evil.example",
    ],
)
def test_an_address_that_two_programs_may_read_differently_is_refused(host: str) -> None:
    with pytest.raises(XConnectionError, match="characters that no address has"):
        account_of(connection(OAUTH1, host=host))
    with pytest.raises(XConnectionError, match="characters that no address has"):
        account_of(connection(OAUTH1, upload_base_url=host))
