-- The keys of the installation, encrypted under the master key, which is kept elsewhere.

CREATE TABLE record_key (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_key_by_expires_at ON record_key (expires_at) WHERE expires_at IS NOT NULL;
