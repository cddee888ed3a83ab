"""Media under Airflow: its settings, its connections, its filesystems."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from airflow.configuration import conf as core_conf
from airflow.sdk.io import attach
from airflow.sdk.io.store import _STORE_CACHE
from fsspec.implementations.memory import MemoryFileSystem

from x_provider.hooks.media import STORES, media_sources
from x_provider.media import FetchSettings, MediaError
from x_provider.provider_info import get_provider_info

OPTIONS = get_provider_info()["config"]["x"]["options"]
KEY = "bucket/campaign/x.png"


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Sets an option of Airflow's section [x]."""

    def set_option(option: str, value: str) -> None:
        assert option in OPTIONS
        monkeypatch.setenv(f"AIRFLOW__X__{option.upper()}", value)

    return set_option


def settings() -> FetchSettings:
    return media_sources()._fetcher.settings


def refusal(source: str) -> MediaError:
    with pytest.raises(MediaError) as caught, media_sources().open(source):
        pass
    return caught.value


class TestSettings:
    def test_without_settings_they_are_those_that_are_documented(self) -> None:
        assert settings() == FetchSettings()
        assert settings().max_bytes == int(OPTIONS["media_max_megabytes"]["default"]) * 1_000_000
        assert settings().total_seconds == int(OPTIONS["media_seconds"]["default"])
        assert settings().hosts == settings().private_hosts == ()

    def test_airflow_lists_them(self) -> None:
        for option, described in OPTIONS.items():
            assert core_conf.get("x", option) == described["default"]

    def test_lists_are_separated_by_commas(self, setting: Callable[[str, str], None]) -> None:
        setting("media_hosts", OPTIONS["media_hosts"]["example"])
        setting("media_private_hosts", " files.corp.example,\n minio.example:9000, ")
        assert settings().hosts == ("cdn.example.org", ".example.com", "images.example.net:8443")
        assert settings().private_hosts == ("files.corp.example", "minio.example:9000")

    def test_a_listed_host_keeps_all_others_out(self, setting: Callable[[str, str], None]) -> None:
        setting("media_hosts", "cdn.example.org")
        assert "is not among the hosts" in refusal("https://other.example.org/x.png").message

    def test_limits(self, setting: Callable[[str, str], None]) -> None:
        setting("media_max_megabytes", "8000")
        setting("media_seconds", "3600")
        assert (settings().max_bytes, settings().total_seconds) == (8_000_000_000, 3600)

    @pytest.mark.parametrize("value", ["", "many", "-1", "0", "1.5", "٣"])
    def test_a_limit_that_is_no_number_is_told(self, setting: Callable[[str, str], None], value: str) -> None:
        setting("media_max_megabytes", value)
        with pytest.raises(MediaError, match=r"\[x\] media_max_megabytes is .* no positive number") as caught:
            media_sources()
        assert "AIRFLOW__X__MEDIA_MAX_MEGABYTES=1000" in caught.value.hint

    def test_a_host_that_is_none_is_told(self, setting: Callable[[str, str], None]) -> None:
        setting("media_private_hosts", "https://files.corp.example/")
        with pytest.raises(MediaError, match="which is no host"):
            media_sources()


class TestObjects:
    """Over Airflow's ObjectStoragePath, with a store in memory."""

    @pytest.fixture(autouse=True)
    def store(self, setting: Callable[[str, str], None]) -> MemoryFileSystem:
        setting("media_stores", "memory, s3, gs, abfs, nothing, webhdfs, ssh")
        memory = MemoryFileSystem()
        memory.pipe_file(f"/{KEY}", b"a picture")
        attach("memory", fs=memory)
        attach("memory", "media_store", fs=memory)
        return memory

    @pytest.fixture
    def connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_MEDIA_STORE", '{"conn_type": "generic"}')

    def test_an_object_is_read(self) -> None:
        with media_sources().open(f"memory://{KEY}") as path:
            assert path.read_bytes() == b"a picture"
            assert path.name == "x.png"
        assert not path.exists()

    def test_an_object_is_read_by_a_connection(self, connection: None) -> None:
        with media_sources().open(f"memory://media_store@{KEY}") as path:
            assert path.read_bytes() == b"a picture"

    def test_a_connection_that_is_missing_is_told(self) -> None:
        error = refusal(f"memory://media_store@{KEY}")
        assert (
            error.message
            == f"memory://media_store@{KEY} needs the connection 'media_store', which is not there"
        )
        assert error.hint == "Add the connection media_store to Airflow, or correct the address"
        assert not error.may_pass

    def test_a_connection_that_is_missing_is_not_asked_for_a_filesystem(self) -> None:
        """Amazon's would be kept as one without a connection, and still be used once there is one."""
        refusal("memory://a_new_store@bucket/x.png")
        assert "memory-a_new_store" not in _STORE_CACHE

    def test_an_object_that_is_missing_is_told(self) -> None:
        error = refusal("memory://bucket/nothing.png")
        assert error.message == "there is no object memory://bucket/nothing.png"
        assert not error.may_pass

    @pytest.mark.parametrize(
        ("trouble", "message", "may_pass"),
        [
            (PermissionError("Access Denied"), f"the object memory://{KEY} may not be read", False),
            (
                ConnectionError("key=secret"),
                f"the object memory://{KEY} cannot be opened (ConnectionError)",
                True,
            ),
        ],
    )
    def test_a_store_that_does_not_open_it_is_told(
        self, store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, trouble, message: str, may_pass: bool
    ) -> None:
        def refuse(*args: object, **options: object) -> None:
            raise trouble

        monkeypatch.setattr(store, "open", refuse)
        error = refusal(f"memory://{KEY}")
        assert error.message == message
        assert error.may_pass is may_pass

    @pytest.mark.parametrize(
        ("scheme", "package"),
        [("s3", "amazon"), ("gs", "google"), ("abfs", "microsoft-azure")],
    )
    def test_a_package_that_is_missing_is_told(self, scheme: str, package: str) -> None:
        if find_spec(f"airflow.providers.{package.split('-', maxsplit=1)[0]}"):
            pytest.skip(f"the provider for {package} is installed")
        error = refusal(f"{scheme}://bucket/x.png")
        assert error.message == (
            f"{scheme}://bucket/x.png cannot be read: Airflow has no filesystem for {scheme}:// here"
        )
        assert f"Install apache-airflow-providers-{package}" in error.hint

    @pytest.mark.parametrize(
        "source", ["nothing://bucket/x.png", "webhdfs://127.0.0.1/x.png", "ssh://127.0.0.1/x"]
    )
    def test_a_scheme_that_airflow_does_not_know_is_told(self, source: str) -> None:
        assert "Airflow has no filesystem for" in refusal(source).message

    @pytest.mark.parametrize(
        "stores",
        [
            "s3",
            "",
            "memory://other@bucket",
            "memory://media_store@buck",
            "memory://media_store@bucket/camp",
            "memory://media_store@bucket/campaign/x.png/y",
        ],
    )
    def test_what_is_in_no_listed_store_is_not_read(
        self, setting: Callable[[str, str], None], connection: None, stores: str
    ) -> None:
        setting("media_stores", stores)
        error = refusal(f"memory://media_store@{KEY}")
        assert f"is in no store that media may come from ({stores or 'none'})" in error.message
        assert "media_stores" in error.hint
        assert not error.may_pass

    @pytest.mark.parametrize(
        "stores",
        ["memory", "Memory", "memory://media_store@bucket", "s3, memory://media_store@bucket/campaign/"],
    )
    def test_what_is_in_a_listed_one_is(
        self, setting: Callable[[str, str], None], connection: None, stores: str
    ) -> None:
        setting("media_stores", stores)
        for scheme in ("memory", "MEMORY"):
            with media_sources().open(f"{scheme}://media_store@{KEY}") as path:
                assert path.read_bytes() == b"a picture"

    @pytest.mark.parametrize(
        "source",
        [
            "memory://media_store@bucket/press/../campaign/x.png",
            "memory://media_store@bucket/press/\t../campaign/x.png",
            "memory://media_store@bucket/press/./x.png",
            "memory://other@media_store@bucket/press/x.png",
            f"memory://{KEY}",
            f"memory://media_store@other/press/{KEY}",
        ],
    )
    def test_no_path_leads_out_of_a_listed_folder(
        self, setting: Callable[[str, str], None], connection: None, source: str
    ) -> None:
        setting("media_stores", "memory://media_store@bucket/press")
        assert "is in no store that media may come from" in refusal(source).message

    @pytest.mark.parametrize("entry", ["s3:/bucket", "s3://", "s3:///", "a bucket", "://b"])
    def test_a_store_that_is_none_is_told(self, setting: Callable[[str, str], None], entry: str) -> None:
        setting("media_stores", entry)
        with pytest.raises(MediaError, match=r"media_stores has .*, which is none"):
            media_sources()

    def test_by_default_it_is_the_clouds_and_nothing_of_one_s_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AIRFLOW__X__MEDIA_STORES")
        assert OPTIONS["media_stores"]["default"] == STORES
        for source in ("memory://bucket/x", "hdfs://namenode/x", "smb://server/x", "zip://x", "ssh://host/x"):
            assert f"({STORES})" in refusal(source).message

    @pytest.mark.parametrize(
        "source", ["github://org:repo@/x.png", "file:///etc/passwd", "memory://x::https://x/"]
    )
    def test_what_else_the_libraries_behind_it_would_open_is_refused(self, source: str) -> None:
        refusal(source)
        with pytest.raises(MediaError):
            media_sources().absolute(source, Path("/srv"))
