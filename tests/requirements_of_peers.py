"""What the tests of the leading OAuth library for servers hold, and which tests hold it here.

The numbers are those of `requirement_lists.py`; `shown_by` names the tests, as file and function.
"""

from __future__ import annotations

from requirements import Requirement

OF_PEERS = (
    Requirement(
        "P-01",
        "What contradicts itself in the settings is refused before anything starts.",
        "peers P-01",
        ("test_app.py::test_every_setting_that_cannot_be_used_is_named_at_once",),
    ),
    Requirement(
        "P-02",
        "The metadata follows from what is built and switched on.",
        "peers P-02; RFC 8414 s2",
        ("oauth/test_metadata.py::test_the_authorization_server_advertises_what_is_built_and_nothing_else",),
    ),
    Requirement(
        "P-03",
        "The metadata is found as OpenID configuration too.",
        "peers P-03",
        (
            "oauth/test_metadata.py::test_every_path_that_a_client_probes_is_served",
            "endpoints/test_well_known.py::test_metadata_is_the_same_wherever_a_client_looks",
        ),
    ),
    Requirement(
        "P-04",
        "The challenge leads to the description of the door with the path inserted.",
        "peers P-04; RFC 9728 s3",
        ("oauth/test_metadata.py::test_the_challenge_names_the_url_with_the_path_inserted",),
    ),
    Requirement(
        "P-05",
        "The description is found at the root too.",
        "peers P-05",
        ("endpoints/test_well_known.py::test_metadata_is_the_same_wherever_a_client_looks",),
    ),
    Requirement(
        "P-06",
        "offline_access is in no list of the door's scopes.",
        "peers P-06",
        ("oauth/test_scopes.py::test_what_cannot_be_granted_is_left_out",),
    ),
    Requirement(
        "P-07",
        "The door lists the scopes it needs, and not whatever the server knows.",
        "peers P-07",
        (
            "endpoints/test_step_up.py::test_metadata_tells_a_client_to_begin_small",
            "config/test_rules.py::test_scopes_of_operations_are_published_by_the_authorization_server_only",
        ),
    ),
    Requirement(
        "P-08",
        "No error is named when no credential came.",
        "peers P-08; RFC 6750 s3.1",
        ("endpoints/test_flow.py::test_a_missing_token_and_a_bad_one_get_different_challenges",),
    ),
    Requirement(
        "P-09",
        "A missing scope is named with all of its operation, decided for each tool.",
        "peers P-09",
        (
            "door/test_operation_scopes.py::test_the_refusal_names_every_scope_of_the_operation_and_the_id_of_the_request",
        ),
    ),
    Requirement(
        "P-10",
        "A registration is told what was stored: public, confidential, defaults, method.",
        "peers P-10; RFC 7591 s3.2.1",
        (
            "oauth/clients/test_registration.py::test_a_minimal_body_makes_a_confidential_client_with_truthful_defaults",
            "oauth/clients/test_registration.py::test_a_public_client_gets_no_secret",
            "oauth/clients/test_registration.py::test_a_chosen_method_is_kept_and_echoed",
        ),
    ),
    Requirement(
        "P-11",
        "A registration that could not be honoured is refused.",
        "peers P-11",
        ("oauth/clients/test_metadata.py::test_metadata_that_cannot_be_honoured_is_refused",),
    ),
    Requirement(
        "P-12",
        "Names and addresses in several languages are kept and checked alike.",
        "peers P-12; RFC 7591 s2.2",
        (
            "oauth/clients/test_registration.py::test_everything_a_client_says_about_itself_is_stored_and_echoed",
            "oauth/clients/test_metadata.py::test_what_is_unknown_null_or_empty_is_ignored",
        ),
    ),
    Requirement(
        "P-13",
        "The operator's own function sees a registration and refuses in its own words; broken, it lets nobody in.",
        "peers P-13",
        (
            "endpoints/test_registration_hook.py::test_a_function_refuses_in_its_own_words_and_sees_what_was_sent",
            "endpoints/test_register.py::test_a_hook_decides_who_may_register",
            "endpoints/test_register.py::test_a_hook_that_breaks_lets_nobody_in",
        ),
    ),
    Requirement(
        "P-14",
        "A client that registered itself expires unused, and lives on while it is used.",
        "peers P-14",
        (
            "endpoints/test_register.py::test_a_client_lives_as_long_as_its_grants_and_a_while_longer",
            "oauth/clients/test_new_client.py::test_an_operator_adds_a_client_that_never_expires",
        ),
    ),
    Requirement(
        "P-15",
        "A client reads, replaces and removes its registration.",
        "peers P-15; RFC 7592 s2",
        ("endpoints/test_registration_management.py::test_a_client_reads_replaces_and_deletes_its_registration",),
    ),
    Requirement(
        "P-16",
        "Errors are redirected, with state and iss, only to a proved target.",
        "peers P-16",
        (
            "oauth/authorization/test_request.py::test_without_a_trusted_target_the_error_stays_here",
            "endpoints/test_flow.py::test_a_fault_of_a_trusted_client_goes_back_to_it_with_state_and_issuer",
        ),
    ),
    Requirement(
        "P-17",
        "A redirect URI with odd case, blanks, controls or no host is refused.",
        "peers P-17",
        (
            "oauth/clients/test_redirect_uris.py::test_there_are_two_hundred_hostile_variants",
            "oauth/clients/test_redirect_uris.py::test_a_dangerous_redirect_uri_is_refused_at_registration_and_again_at_use",
        ),
    ),
    Requirement(
        "P-18",
        "A loopback URI may have any port, and nothing else may differ.",
        "peers P-18; RFC 8252 s7.3",
        (
            "oauth/clients/test_redirect_uris.py::test_the_port_of_a_loopback_uri_may_differ",
            "oauth/clients/test_redirect_uris.py::test_everything_else_of_a_loopback_uri_must_be_the_same",
        ),
    ),
    Requirement(
        "P-19",
        "An approval looks at client and redirect URI again before anything is written.",
        "peers P-19",
        ("oauth/authorization/test_request.py::test_an_answer_too_late_or_to_a_changed_client_goes_nowhere",),
    ),
    Requirement(
        "P-20",
        "A code needs the verifier of an S256 challenge, whoever the client is.",
        "peers P-20; RFC 7636 s4.6",
        (
            "oauth/authorization/test_pkce.py::test_a_challenge_that_protects_nothing_is_refused",
            "oauth/grants/test_authorization_code.py::test_a_wrong_attempt_is_refused_and_does_not_burn_the_code",
        ),
    ),
    Requirement(
        "P-21",
        "A code replayed ends what it gave; a forged or foreign one ends nothing.",
        "peers P-21",
        (
            "oauth/grants/test_authorization_code.py::test_a_replay_ends_the_grant_and_its_tokens",
            "oauth/grants/test_authorization_code.py::test_a_forged_code_or_a_lost_grant_ends_nothing",
        ),
    ),
    Requirement(
        "P-22",
        "A wrong attempt does not use a code up.",
        "peers P-22",
        ("oauth/grants/test_authorization_code.py::test_a_wrong_attempt_is_refused_and_does_not_burn_the_code",),
    ),
    Requirement(
        "P-23",
        "The token endpoint reads one kind of body and one authentication, the registered one.",
        "peers P-23",
        (
            "oauth/test_parameters.py::test_a_repeated_parameter_is_never_resolved_by_position",
            "oauth/clients/test_authentication.py::test_malformed_or_double_credentials_are_refused",
            "oauth/clients/test_authentication.py::test_any_other_client_is_refused_with_401",
        ),
    ),
    Requirement(
        "P-24",
        "Scopes are narrowed at code, refresh and exchange; unknown ones fall away, and none left is an error.",
        "peers P-24",
        (
            "oauth/test_scopes.py::test_a_refresh_may_only_narrow",
            "oauth/test_scopes.py::test_asking_only_for_what_does_not_exist_is_refused",
            "oauth/grants/test_token_exchange.py::test_no_request_widens_a_token",
        ),
    ),
    Requirement(
        "P-25",
        "Each refresh rotates, a repeat gets the identical answer, and reuse ends the line.",
        "peers P-25; RFC 9700 s4.14.2",
        (
            "oauth/grants/test_refresh_token.py::test_every_use_rotates",
            "oauth/grants/test_refresh_token.py::test_a_repeat_within_the_window_gets_the_identical_successor",
            "oauth/grants/test_refresh_token.py::test_reuse_ends_the_grant_and_its_tokens",
        ),
    ),
    Requirement(
        "P-26",
        "A refresh slides within the grant, and no token outlives it.",
        "peers P-26",
        (
            "oauth/grants/test_refresh_token.py::test_no_token_outlives_the_grant",
            "oauth/grants/test_refresh_token.py::test_a_token_without_expiry_lives_as_long_as_the_grant",
        ),
    ),
    Requirement(
        "P-27",
        "A store that is busy or away is no verdict, and says when to come again.",
        "peers P-27",
        (
            "endpoints/test_answers.py::test_a_fault_of_ours_is_never_a_verdict_about_a_client",
            "storage/test_postgres_faults.py::test_a_database_that_is_away_is_unavailable_and_gives_no_verdict",
        ),
    ),
    Requirement(
        "P-28",
        "An exchanged token has less of everything, and others' tokens only by an operator's word.",
        "peers P-28; RFC 8693 s2",
        (
            "oauth/grants/test_token_exchange.py::test_every_other_exchange_is_refused",
            "endpoints/grants/test_token_exchange.py::test_tokens_of_others_are_not_for_everybody",
        ),
    ),
    Requirement(
        "P-29",
        "An identity assertion is checked claim by claim, and its id kept where all nodes see it.",
        "peers P-29",
        (
            "oauth/grants/test_id_jag.py::test_every_hostile_assertion_is_refused_for_its_own_reason",
            "endpoints/grants/test_jwt_bearer.py::test_an_assertion_is_remembered_across_a_restart",
        ),
    ),
    Requirement(
        "P-30",
        "The audience is one resource, in any spelling on the way in and in one on the way out.",
        "peers P-30; RFC 8707 s2",
        (
            "oauth/test_resource_indicators.py::test_every_spelling_of_the_door_is_the_door",
            "oauth/test_resource_indicators.py::test_any_other_resource_is_foreign",
        ),
    ),
    Requirement(
        "P-31",
        "Endpoints without cookies answer browser-based clients from anywhere, errors too.",
        "peers P-31; Fetch s3.2",
        ("endpoints/test_answers.py::test_a_browser_based_client_may_ask_from_anywhere",),
    ),
    Requirement(
        "P-32",
        "Whatever holds a token, a secret or an error is kept by no cache.",
        "peers P-32",
        (
            "attacks/test_authorize_attacks.py::test_the_door_withstands",
            "door/test_requests.py::test_a_refusal_is_no_store",
        ),
    ),
    Requirement(
        "P-33",
        "The operator's function takes scopes and life off tokens, and what it does not answer gives none.",
        "peers P-33",
    ),
    Requirement(
        "P-34",
        "What went wrong inside is in the log under an id, told to the operator's function, and never on the wire.",
        "peers P-34",
        (
            "endpoints/test_answers.py::test_a_fault_of_ours_is_never_a_verdict_about_a_client",
            "door/test_faults.py::test_a_bug_is_answered_with_an_id_that_is_in_the_log",
        ),
    ),
    Requirement(
        "P-35",
        "Clients and grants are listed and ended; ending one takes its own along and nothing else.",
        "peers P-35",
        (
            "cli/test_clients.py::test_removing_a_client_ends_its_grants",
            "cli/test_grants.py::test_grants_are_listed_and_revoked",
        ),
    ),
    Requirement(
        "P-36",
        "A token of another issuer counts if a function of the operator's says so, and it is alive and for this door.",
        "peers P-36",
    ),
    Requirement(
        "P-37",
        "An access token is revoked alone, a refresh token with its grant, whatever the hint says.",
        "peers P-37; RFC 7009 s2",
        (
            "oauth/tokens/test_revocation.py::test_an_access_token_takes_only_itself",
            "oauth/tokens/test_revocation.py::test_a_refresh_token_takes_the_grant_and_all_its_tokens_along",
            "oauth/tokens/test_revocation.py::test_what_is_unknown_or_anothers_is_left_alone_and_nobody_learns_of_it",
        ),
    ),
    Requirement(
        "P-38",
        "A new grant in use ends the older ones of its place, unless the operator wants them kept.",
        "peers P-38",
        (
            "endpoints/test_step_up.py::test_a_new_grant_in_use_ends_the_older_one_of_the_same_place",
            "endpoints/test_step_up.py::test_an_operator_may_keep_older_grants",
        ),
    ),
    Requirement(
        "P-39",
        "What has expired is swept, in small steps, and what is healthy stays.",
        "peers P-39",
        (
            "storage/test_conformance.py::test_a_purge_removes_what_expired_before_the_instant_and_counts_it",
            "storage/test_conformance.py::test_a_large_purge_removes_everything",
        ),
    ),
    Requirement(
        "P-40",
        "A metadata document is taken from every real client and from no liar.",
        "peers P-40",
        (
            "attacks/test_registration_attacks.py::test_the_door_withstands",
            "oauth/clients/test_id_metadata.py::test_what_real_documents_say_is_accepted",
            "fetching/test_fetcher.py::test_a_hostile_host_ends_within_bounds",
        ),
    ),
    Requirement(
        "P-41",
        "Addresses are checked on the connected socket, with no switch of a platform.",
        "peers P-41; RFC 6890 s2.2",
        (
            "fetching/test_fetcher.py::test_a_name_that_changes_between_check_and_use_gains_nothing",
            "fetching/test_fetcher.py::test_one_inner_address_among_those_of_a_name_refuses_the_name",
        ),
    ),
    Requirement(
        "P-42",
        "Codes, references and assertion ids count once, whatever the concurrency.",
        "peers P-42",
        (
            "endpoints/test_flow.py::test_sixteen_racers_redeem_a_code_for_one_pair_of_tokens",
            "endpoints/test_par.py::test_of_sixteen_visits_at_once_one_begins_a_sign_in",
            "endpoints/grants/test_jwt_bearer.py::test_sixteen_racers_use_an_assertion_once",
        ),
    ),
    Requirement(
        "P-43",
        "What was registered is there for the very next request, on any node.",
        "peers P-43",
        (
            "storage/test_conformance.py::test_another_store_on_the_same_data_sees_what_was_applied",
            "flows/test_nodes.py::test_a_flow_whose_every_request_meets_another_node",
        ),
    ),
)
