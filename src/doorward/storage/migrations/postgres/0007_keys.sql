-- The keys of the installation, encrypted under the master key, which is kept elsewhere.

CREATE TABLE doorward.record_key (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_key_by_expires_at ON doorward.record_key (expires_at) WHERE expires_at IS NOT NULL;
