"""Bringing what a calendar names as a file to where it can be read: a path on this machine."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote

from x_provider.media.errors import MediaError
from x_provider.media.fetching import Fetcher
from x_provider.media.urls import shown

OpenObject = Callable[[str], BinaryIO]
"""Opens an object such as ``s3://aws_default@bucket/key`` for reading; raises MediaError where it cannot."""

SCRATCH_PREFIX = "x-provider-media-"
SCRATCH_SECONDS = 86_400
"""So old, a folder with that prefix was left by a process that was killed, and the next download removes it."""

_BLOCK = 1 << 20
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://|(?P<bare>data|file):", re.IGNORECASE)
_MISWRITTEN = re.compile(
    r"https?:(?!//)|(?!(?:data|file):)[a-z][a-z0-9+.-]+:/(?!/)|(?![a-z][a-z0-9+.-]*://).*://",
    re.IGNORECASE | re.DOTALL,
)
"""An address that would be taken for a path. One letter before a colon is a drive's: that is a path."""
_LONGEST_NAME = 100


class MediaSources:
    """Where media come from: files on this machine, https URLs, and objects in a store.

    What is downloaded lies in a folder of its own in the system's temporary folder, readable by this user alone,
    and is removed when it is no longer needed; what a killed process leaves there, the next download after a day
    removes.

    :param fetch: fetches https URLs; its limits of size and time hold for objects, too.
    :param open_object: opens objects; left out, there are none.
    """

    def __init__(self, fetch: Fetcher | None = None, open_object: OpenObject | None = None) -> None:
        self._fetcher = fetch or Fetcher()
        self._open_object = open_object

    def absolute(self, source: str, folder: Path) -> str:
        """The source as it is kept, so that it means the same everywhere; nobody is asked whether it is there.

        Blanks around it are left out, here and where it is opened.

        :param folder: what a path is relative to.
        :raises MediaError: when it can be no source.
        """
        source = source.strip()
        scheme = _scheme(source)
        if scheme is None:
            return str((folder / source).absolute())
        if scheme == "https":
            self._fetcher.require(source)
        else:
            _require_object(source, scheme)
        return source

    @contextmanager
    def open(self, source: str, *, folder: Path | None = None) -> Iterator[Path]:
        """Give a file with the source's bytes for as long as the block lasts.

        A file of this machine is given as it is, there or not. What is downloaded keeps its name's ending.

        :param folder: what a path is relative to; left out, the working folder.
        :raises MediaError: when it cannot be had.
        """
        source = source.strip()
        scheme = _scheme(source)
        if scheme is None:
            yield (folder or Path()) / source
            return
        _remove_leftovers()
        with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX) as scratch:
            path = Path(scratch) / _file_name(source, scheme)
            try:
                if scheme == "https":
                    self._fetcher.fetch(source, path)
                else:
                    self._read_object(source, scheme, path)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                hint = f"Make room in {tempfile.gettempdir()}, or point TMPDIR to another folder"
                raise MediaError(f"{shown(source)} cannot be kept: {reason}", hint, may_pass=True) from None
            yield path

    def _read_object(self, source: str, scheme: str, path: Path) -> None:
        _require_object(source, scheme)
        if self._open_object is None:
            hint = "Use a file or an https address"
            raise MediaError(f"{shown(source)} cannot be read: there is no store for {scheme}:// here", hint)
        settings, size = self._fetcher.settings, 0
        late = time.monotonic() + settings.total_seconds
        with closing(self._open_object(source)) as stored, path.open("xb") as file:
            while block := _read(stored, source):
                size += len(block)
                if size > settings.max_bytes:
                    hint = "Make it smaller, or raise media_max_megabytes in Airflow's configuration, section [x]"
                    raise MediaError(f"{shown(source)} is larger than {settings.max_bytes / 1e6:g} MB", hint)
                if time.monotonic() > late:
                    hint = "Try again later, or raise media_seconds in Airflow's configuration, section [x]"
                    raise MediaError(
                        f"{shown(source)} took longer than {settings.total_seconds:g} s", hint, may_pass=True
                    )
                file.write(block)
        if size == 0:
            raise MediaError(f"{shown(source)} is empty", "Save it there again")


def _read(stored: BinaryIO, source: str) -> bytes:
    try:
        return stored.read(_BLOCK)
    except Exception as error:  # each store has errors of its own
        reason = f"{shown(source)} cannot be read to its end ({type(error).__name__})"
        raise MediaError(reason, "Try again later", may_pass=True) from error


def _scheme(source: str) -> str | None:
    """The scheme in lower case; None for a path.

    :raises MediaError: for what is nearly an address.
    """
    if _MISWRITTEN.match(source):
        hint = "Begin an address with https:// or s3://, and a path that has :/ in it with ./"
        raise MediaError(f"{shown(source)} is neither an address nor a path", hint)
    found = _SCHEME.match(source)
    return (found["scheme"] or found["bare"]).lower() if found is not None else None


def _require_object(source: str, scheme: str) -> None:
    if scheme == "http":
        raise MediaError(
            f"{shown(source)} can be read and changed on its way",
            "Write https://, or save the file and use its path",
        )
    if scheme in ("file", "local"):
        path = source.partition(":")[2].removeprefix("//")
        raise MediaError(f"{shown(source)} is a path written as a URL", f"Write {path or 'the path'} alone")
    if scheme in ("data", "ftp", "sftp", "gopher"):
        raise MediaError(
            f"a source cannot be {scheme}:", "Save the file, and use its path or an https address"
        )
    bucket = source.partition("://")[2].partition("/")[0]
    if ":" in bucket.rpartition("@")[0]:
        hint = f"Put the keys into an Airflow connection, and write {scheme}://connection@bucket/key"
        raise MediaError(f"{shown(source)} has keys in it", hint)
    if "::" in source:
        # The libraries behind ObjectStoragePath would read it as one address inside another.
        raise MediaError(f"{shown(source)} has :: in it", "Rename the object")


def _file_name(source: str, scheme: str) -> str:
    path = source.partition("://")[2]
    if scheme == "https":
        path = unquote(path.partition("#")[0].partition("?")[0])
    name = re.sub(r"[^A-Za-z0-9._-]", "_", PurePosixPath(path.partition("/")[2]).name)
    return name[-_LONGEST_NAME:].lstrip(".-") or "media"


def _remove_leftovers() -> None:
    now = time.time()
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*"):
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode) and now - status.st_mtime > SCRATCH_SECONDS:
                shutil.rmtree(path)
