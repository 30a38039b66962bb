"""A package index of tomorrow: it serves a lock's packages, and a newer release of every one of them.

The packages are empty. They have the names, versions and requirements of the real ones, so a resolver meets the same
questions as on the real index, on the day after everything was released again.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

NEWER = "9999"


def requirements_of(lock: Path) -> list[Requirement]:
    """Return what the lock pins for this machine."""
    lines = re.findall(r"^[\w.-]+==[^\\\n]+", lock.read_text(), re.MULTILINE)
    pinned = [Requirement(line) for line in lines]
    return [each for each in pinned if each.marker is None or each.marker.evaluate()]


def build(lock: Path, place: Path) -> Path:
    """Write the index below `place`, and return a copy of the lock that has the hashes of its empty packages."""
    lines = []
    for each in requirements_of(lock):
        version = str(each.specifier).removeprefix("==")
        page = place / "simple" / re.sub(r"[-_.]+", "-", each.name).lower()
        page.mkdir(parents=True)
        wheels = [_wheel(page, each.name, version), _wheel(page, each.name, NEWER)]
        links = [f'<a href="{wheel.name}#sha256={_digest(wheel)}">{wheel.name}</a>' for wheel in wheels]
        (page / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")
        lines.append(f"{each.name}=={version} --hash=sha256:{_digest(wheels[0])}")
    copy = place / lock.name
    copy.write_text("\n".join(lines) + "\n")
    return copy


@contextmanager
def served(place: Path) -> Iterator[str]:
    """Serve the index on loopback and give its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(place))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _wheel(page: Path, name: str, version: str) -> Path:
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
    real = distribution(name).metadata
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in real.get_all("Provides-Extra") or []]
    metadata += [f"Requires-Dist: {needed}" for needed in real.get_all("Requires-Dist") or []]
    files = {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(f"{stem}.dist-info/{each},,\n" for each in ("METADATA", "WHEEL", "RECORD")),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for each, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{each}"), text)
    wheel = page / f"{stem}-py3-none-any.whl"
    wheel.write_bytes(content.getvalue())
    return wheel


def _digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
