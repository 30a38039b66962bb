"""A log that nobody reads stops nothing: neither the caller, nor the server, nor its end."""

from __future__ import annotations

import http.client
import logging
import os
import re
import signal
import subprocess
import threading

import pytest
from flows.processes import PYTHON, ROOT, free_port

from doorward.log_output import OutputHandler
from doorward.logs import JsonFormatter, log

LINE = "x" * 1000


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)
    os.close(reading)


def logger_to(descriptor: int, **limits: int) -> tuple[logging.Logger, OutputHandler]:
    handler = OutputHandler(descriptor, **limits)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("doorward.test")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger, handler


def lines_of(descriptor: int, last: str) -> list[str]:
    """Read up to the line that holds `last`."""
    seen = b""
    while last.encode() not in seen:
        seen += os.read(descriptor, 1 << 16)
    return seen.decode().splitlines()


def test_lines_arrive_in_order_with_the_context_of_their_caller(pipe):
    logger, handler = logger_to(pipe[1])
    for number in range(100):
        log(logger, logging.INFO, f"event {number}.")
    lines = lines_of(pipe[0], "event 99.")
    assert [f'"event {number}."' in line for number, line in enumerate(lines)] == [True] * 100
    handler.close()


def test_a_pipe_that_nobody_reads_keeps_nobody_waiting_and_what_was_lost_is_counted(pipe):
    logger, handler = logger_to(pipe[1], lines_limit=50)
    for _ in range(500):
        log(logger, logging.INFO, LINE)
    reader = threading.Thread(target=lines_of, args=(pipe[0], "the reader is back"))
    reader.start()
    handler.flush()
    log(logger, logging.INFO, "the reader is back")
    reader.join()
    handler.close()


def test_the_line_after_a_loss_says_how_much_was_lost(pipe):
    logger, handler = logger_to(pipe[1], lines_limit=50)
    for _ in range(500):
        log(logger, logging.INFO, LINE)
    seen = os.read(pipe[0], 1 << 20)
    handler.flush()
    while handler._waiting:
        seen += os.read(pipe[0], 1 << 20)
    log(logger, logging.INFO, "after")
    seen += "\n".join(lines_of(pipe[0], "log_lines_dropped")).encode()
    handler.close()
    lost = 500 - seen.count(LINE.encode())
    assert lost > 0
    # The reader may have come back more than once meanwhile, and each time the loss so far is reported.
    assert sum(map(int, re.findall(r'"lines": (\d+)', seen.decode()))) == lost


def test_a_reader_that_is_gone_is_no_fault(pipe):
    logger, handler = logger_to(pipe[1])
    gone, writing = os.pipe()
    os.close(gone)
    logger.handlers[0]._descriptor = writing
    log(logger, logging.INFO, "nobody")
    handler.close()
    os.close(writing)


def test_a_server_whose_log_nobody_reads_goes_on_and_stops_when_asked(tmp_path):
    port = free_port()
    command = [PYTHON, "-m", "doorward", "serve", "examples/04_asgi.py", "--port", str(port), "--data-dir", tmp_path]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while b"MCP URL" not in (line := process.stdout.readline()):
            assert line
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(1500):  # about 375 kB of log; a pipe holds 64
            connection.request("POST", "/mcp", b"{}", {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 401
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
