"""Where media come from under Airflow: the settings of its section [x], and the stores that its connections open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException

from x_provider.hooks.missing import doubt
from x_provider.media import Fetcher, FetchSettings, MediaError, MediaSources, shown

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

_SECTION = "x"
_BLOCK = 8 << 20
_AMAZON = "apache-airflow-providers-amazon[s3fs]"
_AZURE = "apache-airflow-providers-microsoft-azure"
_GOOGLE = "apache-airflow-providers-google"
_PACKAGES = {
    "s3": _AMAZON,
    "s3a": _AMAZON,
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
    "abfs": _AZURE,
    "abfss": _AZURE,
    "adl": _AZURE,
}


STORES = "s3, s3a, gs, gcs, abfs, abfss, adl"
"""What ``media_stores`` is by default."""


class StoreList:
    """The stores that objects may come from, as an administrator lists them.

    A connection of Airflow's opens more than media, and whoever writes a calendar can name any.

    :param entries: ``s3`` for a scheme, ``s3://aws_media@brand`` for a bucket with the connection that opens it,
        ``s3://aws_media@brand/posts`` for what lies in a folder of it.
    :raises MediaError: for an entry that is none of these.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = [self._read(entry) for entry in entries]

    def require(self, source: str) -> None:
        """Check that an object is in one of them.

        :raises MediaError: when it is not.
        """
        scheme, _, address = source.partition("://")
        written = f"{scheme.lower()}://{address}"
        # Some stores walk up a path, and what parses an address drops line breaks first.
        plain = source.isprintable() and not {".", ".."} & set(address.split("/"))
        if plain and any(written.startswith(entry) for entry in self._entries):
            return
        stores = ", ".join(entry.removesuffix("://").removesuffix("/") for entry in self._entries) or "none"
        hint = "Have it added to media_stores in Airflow's configuration, section [x], or use another address"
        raise MediaError(f"{shown(source)} is in no store that media may come from ({stores})", hint)

    @staticmethod
    def _read(entry: str) -> str:
        scheme, separator, address = entry.partition("://")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) or bool(separator) != bool(
            address.strip("/")
        ):
            hint = "Write s3, s3://aws_media@bucket or s3://aws_media@bucket/folder"
            raise MediaError(f"Airflow's option [{_SECTION}] media_stores has {entry!r}, which is none", hint)
        return f"{scheme.lower()}://" + (address.rstrip("/") + "/" if address else "")


def media_sources() -> MediaSources:
    """Files, https URLs, and objects such as ``s3://aws_default@bucket/key``, within the limits of section [x].

    https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html

    :raises MediaError: when a setting cannot be used.
    """
    settings = FetchSettings(
        hosts=_list("media_hosts"),
        private_hosts=_list("media_private_hosts"),
        max_bytes=_number("media_max_megabytes", FetchSettings.max_bytes // 1_000_000) * 1_000_000,
        total_seconds=_number("media_seconds", int(FetchSettings.total_seconds)),
    )
    return MediaSources(Fetcher(settings), partial(_open, StoreList(_list("media_stores", STORES))))


def _list(option: str, default: str = "") -> tuple[str, ...]:
    entries = conf.get(_SECTION, option, fallback=default) or ""
    return tuple(entry.strip() for entry in entries.split(",") if entry.strip())


def _number(option: str, default: int) -> int:
    text = str(conf.get(_SECTION, option, fallback=default)).strip()
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        hint = f"Correct it, such as AIRFLOW__{_SECTION.upper()}__{option.upper()}={default}"
        raise MediaError(
            f"Airflow's option [{_SECTION}] {option} is {text!r}, which is no positive number", hint
        )
    return int(text)


def _open(stores: StoreList, source: str) -> BinaryIO:
    """Open an object for reading.

    :raises MediaError: when it may not or cannot be opened; says which package or connection to add where one is
        missing.
    """
    stores.require(source)
    path: Any = _path(source)  # its open() has no types
    try:
        # Whoever does not say how far to read ahead gets 50 MB at a time from some stores.
        return cast("BinaryIO", path.open("rb", block_size=_BLOCK))
    except (FileNotFoundError, IsADirectoryError):
        hint = "Put it there, or correct the address"
        raise MediaError(f"there is no object {shown(source)}", hint) from None
    except PermissionError:
        hint = f"Give {path.conn_id or 'what Airflow runs as'} the right to read it"
        raise MediaError(f"the object {shown(source)} may not be read", hint) from None
    except Exception as error:  # each store has errors of its own
        hint = f"Try again later; if it persists, look at the connection {path.conn_id or 'of the store'}"
        reason = f"the object {shown(source)} cannot be opened ({type(error).__name__})"
        raise MediaError(reason, hint, may_pass=True) from error


def _path(source: str) -> ObjectStoragePath:
    """The object, its connection and its store there to be used."""
    from airflow.sdk import ObjectStoragePath  # noqa: PLC0415  (what most posts do not need)

    scheme, _, address = source.partition("://")
    scheme, conn_id = scheme.lower(), address.partition("/")[0].rpartition("@")[0]
    if conn_id:
        # Amazon's filesystem would go on without a connection that it does not find, and keep it in mind.
        _require_connection(source, conn_id)
    try:
        path = ObjectStoragePath(source)
    except (ImportError, ValueError):
        raise _without_package(source, scheme) from None
    try:
        path.fs  # noqa: B018  (it is made when it is first asked for)
    except (ImportError, ValueError):
        raise _without_package(source, scheme) from None
    except Exception as error:
        hint = (
            f"Correct the connection {path.conn_id}"
            if path.conn_id
            else "Name a connection before the bucket"
        )
        raise MediaError(f"no store opens for {shown(source)} ({type(error).__name__})", hint) from error
    return path


def _without_package(source: str, scheme: str) -> MediaError:
    package = _PACKAGES.get(scheme)
    hint = (
        f"Install {package} wherever Airflow runs"
        if package
        else "Use s3://, gs:// or abfs://, or an https address"
    )
    return MediaError(f"{shown(source)} cannot be read: Airflow has no filesystem for {scheme}:// here", hint)


def _require_connection(source: str, conn_id: str) -> None:
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        why = doubt(conn_id)
        if why is None:
            hint = f"Add the connection {conn_id} to Airflow, or correct the address"
            raise MediaError(
                f"{shown(source)} needs the connection {conn_id!r}, which is not there", hint
            ) from None
        hint = "Run this again; if it persists, look into the API server's log"
        reason = f"Airflow could not look up the connection {conn_id!r} of {shown(source)} ({why})"
        raise MediaError(reason, hint, may_pass=True) from None
