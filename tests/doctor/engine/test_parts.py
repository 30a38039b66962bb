from __future__ import annotations

import dataclasses

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.parts import Metadata, Reached, SignedIn
from doorward.doctor.engine.requests import Response
from testbed.answers import reply

URL = "https://mcp.example.com/mcp"
RESULT, ERROR = reply(200, {"result": {}}), reply(200, {"error": {"code": -32601}})


@pytest.mark.parametrize(
    ("initialize", "discover", "is_discovered", "is_open"),
    [
        (Response(401), Response(401), False, False),
        (Response(200), Response(401), False, True),
        (Response(401), RESULT, True, True),
        (Response(401), ERROR, False, False),
    ],
)
def test_an_endpoint_is_open_if_either_era_is_answered_without_a_token(initialize, discover, is_discovered, is_open):
    reached = Reached(URL, initialize, discover)
    assert (reached.is_discovered, reached.is_open) == (is_discovered, is_open)


@pytest.mark.parametrize("part", [Reached(URL), Metadata({}), SignedIn({}, Response(200), {})])
def test_a_part_cannot_be_changed_once_it_is_handed_on(part):
    first = dataclasses.fields(part)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(part, first, None)


def test_clients_read_the_documents_of_the_resource_first():
    picture = Picture(URL, resource_metadata=Metadata({}, ("a", "b")), server_metadata=Metadata({}, ("c",)))
    assert picture.documents == ("a", "b", "c")
