from __future__ import annotations

import pytest

from doorward.mcp.era import (
    CAPABILITIES_KEY,
    HEADER_MISMATCH,
    LEGACY_VERSIONS,
    MODERN_VERSIONS,
    SERVED_VERSIONS,
    UNSUPPORTED_VERSION,
    VERSION_KEY,
    Legacy,
    Modern,
    classify,
    classify_bodiless,
)
from doorward.mcp.headers import Mirrored
from doorward.mcp.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, Message, Refusal

MODERN = "2026-07-28"
OLDEST_LEGACY = "2024-11-05"
UNKNOWN = "1900-01-01"


def request(method: str = "tools/list", meta: object = None, rpc_id: int = 7) -> Message:
    return Message("request", method, rpc_id, {} if meta is None else {"_meta": meta})


def envelope(version: object = MODERN) -> dict[str, object]:
    return {VERSION_KEY: version, CAPABILITIES_KEY: {}}


def refused(outcome: object) -> tuple[int, int]:
    assert isinstance(outcome, Refusal)
    return outcome.status, outcome.code


def test_a_complete_modern_request_is_modern():
    outcome = classify(request(meta=envelope()), Mirrored(MODERN, "tools/list"))
    assert outcome == Modern(MODERN, "tools/list", 7)


@pytest.mark.parametrize("method", ["ping", "initialize", "no/such"])
def test_the_upstream_decides_which_modern_methods_exist(method):
    assert isinstance(classify(request(method, envelope()), Mirrored(MODERN, method)), Modern)


@pytest.mark.requirement("U-06")
@pytest.mark.requirement("T8")
@pytest.mark.parametrize("header", [None, "2025-11-25", UNKNOWN, "2026-07-28, 2026-07-28", ""])
def test_a_modern_body_whose_header_was_stripped_or_changed_never_reaches_session_code(header):
    outcome = classify(request(meta=envelope()), Mirrored(header, "tools/list"))
    assert refused(outcome) == (400, HEADER_MISMATCH)
    assert outcome.rpc_id == 7


@pytest.mark.parametrize("version", [None, 20260728, ["2026-07-28"], {}])
def test_a_version_in_the_body_that_is_no_text_is_a_mismatch(version):
    assert refused(classify(request(meta=envelope(version)), Mirrored(MODERN, "tools/list"))) == (400, HEADER_MISMATCH)


def test_a_stripped_header_is_explained():
    outcome = classify(request(meta=envelope()), Mirrored())
    assert isinstance(outcome, Refusal)
    assert "removes it" in outcome.message


@pytest.mark.requirement("T9")
@pytest.mark.parametrize(("meta", "supported"), [(None, SERVED_VERSIONS), (envelope(UNKNOWN), MODERN_VERSIONS)])
def test_an_unknown_version_is_answered_with_the_versions_that_would_be_understood_there(meta, supported):
    outcome = classify(request(meta=meta), Mirrored(UNKNOWN, "tools/list"))
    assert refused(outcome) == (400, UNSUPPORTED_VERSION)
    assert outcome.data == {"supported": list(supported), "requested": UNKNOWN}
    assert outcome.rpc_id == 7
    assert {MODERN, *LEGACY_VERSIONS} == set(SERVED_VERSIONS)


@pytest.mark.parametrize(
    ("meta", "missing"),
    [
        (None, [VERSION_KEY, CAPABILITIES_KEY]),
        ("text", [VERSION_KEY, CAPABILITIES_KEY]),
        ({CAPABILITIES_KEY: {}}, [VERSION_KEY]),
        ({VERSION_KEY: MODERN}, [CAPABILITIES_KEY]),
        ({VERSION_KEY: MODERN, CAPABILITIES_KEY: None}, [CAPABILITIES_KEY]),
        ({VERSION_KEY: MODERN, CAPABILITIES_KEY: []}, [CAPABILITIES_KEY]),
    ],
)
def test_a_modern_header_without_the_envelope_names_the_missing_keys(meta, missing):
    outcome = classify(request(meta=meta), Mirrored(MODERN, "tools/list"))
    assert refused(outcome) == (400, INVALID_PARAMS)
    named = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key in outcome.message]
    assert named == missing


@pytest.mark.requirement("U-06")
@pytest.mark.requirement("T8")
@pytest.mark.parametrize(
    "mirrored",
    [
        Mirrored(MODERN),
        Mirrored(MODERN, "tools/list"),
        Mirrored(MODERN, "tools/call"),
        Mirrored(MODERN, "tools/call", "other"),
    ],
)
def test_modern_mirrored_headers_must_agree_with_the_body(mirrored):
    message = Message("request", "tools/call", 7, {"name": "book", "_meta": envelope()})
    assert refused(classify(message, mirrored)) == (400, HEADER_MISMATCH)


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
@pytest.mark.parametrize("message", [request(), request(meta=envelope()), Message("response", rpc_id=1)])
def test_a_routing_header_sent_twice_is_a_mismatch_in_either_era(name, message):
    assert refused(classify(message, Mirrored(doubled=name))) == (400, HEADER_MISMATCH)
    assert refused(classify_bodiless(Mirrored(doubled=name))) == (400, HEADER_MISMATCH)


@pytest.mark.parametrize("header", [None, *LEGACY_VERSIONS])
def test_without_a_modern_sign_a_request_is_legacy(header):
    assert classify(request(), Mirrored(header)) == Legacy(header, "tools/list", 7)


@pytest.mark.parametrize("header", [None, *LEGACY_VERSIONS])
def test_initialize_opens_a_session_whatever_version_its_parameters_ask_for(header):
    message = Message("request", "initialize", 0, {"protocolVersion": "2099-01-01"})
    assert classify(message, Mirrored(header)) == Legacy(header, "initialize", 0, opens_session=True)


@pytest.mark.parametrize("header", [None, OLDEST_LEGACY])
def test_legacy_requests_owe_no_mirrored_headers_and_may_carry_any(header):
    message = Message("request", "tools/call", 7, {"name": "book"})
    assert isinstance(classify(message, Mirrored(header, "tools/list", "other")), Legacy)


def test_an_envelope_that_agrees_with_its_header_on_a_legacy_version_is_legacy():
    outcome = classify(request("initialize", envelope(OLDEST_LEGACY)), Mirrored(OLDEST_LEGACY))
    assert outcome == Legacy(OLDEST_LEGACY, "initialize", 7, opens_session=True)


@pytest.mark.parametrize("meta", [{}, {"progressToken": 1}, [], "x"])
def test_other_metadata_does_not_make_a_request_modern(meta):
    assert isinstance(classify(request(meta=meta), Mirrored()), Legacy)


@pytest.mark.parametrize("meta", [None, {VERSION_KEY: MODERN}])
@pytest.mark.parametrize("method_header", [None, "notifications/x"])
def test_a_modern_notification_owes_no_envelope(meta, method_header):
    message = Message("notification", "notifications/x", None, {} if meta is None else {"_meta": meta})
    assert classify(message, Mirrored(MODERN, method_header)) == Modern(MODERN, "notifications/x", None)


def test_a_modern_notification_whose_method_header_lies_is_a_mismatch():
    message = Message("notification", "notifications/x")
    assert refused(classify(message, Mirrored(MODERN, "tools/call"))) == (400, HEADER_MISMATCH)


def test_a_legacy_response_is_passed_on():
    assert classify(Message("response", rpc_id=4), Mirrored("2025-11-25")) == Legacy("2025-11-25", None, None)


def test_a_modern_client_posts_no_responses():
    assert refused(classify(Message("response", rpc_id=4), Mirrored(MODERN))) == (400, INVALID_REQUEST)


@pytest.mark.parametrize("header", [None, *LEGACY_VERSIONS])
def test_get_and_delete_belong_to_the_legacy_era(header):
    assert classify_bodiless(Mirrored(header)) == Legacy(header, None, None)


def test_get_and_delete_do_not_exist_in_the_modern_era():
    assert isinstance(classify_bodiless(Mirrored(MODERN)), Modern)


def test_get_with_an_unknown_version_is_refused():
    assert refused(classify_bodiless(Mirrored(UNKNOWN))) == (400, UNSUPPORTED_VERSION)
