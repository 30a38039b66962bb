-- Pushed authorization requests (one visit uses one up), and DPoP proofs that were used (kept for minutes).

CREATE TABLE record_pushed_request (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_pushed_request_by_expires_at ON record_pushed_request (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE record_seen_proof (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, minute TEXT, body BLOB NOT NULL
);
CREATE INDEX record_seen_proof_by_minute ON record_seen_proof (minute) WHERE minute IS NOT NULL;
CREATE INDEX record_seen_proof_by_expires_at ON record_seen_proof (expires_at) WHERE expires_at IS NOT NULL;
