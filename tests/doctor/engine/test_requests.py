"""What a check can read off an answer."""

from __future__ import annotations

import pytest

from doorward.doctor.engine.requests import Request, Response, Together, together

JSON, EVENTS = "application/json", "text/event-stream"


def of(body: bytes, media_type: str = JSON, status: int = 200) -> Response:
    return Response(status, {"content-type": media_type}, body)


@pytest.mark.parametrize(
    ("header", "media_type"),
    [("application/JSON; charset=utf-8", JSON), (" text/html ", "text/html"), ("", ""), (";x", "")],
)
def test_the_media_type_has_no_parameters(header, media_type):
    assert Response(200, {"content-type": header}).media_type == media_type


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (of(b'{"a": 1}'), {"a": 1}),
        (of(b'{"a": 1}', "text/html"), {"a": 1}),
        (of(b"<html>"), None),
        (of(b'{"a": 1, "a": 2}'), None),
        (of(b"[1]"), [1]),
        (of(b'data: {"result": {}}\n\n', EVENTS), {"result": {}}),
        (of(b'data: {"method": "x"}\n\ndata: {"error": {}}\n\n', EVENTS), {"error": {}}),
        (of(b'data: {"method": "x"}\n\ndata: {"method": "y"}\n\n', EVENTS), {"method": "x"}),
        (of(b": nothing\n\ndata: [1]\n\n", EVENTS), None),
        (of(b'data: {"broken\n\ndata: {"result": 1}\n\n', EVENTS), {"result": 1}),
    ],
)
def test_the_answer_is_found_in_the_body_or_among_the_events(answer, found):
    assert answer.json == found


@pytest.mark.parametrize(
    ("answer", "document"),
    [(of(b'{"a": 1}'), {"a": 1}), (of(b"[1]"), None), (of(b'{"a": 1}', status=201), None), (of(b"x"), None)],
)
def test_a_document_is_an_object_that_was_found(answer, document):
    assert answer.document == document


def test_each_of_several_requests_gets_the_answer_in_its_place():
    asked = {"one": Request("GET", "https://x.example/1"), "two": Request("GET", "https://x.example/2")}
    steps = together(asked)
    assert next(steps) == Together(tuple(asked.values()))
    answers = Response(404), Response(200)
    with pytest.raises(StopIteration) as end:
        steps.send(Response(0, parts=answers))
    assert end.value.value == {"one": (asked["one"], answers[0]), "two": (asked["two"], answers[1])}
