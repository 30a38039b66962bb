"""The main job: the official clients sign in, list and call through a door, in both eras, for every kind of target."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flows import foreign
from flows.door import PASSWORD, Door, serving
from flows.python_client import Keyring, visit
from flows.user_agent import Person

PERSON = Person(password=PASSWORD)


@dataclass(frozen=True)
class Subject:
    """A kind of target, what it offers, and whether a client that can choose speaks the modern era to it."""

    name: str
    tool: str
    arguments: dict[str, object]
    answer: str
    modern: bool = True

    @contextlib.contextmanager
    def door(self, data_dir: Path) -> Iterator[Door]:
        with contextlib.ExitStack() as stack:
            target = self._target(stack)
            yield stack.enter_context(serving(*target, data_dir=data_dir))

    def _target(self, stack: contextlib.ExitStack) -> tuple[str | Path, ...]:
        if self.name == "http modern":
            return (stack.enter_context(foreign.python_server("sdk_server")).url(),)
        if self.name == "http legacy":
            return (stack.enter_context(foreign.everything_server()).url(),)
        if self.name == "stdio legacy":
            return foreign.everything_command()
        if self.name == "stdio time":
            return foreign.TIME_SERVER
        return (foreign.SERVERS / f"{self.name}.py",)


ADD = ("add", {"a": 2, "b": 3}, "5")
ECHO = ("echo", {"message": "hi"}, "hi")
SUBJECTS = [
    Subject("fastmcp_server", *ADD),
    Subject("sdk_server", *ADD),
    Subject("http modern", *ADD),
    Subject("http legacy", *ECHO, modern=False),
    Subject("stdio legacy", *ECHO, modern=False),
    Subject("stdio time", "get_current_time", {"timezone": "UTC"}, "UTC"),
]


@pytest.fixture(scope="module", params=SUBJECTS, ids=lambda subject: subject.name)
def served(request, tmp_path_factory) -> Iterator[tuple[Subject, Door]]:
    subject: Subject = request.param
    with subject.door(tmp_path_factory.mktemp("door") / "data") as door:
        yield subject, door


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_python_client_signs_in_lists_calls_and_comes_back(served: tuple[Subject, Door], mode: str):
    subject, door = served
    keyring = Keyring()
    calls = [(subject.tool, subject.arguments)]
    first = await visit(door.url, calls, mode=mode, person=PERSON, keyring=keyring)
    assert first.era == ("modern" if subject.modern and mode == "auto" else "legacy")
    assert subject.answer in first.results[0].content[0].text
    again = await visit(door.url, calls, mode=mode, person=PERSON, keyring=keyring)
    assert again.sign_ins == []


@pytest.mark.parametrize(("script", "mode"), [("client_v1", "legacy"), ("client_v2", "legacy"), ("client_v2", "auto")])
def test_the_typescript_clients_sign_in_list_and_call(served: tuple[Subject, Door], script: str, mode: str):
    subject, door = served
    flags = foreign.flags(tool=subject.tool, arguments=subject.arguments, auth="dcr", mode=mode)
    seen = foreign.typescript_client(script, door.url, *flags, password=PASSWORD)
    assert seen["ok"], seen
    assert seen["era"] == ("modern" if subject.modern and mode == "auto" else "legacy")
    assert subject.tool in seen["tools"]
    assert subject.answer in seen["result"]["content"][0]["text"]
    assert seen["oauth"]["registrations"] == seen["oauth"]["authorizations"] == 1
