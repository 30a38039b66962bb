"""Structured logs: one line per event, a request id on each line, and no secret in any.

Code logs with `log(logger, level, event, **fields)`. Fields are values that a reader may see: identifiers, sizes,
reason codes, never a credential. As a second defence, the redactor masks everything that still looks like a credential,
in messages, fields and tracebacks alike. The root logger is never touched.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
import sys
import time
from typing import Any, Literal, TextIO

from doorward.log_output import OutputHandler
from doorward.secret_shapes import JWT_PATTERN, SECRET_PATTERN, mask_urls

ROOT = "doorward"
_OTHERS = ("uvicorn", "asyncio")
"""Loggers of the ASGI server that runs a door; their lines get the same format."""
LogFormat = Literal["text", "json"]

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("doorward_request_id", default="")
"""The id of the current request; also sent to the client as `X-Request-Id`."""
trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("doorward_trace_id", default="")
"""The caller's own trace id (`traceparent`, W3C Trace Context)."""
door_name: contextvars.ContextVar[str] = contextvars.ContextVar("doorward_door_name", default="")
"""The door that serves the request; empty outside of doors."""

_SECRETS = re.compile(
    rf"(?={SECRET_PATTERN})(.{{8}})[A-Za-z0-9_-]+"
    rf"|{JWT_PATTERN}"
    r"|((?:bearer|basic|dpop)\s+)[^\s\"',;]+"
    r"|([\"']?(?:code|code_verifier|client_secret|refresh_token|access_token|password|assertion|state)[\"']?"
    r"\s*[=:]\s*[\"']?)[^\s\"'&,;}]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Mask everything that looks like a credential, but keep enough to tell two apart."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2] or found[3] or ''}***", text)


def redact_line(line: str) -> str:
    """Mask credentials in a log line, including those of every URL in it."""
    return redact(mask_urls(line) if "//" in line else line)


def log(logger: logging.Logger, level: int, event: str, **fields: object) -> None:
    """Write one event with named fields."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"fields": fields}, stacklevel=2)


def _of_request() -> dict[str, str]:
    """Return the fields that every log line of the current request has."""
    known = {"request_id": request_id.get(), "trace_id": trace_id.get(), "door": door_name.get()}
    return {name: value for name, value in known.items() if value}


class JsonFormatter(logging.Formatter):
    """One JSON object per line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        entry.update(_of_request())
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return redact_line(json.dumps(entry, default=str, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    """One readable line, for a terminal. Control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record."""
        fields = {**getattr(record, "fields", {}), **_of_request()}
        parts = [
            time.strftime("%H:%M:%S", time.localtime(record.created)),
            f"{record.levelname.lower():7}",
            record.getMessage(),
            *(f"{name}={value}" for name, value in fields.items()),
        ]
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(parts))
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact_line(line)


def _handler(stream: TextIO) -> logging.Handler:
    """Return a handler that never waits for the reader; a stream inside this process needs none."""
    try:
        return OutputHandler(stream.fileno())
    except (OSError, ValueError):
        return logging.StreamHandler(stream)


def configure(format_: LogFormat, level: str, stream: TextIO | None = None) -> None:
    """Send the events of Doorward and its server to `stream` (standard error by default).

    Called once, by the command line.
    """
    logger = logging.getLogger(ROOT)
    handler = _handler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format_ == "json" else TextFormatter())
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    for name in _OTHERS:
        other = logging.getLogger(name)
        other.handlers[:] = [handler]
        other.propagate = False
