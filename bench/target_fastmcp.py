"""What `doorward serve bench/target_fastmcp.py` stands in front of: FastMCP, in process."""

from __future__ import annotations

from pathlib import Path

from bench import apps

app = apps.fastmcp(apps.Settings(0, Path(), Path(), {}))
