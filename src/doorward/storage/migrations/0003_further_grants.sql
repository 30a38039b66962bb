-- Assertions that were accepted once, and devices that wait for a user.

CREATE TABLE record_seen_assertion (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_seen_assertion_by_expires_at ON record_seen_assertion (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE record_device_authorization (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, device_digest TEXT, body BLOB NOT NULL
);
CREATE INDEX record_device_authorization_by_device_digest ON record_device_authorization (device_digest)
    WHERE device_digest IS NOT NULL;
CREATE INDEX record_device_authorization_by_expires_at ON record_device_authorization (expires_at)
    WHERE expires_at IS NOT NULL;
