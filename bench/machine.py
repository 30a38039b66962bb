"""What the figures were taken on: the interpreter, how it was built, and the machine."""

from __future__ import annotations

import os
import platform
import sysconfig
from pathlib import Path

OPTIONS = ("--enable-optimizations", "--with-lto")


def interpreter() -> str:
    """Name the interpreter that runs the servers. An unoptimised build is a sixth slower, so its options are named."""
    configured = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    name = f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})"
    return f"{name}, {options(configured)}, {optimisation(str(sysconfig.get_config_var('PY_CFLAGS') or ''))}"


def options(configured: str) -> str:
    """Say which of the options that make the interpreter faster it was configured with."""
    given = [each for each in OPTIONS if each in configured]
    absent = [each for each in OPTIONS if each not in configured]
    parts = [f"with {' and '.join(given)}"] if given else []
    parts += [f"without {' or '.join(absent)}"] if absent else []
    return f"configured {', '.join(parts)}"


def optimisation(flags: str) -> str:
    """Return the last optimisation level among the compiler's flags, which is the one that counts."""
    levels = [flag for flag in flags.split() if flag.startswith("-O")]
    return levels[-1] if levels else "no optimisation level"


def machine() -> str:
    """Name the processor, the cores that this process may use, the kernel, and how busy the machine is now."""
    file = Path("/proc/cpuinfo")
    model = processor(file.read_text() if file.exists() else "") or platform.processor() or "unknown processor"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{model}, {cores} cores, {system}, {load(os.getloadavg()[0], cores)}"


def load(average: float, cores: int) -> str:
    """Say how busy the machine is. Other work takes caches and cores away, from Python more than from nginx."""
    busy = ": other work is running, so no ratio here is to be trusted" if average >= cores else ""
    return f"load average {average:.2f} at the start{busy}"


def processor(cpuinfo: str) -> str:
    """Return the processor's name from the text of `/proc/cpuinfo`, or an empty string."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""
