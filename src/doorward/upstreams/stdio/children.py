"""All children of one door: how much may wait for those that do not read, and that none outlives the door.

Owns the watcher, a small process that ends the children's sessions when this process is killed: the kernel ends only
the command itself (`PR_SET_PDEATHSIG`), not what a wrapping shell or `npx` has started.
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
"""What an interpreter may need to start, and nothing that could be a secret."""

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
    """What one child has not read yet, by user, in the order in which it was written."""

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
        """Take off what was read, so that no more is counted than is left and the message that was begun."""
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
    """The children that are alive, and whose bytes wait for them in this process.

    `unread_limit_bytes`: what may wait for all of them, written or not. One user gets at most half of it, a second one
    half of the rest, and so on, so that nobody's calls to children that do not read use up what others need.
    """

    def __init__(self, unread_limit_bytes: int) -> None:
        self._unread_limit_bytes = unread_limit_bytes
        self._alive: set[Child] = set()
        self._held: dict[str, int] = {}
        """By user: bytes of calls that wait for their turn, and were written to no child yet."""
        self._watcher: subprocess.Popen[bytes] | None = None
        self._cannot_watch = False

    def has_room(self, child: Child, size: int, user: str) -> bool:
        """Return whether a message of this size and user may be written to a child."""
        if size <= _AT_ONCE_BYTES and not child.unread_bytes:
            return True
        return self._is_within_share(user)

    def hold(self, user: str, size: int) -> bool:
        """Count a call that waits for its turn, until `let_go`; False if it may not."""
        if not self._is_within_share(user):
            return False
        self._held[user] = self._held.get(user, 0) + size
        return True

    def let_go(self, user: str, size: int) -> None:
        """Count a call as no longer waiting for its turn."""
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
        """Count a child that was started."""
        self._alive.add(child)
        if self._watcher is None and not self._cannot_watch:
            self._start_watcher()
        self._tell(b"+%d\n" % child.pid)

    def forget(self, child: Child) -> None:
        """Count a child as ended."""
        self._alive.discard(child)

    def sweep(self, leader: int) -> None:
        """End at once what a child has left behind."""
        if not self._tell(b"-%d\n" % leader):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)

    async def stop(self) -> None:
        """End what is left of any child, and the watcher."""
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
