"""One child process that speaks newline-delimited JSON-RPC on its standard input and output.

Owns starting it (no shell, a process group of its own, dead when this process dies), splitting its output into
messages under a bound, logging what it says on standard error, and ending it. Knows nothing of HTTP, eras or ids.

Spec: MCP 2025-11-25 and 2026-07-28 basic/transports (stdio, shutdown).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from doorward.errors import UpstreamError
from doorward.logs import log, redact
from doorward.mcp.jsonrpc import RpcId
from doorward.upstreams.stdio_message import ChildMessage, NotAMessage, cancellation, read_message

_log = logging.getLogger(__name__)

LINE_LIMIT_BYTES: Final = 32 * 1024 * 1024
UNREAD_LIMIT_BYTES: Final = 32 * 1024 * 1024
_EOF_GRACE_SECONDS: Final = 1.0
_TERM_GRACE_SECONDS: Final = 2.0
_PIPE_GRACE_SECONDS: Final = 0.25
_LOG_LINES_PER_SECOND: Final = 50
_LOG_LINE_CHARACTERS: Final = 2000
_LAST_WORDS: Final = 5
_PR_SET_PDEATHSIG: Final = 1
_STDOUT, _STDERR = 1, 2

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child(asyncio.SubprocessProtocol):
    """A running command. `on_message` and `on_end` are called from the event loop, never after `on_end`."""

    def __init__(self, on_message: Callable[[ChildMessage], None], on_end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_end = on_end
        self._transport: asyncio.SubprocessTransport | None = None
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._stderr = b""
        self._said: deque[str] = deque(maxlen=_LAST_WORDS)
        self._logged_second = 0
        self._logged = 0
        self._finish_timer: asyncio.TimerHandle | None = None
        self._fault = ""
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        assert self._transport is not None
        return self._transport.get_pid()

    @property
    def alive(self) -> bool:
        """Whether it can still be sent to."""
        return not self.ended.done() and self._transport is not None and self._transport.get_returncode() is None

    def send(self, message: bytes) -> None:
        """Write one message. Raises `UpstreamError` when the child is gone or has stopped reading."""
        if not self.alive or self._transport is None:
            raise self.death()
        pipe: Any = self._transport.get_pipe_transport(0)
        if pipe is None or pipe.is_closing():
            raise self.death()
        if pipe.get_write_buffer_size() > UNREAD_LIMIT_BYTES:
            raise UpstreamError("timeout", "The server's process does not read its input.")
        # A line end inside a JSON text can only be white space between its parts.
        pipe.write(message.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")

    def cancel(self, rpc_id: RpcId, reason: str) -> None:
        """Tell the child, if it still listens, that nobody waits for this request."""
        if self.alive:
            with contextlib.suppress(UpstreamError):
                self.send(cancellation(rpc_id, reason))

    def death(self) -> UpstreamError:
        """Say how it ended; its last words are for the operator only."""
        code = self._transport.get_returncode() if self._transport is not None else None
        if self._fault:
            how = self._fault
        elif code is None:
            how = "closed its input"
        elif code < 0:
            how = f"was ended by signal {-code}"
        else:
            how = f"ended with exit code {code}"
        return UpstreamError("exited", f"The server's process {how}.", evidence=self.last_words())

    def last_words(self) -> str:
        """Return the last lines of its standard error, made safe to print."""
        return "\n".join(self._said)

    async def end(self) -> None:
        """End the process: end of input, then SIGTERM, then SIGKILL, to its whole group."""
        if self._transport is None:
            return
        with contextlib.suppress(Exception):
            pipe: Any = self._transport.get_pipe_transport(0)
            pipe.close()
        for grace, number in ((_EOF_GRACE_SECONDS, signal.SIGTERM), (_TERM_GRACE_SECONDS, signal.SIGKILL)):
            await asyncio.wait([self.ended], timeout=grace)
            if self.ended.done():
                return
            self._signal_group(number)
        await asyncio.wait([self.ended], timeout=_TERM_GRACE_SECONDS)

    def kill(self) -> None:
        """End the whole group at once."""
        if not self.ended.done():
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        assert self._transport is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), number)

    # asyncio's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Split output into lines."""
        assert isinstance(data, bytes)
        if fd == _STDERR:
            return self._hear(data)
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = data[start:end]
            if self._parts:
                line = b"".join((*self._parts, line))
                self._parts.clear()
                self._parts_bytes = 0
            self._take(line)
            start = end + 1
        if start < len(data):
            self._parts.append(data[start:])
            self._parts_bytes += len(data) - start
            if self._parts_bytes > LINE_LIMIT_BYTES:
                self._parts.clear()
                self._fault = f"sent a message of more than {LINE_LIMIT_BYTES} bytes, and was ended"
                self.kill()
        return None

    def process_exited(self) -> None:
        """Finish once the pipes are drained, or soon: a grandchild may hold them open."""
        self._finish_timer = self._loop.call_later(_PIPE_GRACE_SECONDS, self._finish)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """The process has exited and its pipes are drained."""
        self._finish()

    def _finish(self) -> None:
        if self.ended.done():
            return
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        if self._stderr:
            self._hear(b"\n")
        self._signal_group(signal.SIGTERM)  # what it started and left behind
        self.ended.set_result(None)
        assert self._transport is not None
        self._transport.close()
        self._on_end()

    def _take(self, line: bytes) -> None:
        if self.ended.done() or not line.strip():
            return
        try:
            message = read_message(line)
        except NotAMessage:
            self._write_log("the server wrote something other than JSON-RPC to its output", line)
        else:
            self._on_message(message)

    def _hear(self, data: bytes) -> None:
        *lines, self._stderr = (self._stderr + data).split(b"\n")
        if len(self._stderr) > _LOG_LINE_CHARACTERS:
            lines.append(self._stderr)
            self._stderr = b""
        for line in lines:
            if line.strip():
                self._said.append(self._write_log("the server says", line))

    def _write_log(self, event: str, line: bytes) -> str:
        """Log a line of the child, at most so many in a second; return it made safe to print."""
        text = line[:_LOG_LINE_CHARACTERS].decode("utf-8", "replace").rstrip()
        text = redact("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))
        second = int(self._loop.time())
        if second != self._logged_second:
            if self._logged > _LOG_LINES_PER_SECOND:
                dropped = self._logged - _LOG_LINES_PER_SECOND
                log(_log, logging.WARNING, "lines of the server were not logged", lines=dropped, pid=self.pid)
            self._logged_second, self._logged = second, 0
        self._logged += 1
        if self._logged <= _LOG_LINES_PER_SECOND:
            log(_log, logging.INFO, event, line=text, pid=self.pid)
        return text


async def spawn(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: str | None,
    on_message: Callable[[ChildMessage], None],
    on_end: Callable[[], None],
) -> Child:
    """Start a child. Raises `OSError` when there is no such command, or it cannot be run."""
    _, child = await asyncio.get_running_loop().subprocess_exec(
        lambda: Child(on_message, on_end),
        *arguments,
        env=environment(env),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()) if _libc is not None else None,
    )
    return child


def environment(added: Mapping[str, str] | None) -> dict[str, str]:
    """Return what a child may know: everything but Doorward's own settings, which hold passwords."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    return {**inherited, **(added or {})}


def _die_with(parent: int) -> Callable[[], None]:
    """Return what the child does before the command: ask the kernel to be killed when this process is."""

    def prepare() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # it died in between

    return prepare
