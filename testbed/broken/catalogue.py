"""Broken servers of the rules in `corpus/catalogue.toml`."""

from __future__ import annotations

from testbed.broken.registry import breaks
from testbed.good import Open


@breaks("TOOL-01")
class UnionAtTheRoot(Open):
    """The input schema of one tool has anyOf at its root."""

    def change(self):
        self.tools[0]["inputSchema"]["anyOf"] = [{"required": ["text"]}, {"required": []}]


@breaks("TOOL-02")
class NameWithADot(Open):
    """One tool is named meta.index."""

    def change(self):
        self.tools[0]["name"] = "meta.index"


@breaks("TOOL-03")
class ConstantCursor(Open):
    """The cursor never changes."""

    def listed(self, params):
        return super().listed(params) | {"nextCursor": "2"}


@breaks("TOOL-04")
class NoCapabilities(Open):
    """The capabilities are empty."""

    def capabilities(self):
        return {}


@breaks("TOOL-05")
class TextAlone(Open):
    """A tool with an output schema returns text alone."""

    def tool(self, params):
        return {"content": super().tool(params)["content"]}


@breaks("SCALE-01")
class FourHundredTools(Open):
    """There are four hundred tools."""

    def change(self):
        self.tools += [{**self.tools[0], "name": f"echo_{number}"} for number in range(398)]
