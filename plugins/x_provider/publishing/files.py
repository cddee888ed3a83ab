"""A post's files as they were checked when it was planned: opened, compared, fitted where that was asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from x_provider.calendar import MediaSpec, SubtitlesSpec
from x_provider.ledger import Post
from x_provider.media import MediaError, MediaSources, fit, inspect, is_url, sha256_of, shown

_Traits = tuple[int, int, int]


class MediaUnusableError(ValueError):
    """A post's file is gone or not the one that was planned; nothing was sent.

    :param may_pass: whether trying later may help: whoever keeps the file could not be reached.
    """

    def __init__(self, words: str, *, may_pass: bool = False) -> None:
        super().__init__(words)
        self.may_pass = may_pass


@dataclass(frozen=True)
class OpenFile:
    """A file that can be uploaded as it lies there.

    :param media_type: what its bytes are, such as ``video/mp4``.
    """

    path: Path
    media_type: str


class Files:
    """Opens the files of posts.

    :param sources: where they come from; local files and https URLs when left out.
    :param report: told, in words, what was done to a file.
    """

    def __init__(self, sources: MediaSources | None, *, report: Callable[[str], None]) -> None:
        self._sources = sources or MediaSources()
        self._report = report

    @contextmanager
    def open(self, post: Post, spec: MediaSpec | SubtitlesSpec) -> Iterator[OpenFile]:
        """The file, as it was planned; where its entry says so, as X takes it.

        :raises MediaUnusableError: when it is missing, has changed since, changes meanwhile, or cannot be made to
            fit.
        """
        with ExitStack() as opened:
            try:
                path = opened.enter_context(self._sources.open(spec.source))
                as_it_was = _require_unchanged(post, spec, path)
                file = OpenFile(path, spec.media_type)
                if isinstance(spec, MediaSpec) and spec.fit is not None:
                    folder = opened.enter_context(TemporaryDirectory(prefix="x-fit-"))
                    file = self._fitted(spec, path, Path(folder))
                yield file
                if _traits(path) != as_it_was:
                    raise _changed(post, spec)
            except MediaError as error:
                raise _unusable(post, error) from error
            except OSError as error:
                raise _unusable(post, _unreadable(spec, error)) from error

    def _fitted(self, spec: MediaSpec, path: Path, folder: Path) -> OpenFile:
        found, _ = inspect(path, from_url=is_url(spec.source))
        fitted = fit(path, found, premium=spec.fit == "premium", folder=folder)
        if not fitted.done:
            return OpenFile(path, spec.media_type)
        self._report(f"{shown(spec.source)} was made to fit: {'; '.join(fitted.done)}")
        return OpenFile(fitted.path, inspect(fitted.path)[0].media_type)


def _unusable(post: Post, error: MediaError) -> MediaUnusableError:
    return MediaUnusableError(
        f"post {post.name}: {error.message} (looked for on {socket.gethostname()}). {error.hint}, or change its entry"
        f" and apply the calendar; once the post is refused, also run `airflow x resume {post.name}`. It is not sent"
        " without the file.",
        may_pass=error.may_pass,
    )


def _unreadable(spec: MediaSpec | SubtitlesSpec, error: OSError) -> MediaError:
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return MediaError(f"the file {shown(spec.source)} is not there (any more)", "Put it back")
    reason = error.strerror or type(error).__name__
    refused = isinstance(error, PermissionError)
    return MediaError(
        f"the file {shown(spec.source)} cannot be read ({reason})",
        "Let Airflow's user read it" if refused else "Try again later",
        may_pass=not refused,
    )


def _require_unchanged(post: Post, spec: MediaSpec | SubtitlesSpec, path: Path) -> _Traits:
    """What tells the file from one that takes its place, or is written to, while it is used."""
    as_it_was = _traits(path)
    if sha256_of(path) != spec.sha256:
        raise _changed(post, spec)
    return as_it_was


def _traits(path: Path) -> _Traits:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _changed(post: Post, spec: MediaSpec | SubtitlesSpec) -> MediaUnusableError:
    return MediaUnusableError(
        f"post {post.name}: the file {shown(spec.source)} has changed since the calendar was applied. To"
        " publish the new file apply it again, by the button of x_calendar (its hourly runs take over no file of a"
        " planned post that lies elsewhere); the post is not sent with a file that nobody has checked."
    )
