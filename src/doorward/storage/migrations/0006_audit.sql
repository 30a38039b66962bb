-- The audit log: numbered entries, each with the hash of the one before, and the last one's number and hash.

CREATE TABLE record_audit_entry (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, page TEXT, body BLOB NOT NULL
);
CREATE INDEX record_audit_entry_by_page ON record_audit_entry (page) WHERE page IS NOT NULL;
CREATE INDEX record_audit_entry_by_expires_at ON record_audit_entry (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE record_audit_head (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_audit_head_by_expires_at ON record_audit_head (expires_at) WHERE expires_at IS NOT NULL;
