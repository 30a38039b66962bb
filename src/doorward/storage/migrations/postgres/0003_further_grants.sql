-- Assertions that were accepted once, and devices that wait for a user.

CREATE TABLE doorward.record_seen_assertion (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_seen_assertion_by_expires_at ON doorward.record_seen_assertion (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_device_authorization (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, device_digest bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_device_authorization_by_device_digest ON doorward.record_device_authorization (device_digest)
    WHERE device_digest IS NOT NULL;
CREATE INDEX record_device_authorization_by_expires_at ON doorward.record_device_authorization (expires_at)
    WHERE expires_at IS NOT NULL;
