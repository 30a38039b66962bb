-- What was registered already, and the places for clients that nobody has used yet.

CREATE TABLE doorward.record_registered_content (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_registered_content_by_expires_at ON doorward.record_registered_content (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_registration_slot (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_registration_slot_by_expires_at ON doorward.record_registration_slot (expires_at)
    WHERE expires_at IS NOT NULL;
