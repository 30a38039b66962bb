-- What was registered already, and the places for clients that nobody has used yet.

CREATE TABLE record_registered_content (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_registered_content_by_expires_at ON record_registered_content (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE record_registration_slot (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_registration_slot_by_expires_at ON record_registration_slot (expires_at)
    WHERE expires_at IS NOT NULL;
