-- Lists are read page by page, oldest first. What was stored before this has instant 0, so it comes first, and gets its
-- own instant when it is next written: nothing is rewritten here, however large the tables are.

ALTER TABLE record_client ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_client_by_created_at ON record_client (created_at, key);
CREATE INDEX record_client_by_source_and_created_at ON record_client (source, created_at, key)
    WHERE source IS NOT NULL;

ALTER TABLE record_grant ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_grant_by_created_at ON record_grant (created_at, key);
CREATE INDEX record_grant_by_user_id_and_created_at ON record_grant (user_id, created_at, key)
    WHERE user_id IS NOT NULL;
CREATE INDEX record_grant_by_client_id_and_created_at ON record_grant (client_id, created_at, key)
    WHERE client_id IS NOT NULL;

ALTER TABLE record_header_token ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_header_token_by_created_at ON record_header_token (created_at, key);
CREATE INDEX record_header_token_by_token_id_and_created_at ON record_header_token (token_id, created_at, key)
    WHERE token_id IS NOT NULL;
CREATE INDEX record_header_token_by_user_id_and_created_at ON record_header_token (user_id, created_at, key)
    WHERE user_id IS NOT NULL;

ALTER TABLE record_consent ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX record_consent_by_created_at ON record_consent (created_at, key);
CREATE INDEX record_consent_by_user_id_and_created_at ON record_consent (user_id, created_at, key)
    WHERE user_id IS NOT NULL;
CREATE INDEX record_consent_by_client_id_and_created_at ON record_consent (client_id, created_at, key)
    WHERE client_id IS NOT NULL;
