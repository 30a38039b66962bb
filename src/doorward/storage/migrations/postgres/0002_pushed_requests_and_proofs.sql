-- Pushed authorization requests (one visit uses one up), and DPoP proofs that were used (kept for minutes).

CREATE TABLE doorward.record_pushed_request (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_pushed_request_by_expires_at ON doorward.record_pushed_request (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_seen_proof (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, minute bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_seen_proof_by_minute ON doorward.record_seen_proof (minute) WHERE minute IS NOT NULL;
CREATE INDEX record_seen_proof_by_expires_at ON doorward.record_seen_proof (expires_at)
    WHERE expires_at IS NOT NULL;
