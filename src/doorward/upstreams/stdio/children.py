"""All children of one door: how many bytes may wait for slow readers, and that no child outlives the door.

Owns the watcher, a small process that kills the children's sessions if this process is killed. The kernel kills only
the command itself (`PR_SET_PDEATHSIG`), not the processes that a wrapping shell or `npx` started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, Final

from doorward.logs import log

if TYPE_CHECKING:
    from doorward.upstreams.stdio.child import Child

_log = logging.getLogger(__name__)

_AT_ONCE_BYTES: Final = 64 * 1024
_WATCHER_SECONDS: Final = 3.0
_LOADER: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables that an interpreter may need to start, and none that could be a secret."""

_WATCHER: Final = """
import os, signal, sys, time

def members(leader):
    try:
        names = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    found = []
    for name in names:
        try:
            with open("/proc/" + name + "/stat", "rb") as stat:
                state, _, group, session = stat.read().rpartition(b") ")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if state not in (b"Z", b"X") and leader in (int(group), int(session)):
            found.append(int(name))
    return found

def end(leader):
    for _ in range(20):
        try:
            os.killpg(leader, signal.SIGKILL)
        except OSError:
            pass
        left = members(leader)
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.02)

watched = set()
while line := sys.stdin.buffer.readline():
    leader = int(line[1:])
    if line.startswith(b"+"):
        watched.add(leader)
    elif leader in watched:
        watched.discard(leader)
        end(leader)
for leader in watched:
    end(leader)
"""


class Unread:
    """Bytes that one child has not read yet, by user, in the order in which they were written."""

    __slots__ = ("_bytes_of", "_messages", "_total")

    def __init__(self) -> None:
        self._messages: deque[tuple[str, int]] = deque()
        self._bytes_of: dict[str, int] = {}
        self._total = 0

    def add(self, user: str, size: int) -> None:
        """Count a message that was written."""
        self._messages.append((user, size))
        self._bytes_of[user] = self._bytes_of.get(user, 0) + size
        self._total += size

    def settle(self, left: int) -> None:
        """Subtract what was read, so that only the remaining bytes and the partly read message count."""
        while self._messages and self._total - self._messages[0][1] >= left:
            user, size = self._messages.popleft()
            self._total -= size
            self._bytes_of[user] -= size
            if not self._bytes_of[user]:
                del self._bytes_of[user]

    def of(self, user: str) -> int:
        """Return how many bytes of this user are counted."""
        return self._bytes_of.get(user, 0)


class Children:
    """The live children, and the bytes that wait for them in this process, by user.

    `unread_limit_bytes`: the limit for all waiting bytes, written or not. One user gets at most half of it, a second
    one half of the rest, and so on. So calls to a child that does not read can't starve other users.
    """

    def __init__(self, unread_limit_bytes: int) -> None:
        self._unread_limit_bytes = unread_limit_bytes
        self._alive: set[Child] = set()
        self._held: dict[str, int] = {}
        """By user: bytes of calls that wait for their turn and were not written to a child yet."""
        self._watcher: subprocess.Popen[bytes] | None = None
        self._cannot_watch = False

    def has_room(self, child: Child, size: int, user: str) -> bool:
        """Return whether this user may write a message of this size to a child."""
        if size <= _AT_ONCE_BYTES and not child.unread_bytes:
            return True
        return self._is_within_share(user)

    def hold(self, user: str, size: int) -> bool:
        """Count a call that waits for its turn, until `let_go`; return False if it may not wait."""
        if not self._is_within_share(user):
            return False
        self._held[user] = self._held.get(user, 0) + size
        return True

    def let_go(self, user: str, size: int) -> None:
        """Stop counting a call that waited for its turn."""
        self._held[user] -= size
        if not self._held[user]:
            del self._held[user]

    def _is_within_share(self, user: str) -> bool:
        total, mine = sum(self._held.values()), self._held.get(user, 0)
        for each in self._alive:
            total += each.unread_bytes
            mine += each.unread_bytes_of(user)
        return mine <= self._unread_limit_bytes - total

    def add(self, child: Child) -> None:
        """Register a child that was started."""
        self._alive.add(child)
        if self._watcher is None and not self._cannot_watch:
            self._start_watcher()
        self._tell(b"+%d\n" % child.pid)

    def forget(self, child: Child) -> None:
        """Unregister a child that ended."""
        self._alive.discard(child)

    def sweep(self, leader: int) -> None:
        """Kill the processes that a child left behind."""
        if not self._tell(b"-%d\n" % leader):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)

    async def stop(self) -> None:
        """Kill all remaining processes of the children, and stop the watcher."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        assert watcher.stdin is not None
        with contextlib.suppress(OSError):
            watcher.stdin.close()
        try:
            await asyncio.to_thread(watcher.wait, _WATCHER_SECONDS)
        except subprocess.TimeoutExpired:
            watcher.kill()
            watcher.wait()

    def _start_watcher(self) -> None:
        try:
            self._watcher = subprocess.Popen(  # noqa: S603
                [sys.executable or "python3", "-I", "-S", "-c", _WATCHER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={name: os.environ[name] for name in _LOADER if name in os.environ},
                start_new_session=True,  # a signal to the door's own group must not end it first
            )
        except OSError as error:
            self._cannot(error)

    def _cannot(self, error: Exception) -> None:
        if not self._cannot_watch:
            self._cannot_watch = True
            log(_log, logging.WARNING, "what children start may outlive a killed door", detail=str(error))

    def _tell(self, line: bytes) -> bool:
        if self._watcher is None or self._watcher.stdin is None:
            return False
        try:
            self._watcher.stdin.write(line)
        except (OSError, ValueError) as error:
            self._cannot(error)
            return False
        return True
