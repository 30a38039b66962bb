"""Several worker processes on one listening socket.

The supervisor only starts, replaces and stops workers; it serves nothing and holds no state. So a worker that crashes
only costs its pending requests. A worker exits when its supervisor is gone, for whatever reason.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import secrets
import signal
import socket
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from doorward.app import Door
from doorward.cli.process import configure_logs, serve
from doorward.cli.reloading import Load, loaded, reload_on_message
from doorward.config.model import Config
from doorward.door.worker_peers import WorkerPeers
from doorward.logs import log

LOGGER = logging.getLogger("doorward")
SETTLED_SECONDS = 5.0
"""A worker that exits sooner than this after its start is replaced only after a pause."""


def supervise(config: Config, listening: socket.socket, peer_dir: Path, load: Load | None = None) -> None:
    """Keep `config.workers` workers running until SIGTERM or SIGINT, then stop them and wait.

    With `load`, SIGHUP loads the settings again and sends them to all workers.
    """
    _Supervisor(config, listening, peer_dir, load).run()


class _Supervisor:
    """The workers, and what the next one starts with."""

    def __init__(self, config: Config, listening: socket.socket, peer_dir: Path, load: Load | None) -> None:
        self._config = config
        self._listening = listening
        self._peer_dir = peer_dir
        self._load = load
        self._stopping = False
        self._hung_up = False
        self._workers: dict[SpawnProcess, Connection] = {}
        """Each worker, with the pipe that sends it other settings."""
        self._started_at: dict[SpawnProcess, float] = {}
        self._number = 0
        """Of the last settings that were read again."""
        self._trial: tuple[SpawnProcess, Config] | None = None
        """The worker that tries out other settings before anybody else has them, and these settings."""

    def run(self) -> None:
        """Return when all workers have exited as requested."""
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        if self._load is not None:
            previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        try:
            while self._workers or not self._stopping:
                self._reload()
                while len(self._workers) < self._config.workers and not self._stopping:
                    self._start()
                answers = [self._workers[self._trial[0]]] if self._trial else []
                wait([*answers, *(worker.sentinel for worker in self._workers)], timeout=1.0)
                self._hear()
                for worker in [worker for worker in self._workers if not worker.is_alive()]:
                    self._drop(worker)
                    _pause_if_early(worker, self._started_at.pop(worker), stopping=self._stopping)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True
        for worker in list(self._workers):
            worker.terminate()

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._hung_up = True

    def _start(self) -> None:
        # The first one examines the doors for all of them.
        looks = self._config.self_check and not self._started_at
        hears, tells = multiprocessing.get_context("spawn").Pipe()
        worker = _start_worker(self._config, self._listening, self._peer_dir, hears, looks=looks)
        hears.close()
        self._started_at[worker] = time.monotonic()
        self._workers[worker] = tells
        if self._stopping:  # the signal came while this worker was starting, and missed it
            worker.terminate()

    def _reload(self) -> None:
        """Read the settings again if SIGHUP has asked for it, and have one worker try them."""
        if not self._hung_up or self._load is None or self._trial is not None or not self._workers:
            return
        self._hung_up = False
        config = loaded(self._load)
        if config is None:
            return
        worker = next(iter(self._workers))
        self._number += 1
        if _sent(self._number, config, self._workers[worker]):
            self._trial = worker, config

    def _hear(self) -> None:
        """Hand the settings to the other workers once one serves them.

        Settings that a worker could not serve are forgotten: one that is replaced later could not start with them.
        """
        if self._trial is None:
            return
        worker, config = self._trial
        pipe = self._workers[worker]
        try:
            if not pipe.poll():
                return
            number, serves = pipe.recv()
        except (EOFError, OSError):  # it has just exited
            return
        if number != self._number:  # an answer to earlier settings, which another worker has tried
            return
        self._trial = None
        if not serves:
            return
        self._config = config
        for other, tells in self._workers.items():
            if other is not worker:
                _sent(number, config, tells)

    def _drop(self, worker: SpawnProcess) -> None:
        """Forget a worker that has exited, and the settings that it was trying."""
        self._workers.pop(worker).close()
        if self._trial is not None and self._trial[0] is worker:
            self._trial = None
            log(LOGGER, logging.ERROR, "reload_refused", detail="the worker that tried the settings has exited")


def _sent(number: int, config: Config, tells: Connection) -> bool:
    """Hand settings to a worker; False if it has just exited: its successor starts with those of the supervisor."""
    try:
        tells.send((number, config))
    except OSError:
        return False
    return True


def _pause_if_early(worker: SpawnProcess, started_at: float, *, stopping: bool) -> None:
    if stopping:
        return
    log(LOGGER, logging.ERROR, "worker_ended", pid=worker.pid, exit_code=worker.exitcode)
    if time.monotonic() - started_at < SETTLED_SECONDS:
        time.sleep(1.0)


def _start_worker(
    config: Config, listening: socket.socket, peer_dir: Path, hears: Connection, *, looks: bool
) -> SpawnProcess:
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=work, args=(config, listening, peer_dir, hears, looks), name="doorward-worker")
    worker.start()
    return worker


def work(config: Config, listening: socket.socket, peer_dir: Path, hears: Connection, looks: bool) -> None:  # noqa: FBT001
    """Run one worker. Its id names its socket, where the others forward requests that belong to it."""
    configure_logs(config)
    worker_id = secrets.token_hex(4)
    listening.setblocking(False)
    door = Door(config=config, worker_id=worker_id, peers=WorkerPeers(peer_dir))
    # SIGHUP may be sent to the whole process group; the supervisor loads the settings for all of it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def announce(door: Door) -> None:
        _end_with_supervisor()
        reload_on_message(door, hears, looks=looks)

    serve(door, listening, announce=announce, peer_socket=peer_dir / worker_id, looks=looks)


def _end_with_supervisor() -> None:
    """Stop gracefully when the supervisor's end of the pipe closes."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    loop = asyncio.get_running_loop()
    loop.add_reader(supervisor.sentinel, lambda: _stop_self(loop, supervisor.sentinel))


def _stop_self(loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
    loop.remove_reader(sentinel)
    signal.raise_signal(signal.SIGTERM)
