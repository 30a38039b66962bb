-- What users have allowed clients, and wrong passwords counted for every process.

CREATE TABLE doorward.record_consent (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint,
    user_id bytea, client_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_consent_by_user_id ON doorward.record_consent (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX record_consent_by_client_id ON doorward.record_consent (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX record_consent_by_expires_at ON doorward.record_consent (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_failed_sign_ins (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_failed_sign_ins_by_expires_at ON doorward.record_failed_sign_ins (expires_at)
    WHERE expires_at IS NOT NULL;
