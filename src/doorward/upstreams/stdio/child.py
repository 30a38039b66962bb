"""One child process that speaks newline-delimited JSON-RPC on its standard input and output.

Owns starting it (no shell, its own session, killed when this process dies), reading its output at a limited rate, and
ending it. Does not know HTTP, eras or ids.

Spec: MCP 2025-11-25 and 2026-07-28 basic/transports (stdio, shutdown).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from doorward.errors import UpstreamError
from doorward.mcp.jsonrpc import RpcId
from doorward.upstreams.stdio.children import Children, Unread
from doorward.upstreams.stdio.lines import Heard, LineReader
from doorward.upstreams.stdio.log import ChildLog
from doorward.upstreams.stdio.message import ChildMessage, cancellation

LINE_LIMIT_BYTES: Final = 32 * 1024 * 1024
UNREAD_LIMIT_BYTES: Final = 64 * 1024 * 1024
_EOF_GRACE_SECONDS: Final = 1.0
_TERM_GRACE_SECONDS: Final = 2.0
_PIPE_GRACE_SECONDS: Final = 0.25
_WINDOW_SECONDS: Final = 0.1
_WINDOW_UNASKED: Final = 1000
"""Unsolicited messages and invalid lines allowed per window; then the child must wait."""
_WINDOW_BYTES: Final = 1024 * 1024
"""The same for bytes that contain no response."""
_REST_SECONDS: Final = 1.0
"""After this silence, an incomplete message counts as cut off."""
_PR_SET_PDEATHSIG: Final = 1
_STDIN, _STDOUT, _STDERR = 0, 1, 2

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child(asyncio.SubprocessProtocol):
    """A running command. The event loop calls `on_message` and `on_end`; it never calls `on_message` after `on_end`."""

    def __init__(
        self,
        on_message: Callable[[ChildMessage], None],
        on_end: Callable[[], None],
        children: Children,
        *,
        owner: str = "",
    ) -> None:
        self.owner = owner
        """The user whose messages it gets; empty if several users share it, or there is no sign-in."""
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_end = on_end
        self._children = children
        self._transport: asyncio.SubprocessTransport | None = None
        self._unread = Unread()
        self._lines = LineReader()
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._log = ChildLog(lambda: self.pid)
        self._window_at = 0.0
        self._unasked = {_STDOUT: 0, _STDERR: 0}
        self._useless_bytes = {_STDOUT: 0, _STDERR: 0}
        self._paused: dict[int, bytes] = {}
        """The paused pipes, and their data that was read but not parsed."""
        self._rest_timer: asyncio.TimerHandle | None = None
        self._has_exited = False
        self._finish_timer: asyncio.TimerHandle | None = None
        self._fault = ""
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group and session."""
        assert self._transport is not None
        return self._transport.get_pid()

    @property
    def alive(self) -> bool:
        """Whether messages can still be sent to it."""
        return not self.ended.done() and self._transport is not None and self._transport.get_returncode() is None

    @property
    def unread_bytes(self) -> int:
        """Bytes for it that wait in this process."""
        pipe: Any = None if self._transport is None else self._transport.get_pipe_transport(_STDIN)
        return 0 if pipe is None else int(pipe.get_write_buffer_size())

    def unread_bytes_of(self, user: str) -> int:
        """Bytes of that one user that wait."""
        self._unread.settle(self.unread_bytes)
        return self._unread.of(user)

    def send(self, message: bytes, user: str | None = None, *, has_room: bool = False) -> None:
        """Write one message, for its owner unless another user is named. `has_room`: it was counted while it waited.

        Raises:
            UpstreamError: the child is gone, or it does not read and too many bytes of this user wait already.
        """
        user = self.owner if user is None else user
        if not self.alive or self._transport is None:
            raise self.death()
        pipe: Any = self._transport.get_pipe_transport(_STDIN)
        if pipe is None or pipe.is_closing():
            raise self.death()
        if not (has_room or self._children.has_room(self, len(message), user)):
            raise UpstreamError("timeout", "The server's process does not read its input.")
        # A line break in JSON text can only be white space between tokens.
        pipe.write(message.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n")
        self._unread.add(user, len(message) + 1)
        self._unread.settle(self.unread_bytes)

    def cancel(self, rpc_id: RpcId, reason: str, user: str | None = None) -> None:
        """Tell the child, if it still reads, that this request was cancelled."""
        if self.alive:
            with contextlib.suppress(UpstreamError):
                self.send(cancellation(rpc_id, reason), user)

    def death(self) -> UpstreamError:
        """Return how it ended; its last output is for the operator only."""
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
        """Return the last lines of its standard error, safe to print."""
        return self._log.last_words()

    async def end(self) -> None:
        """End the whole process group: end of input, then SIGTERM, then SIGKILL."""
        if self._transport is None:
            return
        with contextlib.suppress(Exception):
            pipe: Any = self._transport.get_pipe_transport(_STDIN)
            pipe.close()
        for grace, number in ((_EOF_GRACE_SECONDS, signal.SIGTERM), (_TERM_GRACE_SECONDS, signal.SIGKILL)):
            await asyncio.wait([self.ended], timeout=grace)
            if self.ended.done():
                return
            self._signal_group(number)
        await asyncio.wait([self.ended], timeout=_TERM_GRACE_SECONDS)

    def kill(self) -> None:
        """Kill the whole group immediately."""
        if not self.ended.done():
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        assert self._transport is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._transport.get_pid(), number)

    # asyncio's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass of asyncio's
        self._children.add(self)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Handle output."""
        assert isinstance(data, bytes)
        if fd in self._paused:
            self._paused[fd] += data  # one more read may arrive after the pause
        elif fd == _STDERR:
            self._log.hear(data)
            self._useless_bytes[fd] += len(data)
            if self._is_flooding(fd):
                self._pause(fd, b"")
        else:
            self._split(data)

    def _split(self, data: bytes) -> None:
        """Split output into lines, until too many are unsolicited."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = data[start:end]
            if self._parts:
                line = b"".join((*self._parts, line))
                self._parts.clear()
                self._parts_bytes = 0
            start = end + 1
            if not self._take(line) and self._is_flooding(_STDOUT):
                # A line that does not start like a message is most likely not one.
                found = data.find(b"\n{", end)
                following = (found if found >= 0 else data.rfind(b"\n")) + 1
                self._log.drop(data.count(b"\n", start, following))
                self._pause(_STDOUT, data[following:])
                return
        if start < len(data):
            self._parts.append(data[start:])
            self._parts_bytes += len(data) - start
            if self._parts_bytes > LINE_LIMIT_BYTES:
                self._parts.clear()
                self._fault = f"sent a message of more than {LINE_LIMIT_BYTES} bytes, and was ended"
                self.kill()

    def _is_flooding(self, fd: int) -> bool:
        if self._has_exited:
            return False
        now = self._loop.time()
        if now - self._window_at >= _WINDOW_SECONDS:
            self._window_at = now
            for counts in (self._unasked, self._useless_bytes):
                counts[_STDOUT] = counts[_STDERR] = 0
        return self._unasked[fd] > _WINDOW_UNASKED or self._useless_bytes[fd] > _WINDOW_BYTES

    def _pause(self, fd: int, rest: bytes) -> None:
        """Pause a pipe until the next window: only this child waits."""
        self._paused[fd] = rest
        pipe: Any = None if self._transport is None else self._transport.get_pipe_transport(fd)
        if pipe is not None:
            with contextlib.suppress(RuntimeError):  # it is closing
                pipe.pause_reading()
        self._loop.call_later(_WINDOW_SECONDS, self._resume, fd)

    def _resume(self, fd: int) -> None:
        rest = self._paused.pop(fd, None)
        if rest is None or self.ended.done():
            return
        if rest:
            self.pipe_data_received(fd, rest)
        pipe: Any = None if self._transport is None else self._transport.get_pipe_transport(fd)
        if fd not in self._paused and pipe is not None:
            with contextlib.suppress(RuntimeError):
                pipe.resume_reading()

    def process_exited(self) -> None:
        """Finish when the pipes are drained, or soon after: a grandchild may hold them open."""
        self._has_exited = True
        for fd in tuple(self._paused):
            self._resume(fd)
        self._finish_timer = self._loop.call_later(_PIPE_GRACE_SECONDS, self._finish)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Finish: the process has exited and its pipes are drained."""
        self._finish()

    def _finish(self) -> None:
        if self.ended.done():
            return
        if self._finish_timer is not None:
            self._finish_timer.cancel()
        self._log.close()
        self._children.forget(self)
        # Ask the processes that it left behind to exit, and kill them if they don't.
        self._signal_group(signal.SIGTERM)
        self._loop.call_later(_TERM_GRACE_SECONDS, self._children.sweep, self.pid)
        self.ended.set_result(None)
        assert self._transport is not None
        self._transport.close()
        self._on_end()

    def _take(self, line: bytes) -> bool:
        """Parse one line; return whether it contained a response."""
        if self.ended.done():
            return False
        answers = self._hear(self._lines.feed(line))
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
        if self._lines.is_waiting:
            self._rest_timer = self._loop.call_later(_REST_SECONDS, self._stop_waiting_for_the_rest)
        if not answers:
            self._unasked[_STDOUT] += 1
            self._useless_bytes[_STDOUT] += len(line)
        return answers

    def _stop_waiting_for_the_rest(self) -> None:
        self._rest_timer = None
        if not self.ended.done() and _STDOUT not in self._paused and not self._parts:
            self._hear(self._lines.flush())

    def _hear(self, heard: Heard) -> bool:
        """Pass on the messages of a line; return whether one was a response."""
        answers = False
        for message in heard.messages:
            answers |= message.kind in {"response", "unreadable"}
            self._on_message(message)
        if heard.noise:
            self._log.note("the server wrote something other than JSON-RPC to its output", heard.noise)
        return answers


async def spawn(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: str | None,
    on_message: Callable[[ChildMessage], None],
    on_end: Callable[[], None],
    children: Children,
    owner: str = "",
) -> Child:
    """Start a child. Raises `OSError` if the command does not exist or cannot be run."""
    loop = asyncio.get_running_loop()
    starting = loop.subprocess_exec(
        lambda: Child(on_message, on_end, children, owner=owner),
        *arguments,
        env=environment(env),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()) if _libc is not None else None,
    )
    # A child's later output belongs to no request, least of all to the one that started it.
    _, child = await loop.create_task(starting, context=contextvars.Context())
    return child


def environment(added: Mapping[str, str] | None) -> dict[str, str]:
    """Return the child's environment: everything but Doorward's own settings, which hold passwords."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    return {**inherited, **(added or {})}


def _die_with(parent: int) -> Callable[[], None]:
    """Return the function that the child runs before the command: it asks the kernel to kill it with this process."""

    def prepare() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent died in between

    return prepare
