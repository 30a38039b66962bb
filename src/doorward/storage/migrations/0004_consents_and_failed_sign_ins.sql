-- What users have allowed clients, and wrong passwords counted for every process.

CREATE TABLE record_consent (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER,
    user_id TEXT, client_id TEXT, body BLOB NOT NULL
);
CREATE INDEX record_consent_by_user_id ON record_consent (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX record_consent_by_client_id ON record_consent (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX record_consent_by_expires_at ON record_consent (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE record_failed_sign_ins (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_failed_sign_ins_by_expires_at ON record_failed_sign_ins (expires_at) WHERE expires_at IS NOT NULL;
