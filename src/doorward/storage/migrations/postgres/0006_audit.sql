-- The audit log: numbered entries, each with the hash of the one before, and the last one's number and hash.

CREATE TABLE doorward.record_audit_entry (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, page bytea, body bytea NOT NULL
);
CREATE INDEX record_audit_entry_by_page ON doorward.record_audit_entry (page) WHERE page IS NOT NULL;
CREATE INDEX record_audit_entry_by_expires_at ON doorward.record_audit_entry (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_audit_head (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX record_audit_head_by_expires_at ON doorward.record_audit_head (expires_at)
    WHERE expires_at IS NOT NULL;
