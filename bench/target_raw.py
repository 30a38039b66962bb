"""What `doorward serve bench/target_raw.py` stands in front of: the raw server, in process."""

from __future__ import annotations

from pathlib import Path

from bench import apps

app = apps.raw(apps.Settings(0, Path(), Path(), {}))
