"""What the best authorization servers have, and which tests show it here.

The numbers are those of `requirement_lists.py`; `shown_by` names the tests, as file and function.
"""

from __future__ import annotations

from requirements import Requirement

OF_SERVERS = (
    Requirement(
        "F-01",
        "Both eras are served on one address, each request as it is.",
        "frameworks F-01",
        (
            "door/test_real_servers.py::test_a_legacy_client_shakes_hands_calls_and_leaves",
            "flows/test_conformance.py::test_an_open_door_changes_no_verdict",
        ),
    ),
    Requirement(
        "F-02",
        "Issuer and resource are equal byte for byte wherever they are published, with a path too.",
        "frameworks F-02",
        (
            "oauth/test_metadata.py::test_an_issuer_with_a_path_is_found_inserted_and_appended",
            "endpoints/test_answers.py::test_no_header_changes_a_published_address",
        ),
    ),
    Requirement(
        "F-03",
        "The issuer is in every answer, and the metadata says so.",
        "frameworks F-03; RFC 9207 s2",
        ("oauth/test_errors.py::test_a_redirected_error_carries_code_description_state_and_issuer",),
    ),
    Requirement(
        "F-04",
        "S256 is advertised, and nothing else is taken.",
        "frameworks F-04; RFC 7636 s4.3",
        ("oauth/authorization/test_pkce.py::test_a_challenge_that_protects_nothing_is_refused",),
    ),
    Requirement(
        "F-05",
        "A foreign resource is invalid_target; spellings are forgiven on the way in.",
        "frameworks F-05; RFC 8707 s2",
        ("oauth/test_resource_indicators.py::test_there_is_one_canonical_spelling",),
    ),
    Requirement(
        "F-06",
        "Metadata documents are fetched within bounds, cached, allowed by host, and shown for what they are.",
        "frameworks F-06",
        (
            "endpoints/test_metadata_documents.py::test_a_document_is_asked_for_again_only_when_it_is_no_longer_fresh",
            "endpoints/test_metadata_documents.py::test_a_host_that_is_not_on_the_list_is_not_asked",
            "endpoints/test_metadata_documents.py::test_the_consent_page_names_the_host_that_describes_the_client",
        ),
    ),
    Requirement(
        "F-07",
        "Registration is open, for holders of a token, by domain, by the operator's function, or off.",
        "frameworks F-07; RFC 7591 s3",
        (
            "endpoints/test_register.py::test_with_an_initial_access_token_only_its_holders_register",
            "endpoints/test_register.py::test_registration_can_be_switched_off",
            "endpoints/test_redirect_hosts.py::test_a_registration_for_another_host_is_refused_and_so_is_a_later_change",
        ),
    ),
    Requirement(
        "F-08",
        "Clients that an operator adds have a secret or keys, and either may be followed by another with overlap.",
        "frameworks F-08",
        (
            "endpoints/test_secret_rotation.py::test_the_old_secret_works_until_the_overlap_ends",
            "oauth/clients/test_secrets.py::test_at_most_two_secrets_are_good_and_the_earlier_one_until_its_time",
            "flows/test_three_ways_in.py::test_a_pre_registered_client_signs_in_without_registering",
            "directory/test_declared_clients.py::test_a_declared_client_signs_in_with_its_secret_or_its_key",
            "endpoints/test_metadata_documents.py::test_keys_at_a_url_are_fetched_once_and_again_for_a_new_key",
        ),
    ),
    Requirement(
        "F-09",
        "Header tokens are kept as digests, with scopes and an end, in a header of the owner's choice.",
        "frameworks F-09",
        (
            "door/test_bearer.py::test_the_header_the_operator_chose_carries_a_header_token",
            "cli/test_tokens.py::test_a_token_is_shown_once_and_only_its_digest_is_kept",
        ),
    ),
    Requirement(
        "F-10",
        "A lost reply costs nothing, and a reused token its line.",
        "frameworks F-10; RFC 9700 s4.14.2",
        ("endpoints/test_flow.py::test_a_refresh_that_is_repeated_within_the_window_gets_the_same_successor",),
    ),
    Requirement(
        "F-11",
        "Any token can be revoked and asked about.",
        "frameworks F-11; RFC 7662 s2",
        (
            "endpoints/test_introspect.py::test_a_resource_server_learns_about_every_token_that_could_be_sent_to_it",
            "endpoints/test_flow.py::test_revoking_acts_on_the_next_request",
        ),
    ),
    Requirement(
        "F-12",
        "Tokens are opaque, or JWTs that the published keys verify through a rotation.",
        "frameworks F-12; RFC 9068 s2",
        ("endpoints/test_signed_tokens.py::test_after_a_rotation_old_and_new_signatures_verify_and_the_new_key_signs",),
    ),
    Requirement(
        "F-13",
        "A consent is for one client and resource, can be withdrawn, and is always asked of self-registered clients.",
        "frameworks F-13",
        (
            "oauth/authorization/test_consent.py::test_a_question_is_spared_only_where_nothing_is_in_doubt",
            "pages/test_connections.py::test_a_person_sees_what_is_connected_and_ends_it",
        ),
    ),
    Requirement(
        "F-15",
        "Every store runs the same tests.",
        "frameworks F-15",
        ("storage/test_conformance.py::test_of_many_racers_on_one_version_exactly_one_wins",),
    ),
    Requirement(
        "F-16",
        "Calls are limited by client, content and address, wrong passwords slow the next try, bodies have a bound.",
        "frameworks F-16",
        (
            "edge/test_limits.py::test_an_address_has_a_bound_whatever_the_content",
            "edge/test_limits.py::test_wrong_passwords_slow_one_address_down_before_anything_is_hashed",
            "endpoints/test_answers.py::test_a_body_over_the_limit_is_refused",
        ),
    ),
    Requirement(
        "F-17",
        "The audit log grows only at its end, says why, and holds no secret.",
        "frameworks F-17",
        (
            "audit/test_chain.py::test_the_first_broken_place_is_named",
            "endpoints/test_audit.py::test_no_secret_of_any_flow_or_error_path_is_written_anywhere",
        ),
    ),
    Requirement(
        "F-18",
        "Clients, users, grants, tokens and keys are administered by command and by API alike.",
        "frameworks F-18",
        (
            "administration/test_catalogue.py::test_every_administration_command_is_an_operation_and_the_other_way_round",
        ),
    ),
    Requirement(
        "F-19",
        "Tokens can be bound to a key, at the token endpoint, the door and introspection, with nonces, on all nodes.",
        "frameworks F-19; RFC 9449 s5",
        (
            "endpoints/test_dpop.py::test_a_proof_counts_once_of_any_number_of_tries_on_two_nodes",
            "endpoints/test_introspect.py::test_a_bound_token_is_told_with_its_key",
            "endpoints/test_dpop.py::test_a_nonce_of_one_node_is_good_at_another_and_a_made_up_one_nowhere",
        ),
    ),
    Requirement(
        "F-20",
        "Programs get tokens by their own credentials, a key or an assertion.",
        "frameworks F-20; RFC 7523 s2",
        (
            "endpoints/grants/test_client_credentials.py::test_a_service_client_calls_with_its_own_credentials",
            "endpoints/test_register.py::test_a_client_that_registered_keys_proves_itself_by_them",
        ),
    ),
    Requirement(
        "F-21",
        "An enterprise signs its people in.",
        "frameworks F-21",
        ("endpoints/grants/test_jwt_bearer.py::test_an_enterprise_signs_its_people_in_without_a_page",),
    ),
    Requirement(
        "F-22",
        "A token is exchanged for a weaker one that says who acts.",
        "frameworks F-22; RFC 8693 s4.1",
        ("endpoints/grants/test_token_exchange.py::test_another_client_acts_for_the_user_until_the_user_ends_it",),
    ),
    Requirement(
        "F-23",
        "Requests can be pushed, and must be where the operator says so.",
        "frameworks F-23; RFC 9126 s4",
        ("endpoints/test_par.py::test_parameters_must_be_pushed_where_the_operator_says_so",),
    ),
    Requirement(
        "F-24",
        "A device without a browser gets in by a code that a person types.",
        "frameworks F-24; RFC 8628 s3",
        ("pages/test_device.py::test_a_device_gets_in_once_a_person_has_typed_its_code",),
    ),
    Requirement(
        "F-25",
        "Tools have scopes of their own, and a client steps up to them.",
        "frameworks F-25",
        ("endpoints/test_step_up.py::test_a_client_steps_up_by_what_the_challenge_says",),
    ),
)
