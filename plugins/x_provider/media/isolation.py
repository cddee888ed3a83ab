"""Decoding apart from the process that asks for it: whatever a file does to a decoder, a worker lives on.

A file from the internet may crash a decoder, keep it busy for ever or make it fill the memory. So decoders run in
child processes: one a file, with limits on time, memory and disk, and without this process's environment. They are
forked from a process that has the decoders loaded (a start of its own would cost each file 0.2 s), which is
started when it is first needed and leaves when nobody has needed it for a while.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import gc
import importlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from x_provider.media.errors import AGAIN, MediaError

_IDLE_SECONDS = 60
_GRACE_SECONDS = 15
_MAX_ANSWER = 1 << 20
_STARTED = b"+"
_MEBIBYTE = 1 << 20
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[2])
from x_provider.media import isolation
isolation.serve(int(sys.argv[1]))
"""


def apart(
    module: str,
    function: str,
    path: Path,
    arguments: Mapping[str, Any],
    *,
    name: str,
    seconds: int,
    megabytes: int,
    writes: int = 0,
) -> Any:
    """Call a function on a file, in a child process.

    :param module: of the function, such as ``x_provider.media.pictures``; only child processes import it.
    :param path: of the file; the function's first argument.
    :param arguments: the function's others, by name; they and what it returns travel as JSON.
    :param name: what people know the file by.
    :param seconds: after which the child is stopped.
    :param megabytes: of address space that the child may take, beyond what it starts with.
    :param writes: the most bytes that it may write into a file.
    :raises MediaError: what the function raised, or that the decoder crashed or reached a limit.
    """
    request = {
        "call": [module, function],
        "path": str(path.absolute()),
        "arguments": dict(arguments),
        "limits": {"seconds": seconds, "megabytes": megabytes, "writes": writes},
    }
    began = time.monotonic()
    answer = _answer_to(json.dumps(request).encode() + b"\n", seconds + _GRACE_SECONDS)
    if answer is None:
        hint = f"Check that Pillow and PyAV can be imported by {sys.executable}"
        raise MediaError(f"{name} cannot be looked into: no decoder starts", hint, may_pass=True)
    if not answer:
        if time.monotonic() - began >= seconds:
            raise MediaError(f"{name} is not decoded after {seconds} s", AGAIN)
        raise MediaError(f"{name} crashes its decoder", AGAIN)
    said = json.loads(answer)
    if "refused" in said:
        raise MediaError(*said["refused"])
    if "memory" in said:
        raise MediaError(f"{name} takes more than {megabytes:,} MB of memory to decode", "Make it smaller")
    if "failed" in said:
        raise MediaError(f"{name} cannot be decoded ({said['failed']})", AGAIN)
    return said["returned"]


def _answer_to(request: bytes, seconds: int) -> bytes | None:
    """What the child says; nothing when it dies, None when there is none."""
    for _ in range(2):  # the parent of all decoders may be leaving while it is asked
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                _decoders.send(theirs)
            ours.settimeout(seconds)
            answer = bytearray()
            with contextlib.suppress(OSError):  # a time-out, or the end of the child
                ours.sendall(request)
                while len(answer) <= _MAX_ANSWER and (block := ours.recv(1 << 16)):
                    answer += block
            if answer.startswith(_STARTED):
                return bytes(answer[1:])
    return None


class _Decoders:
    """The process that decoders are forked from. A fork of this process starts one of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, connection: socket.socket) -> None:
        """Have a decoder started that serves the connection."""
        with self._lock:
            if self._channel is None:
                self._start()
            try:
                self._pass(connection)
            except OSError:  # it left, having had nothing to do
                self._start()
                with contextlib.suppress(
                    OSError
                ):  # it ended at once: whoever asked sees that nothing answers
                    self._pass(connection)

    def _pass(self, connection: socket.socket) -> None:
        assert self._channel is not None  # noqa: S101
        socket.send_fds(self._channel, [b"."], [connection.fileno()])

    def _start(self) -> None:
        self.leave()
        here = str(Path(__file__).parents[2])
        paths = [here, *(str(Path(path).absolute()) for path in sys.path if path)]
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-B", "-c", _BOOT, str(theirs.fileno()), json.dumps(paths)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
                cwd="/",
                start_new_session=True,
            )
        self._channel = ours

    def leave(self) -> None:
        """Let the process go."""
        if self._channel is not None:
            self._channel.close()
        if self._process is not None:
            self._process.wait()
        self._channel = self._process = None

    def forget(self) -> None:
        """Leave the process to the one that this one was forked from."""
        if self._process is not None:
            self._process.returncode = 0  # it is no child of this process: not to be waited for
        if self._channel is not None:
            self._channel.close()
        self.__init__()  # type: ignore[misc]


_decoders = _Decoders()
atexit.register(_decoders.leave)
os.register_at_fork(after_in_child=_decoders.forget)


def serve(channel: int) -> None:
    """Be the process that decoders are forked from, until nobody holds or uses the channel."""
    for module in ("stills", "animations", "transcoding"):
        importlib.import_module(f"x_provider.media.{module}")
    gc.freeze()  # what is loaded is shared with the children, and stays so
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with socket.socket(fileno=channel) as requests:
        requests.settimeout(_IDLE_SECONDS)
        while True:
            try:
                word, connections, _, _ = socket.recv_fds(requests, 1, 1)
            except TimeoutError:
                return
            if not word:
                return
            if os.fork() == 0:
                requests.close()
                with socket.socket(fileno=connections[0]) as connection:
                    _decode(connection)
                os._exit(0)
            os.close(connections[0])


def _decode(connection: socket.socket) -> None:
    connection.sendall(_STARTED)
    with connection.makefile("rb") as lines:
        request = json.loads(lines.readline())
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    _limit(**request["limits"])
    module, function = request["call"]
    try:
        call = getattr(importlib.import_module(module), function)
        answer = {"returned": call(Path(request["path"]), **request["arguments"])}
    except MediaError as error:
        answer = {"refused": [error.message, error.hint]}
    except MemoryError:
        answer = {"memory": True}
    except Exception as error:  # what a decoder makes of bytes that nobody has thought of
        answer = {"failed": f"{type(error).__name__}: {error}"}
    connection.sendall(json.dumps(answer, default=dataclasses.asdict).encode())


def _limit(*, seconds: int, megabytes: int, writes: int) -> None:
    signal.alarm(seconds)
    if sys.platform == "linux":  # elsewhere the limit is not kept, or cannot be set
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + megabytes * _MEBIBYTE,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writes, writes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with(connection: socket.socket) -> None:
    """Stop decoding when whoever asked is gone."""
    with contextlib.suppress(OSError):
        if not connection.recv(1):
            os._exit(1)
