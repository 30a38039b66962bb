"""Several worker processes on one listening socket.

The supervisor only starts, replaces and ends workers; it serves nothing and holds no state, so a worker that crashes
costs its open requests and nothing else. A worker ends when its supervisor is gone, however that went.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import secrets
import signal
import socket
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from doorward.app import Door
from doorward.cli.process import configure_logs, serve
from doorward.config.model import Config
from doorward.door.worker_peers import WorkerPeers
from doorward.logs import log

LOGGER = logging.getLogger("doorward")
SETTLED_SECONDS = 5.0
"""A worker that ends sooner than this after its start is replaced only after a pause."""


def supervise(config: Config, listening: socket.socket, peer_dir: Path) -> None:
    """Keep `config.workers` workers running until SIGTERM or SIGINT, then end them and wait."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        nonlocal stopping
        stopping = True
        for worker in workers:
            worker.terminate()

    workers: list[SpawnProcess] = []
    started_at: dict[SpawnProcess, float] = {}

    def start() -> None:
        # The first one looks at the door for all of them.
        worker = _start_worker(config, listening, peer_dir, looks=config.self_check and not started_at)
        started_at[worker] = time.monotonic()
        workers.append(worker)
        if stopping:  # asked to while it was being started, when it was not yet among those that are told
            worker.terminate()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        while workers or not stopping:
            while len(workers) < config.workers and not stopping:
                start()
            wait([worker.sentinel for worker in workers], timeout=1.0)
            for worker in [worker for worker in workers if not worker.is_alive()]:
                workers.remove(worker)
                _pause_if_early(worker, started_at.pop(worker), stopping=stopping)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _pause_if_early(worker: SpawnProcess, started_at: float, *, stopping: bool) -> None:
    if stopping:
        return
    log(LOGGER, logging.ERROR, "worker_ended", pid=worker.pid, exit_code=worker.exitcode)
    if time.monotonic() - started_at < SETTLED_SECONDS:
        time.sleep(1.0)


def _start_worker(config: Config, listening: socket.socket, peer_dir: Path, *, looks: bool) -> SpawnProcess:
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=work, args=(config, listening, peer_dir, looks), name="doorward-worker")
    worker.start()
    return worker


def work(config: Config, listening: socket.socket, peer_dir: Path, looks: bool) -> None:  # noqa: FBT001
    """Be one worker. Its id names its socket, where the others hand over what belongs to it."""
    configure_logs(config)
    worker_id = secrets.token_hex(4)
    listening.setblocking(False)
    door = Door(config=config, worker_id=worker_id, peers=WorkerPeers(peer_dir))
    serve(door, listening, announce=_end_with_supervisor, peer_socket=peer_dir / worker_id, looks=looks)


def _end_with_supervisor(door: object) -> None:
    """Stop gracefully as soon as the supervisor's end of the pipe closes."""
    del door
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    loop = asyncio.get_running_loop()
    loop.add_reader(supervisor.sentinel, lambda: _stop_self(loop, supervisor.sentinel))


def _stop_self(loop: asyncio.AbstractEventLoop, sentinel: int) -> None:
    loop.remove_reader(sentinel)
    signal.raise_signal(signal.SIGTERM)
