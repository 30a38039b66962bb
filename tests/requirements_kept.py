"""What the protocol asks and the door must not lose: requirements that rest on what passes through untouched.

`shown_by` names the tests, as file and function.
"""

from __future__ import annotations

from requirements import Requirement

CONFORMANCE = "flows/test_conformance.py::test_an_open_door_changes_no_verdict"
UNCHANGED = ("door/test_requests.py::test_a_message_goes_up_unchanged_with_what_was_learned_about_it",)
BYTE_FOR_BYTE = ("door/test_stream.py::test_a_json_answer_goes_out_byte_for_byte",)
STREAMED = ("door/test_stream.py::test_an_event_stream_goes_out_part_by_part_as_it_came",)
KEPT = (CONFORMANCE, *UNCHANGED, *BYTE_FOR_BYTE, *STREAMED)
"""What passes through untouched is as right as the upstream made it, and the official suite sees no difference."""

OF_THE_PROTOCOL = (
    Requirement(
        "T11",
        "State across calls is what the caller names in a handle, and the door adds none.",
        "MCP 2026-07-28 transports",
        (*KEPT, "door/test_sessions.py::test_the_modern_era_neither_sends_nor_gets_a_session"),
    ),
    Requirement(
        "T14",
        "A subscription passes as it is: acknowledged first, under the client's own id, and ended with a result.",
        "MCP 2026-07-28 subscriptions",
        (*KEPT, "upstreams/stdio/test_modern.py::test_a_subscription_carries_the_clients_own_id"),
    ),
    Requirement(
        "T15",
        "Caching hints pass as they are, and no cache of anybody decides who may see an answer.",
        "MCP 2026-07-28 caching",
        (
            *KEPT,
            "door/test_stream.py::test_the_upstream_s_own_cache_control_is_kept_for_json",
            "mcp/test_results.py::test_each_missing_member_is_named",
        ),
    ),
    Requirement(
        "T16",
        "A modern result says which kind it is, and a legacy one says nothing of the sort.",
        "MCP 2026-07-28 basic",
        (*KEPT, "door/test_real_servers.py::test_a_modern_client_discovers_lists_and_calls"),
    ),
    Requirement(
        "T21",
        "A stream is taken up again where it broke off, by its own session only.",
        "MCP 2025-11-25 transports",
        (CONFORMANCE, "door/test_sessions.py::test_get_and_delete_name_a_session_too"),
    ),
    Requirement(
        "T23",
        "No schema makes the door ask for anything, or think for long.",
        "MCP 2026-07-28 basic",
        (*KEPT, "test_strict_json.py::test_a_body_that_is_mere_structure_is_refused_before_it_is_decoded"),
    ),
    Requirement("T24", "A failure of a tool is a result, and an unknown tool an error; both pass.", "MCP tools", KEPT),
    Requirement("T25", "Tools are listed in the order in which the server lists them.", "MCP 2026-07-28 tools", KEPT),
    Requirement(
        "X9",
        "A command is what the operator wrote, and nothing that anybody sends becomes part of one.",
        "MCP security, local server compromise",
        (
            "config/test_targets.py::test_a_command_is_split_like_a_shell_does",
            "attacks/test_outgoing_attacks.py::test_no_text_of_anybody_reaches_a_shell",
            "upstreams/stdio/test_child.py::test_the_doors_own_settings_are_hidden_from_children",
        ),
    ),
    Requirement(
        "X10",
        "A question of the server reaches the user who called, with its URL untouched and unvisited.",
        "MCP security, URL elicitation",
        (
            *KEPT,
            "flows/test_three_ways_in.py::test_progress_and_questions_pass_through_in_both_eras",
            "upstreams/stdio/test_legacy.py::test_a_question_of_the_server_reaches_the_client_and_its_answer_the_server",
            "door/test_sessions.py::test_someone_else_s_session_does_not_exist",
        ),
    ),
    Requirement(
        "X11",
        "What a server asks back to remember is passed untouched; what the door itself seals is bound to its user.",
        "MCP security, request state",
        (*KEPT, "mcp/test_sessions.py::test_an_id_does_not_open_for_another_principal_or_door"),
    ),
    Requirement(
        "EXT-1",
        "A program calls with credentials of its own: a secret or a key, registered by an operator.",
        "MCP oauth-client-credentials",
        (
            "endpoints/test_official_extensions.py::test_the_sdk_calls_as_a_service_account",
            "endpoints/test_official_extensions.py::test_the_sdk_calls_as_a_service_account_with_a_key",
            "endpoints/test_token.py::test_nobody_registers_themselves_for_these_grants",
        ),
    ),
    Requirement(
        "EXT-2",
        "An enterprise's assertion is checked claim by claim, counts once, and gives no refresh token.",
        "MCP enterprise-managed-authorization",
        (
            "endpoints/test_official_extensions.py::test_the_sdk_calls_as_a_person_of_an_enterprise",
            "oauth/grants/test_id_jag.py::test_every_hostile_assertion_is_refused_for_its_own_reason",
            "endpoints/grants/test_jwt_bearer.py::test_sixteen_racers_use_an_assertion_once",
        ),
    ),
    Requirement(
        "EXT-3",
        "Calls about a task are compared with their mirrored id, and answers that are tasks pass.",
        "MCP tasks",
        ("mcp/test_headers.py::test_a_missing_or_lying_header_is_a_mismatch", *KEPT),
    ),
)
