-- One table per record kind. `body` is the whole record in MessagePack; the other columns repeat what SQL must see.
-- `version` starts at a random value and grows by one with each write. Rows change often: `fillfactor` leaves room for
-- the new version of a row in the same page, and then no index has to be written.

DO $$ BEGIN
    -- A database administrator may have made the schema for an account that may not do so itself.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'doorward') THEN CREATE SCHEMA doorward; END IF;
END $$;

CREATE TABLE doorward.schema_version (version integer NOT NULL);
INSERT INTO doorward.schema_version VALUES (0);

CREATE FUNCTION doorward.conflict() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a record was added, changed or removed since it was loaded' USING ERRCODE = 'DW001';
END
$$;

CREATE TABLE doorward.record_client (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, source bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_client_by_source ON doorward.record_client (source) WHERE source IS NOT NULL;
CREATE INDEX record_client_by_expires_at ON doorward.record_client (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_user (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_user_by_expires_at ON doorward.record_user (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_browser_session (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, user_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_browser_session_by_user_id ON doorward.record_browser_session (user_id)
    WHERE user_id IS NOT NULL;
CREATE INDEX record_browser_session_by_expires_at ON doorward.record_browser_session (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_authorization_request (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_authorization_request_by_expires_at ON doorward.record_authorization_request (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_grant (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint,
    user_id bytea, client_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_grant_by_user_id ON doorward.record_grant (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX record_grant_by_client_id ON doorward.record_grant (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX record_grant_by_expires_at ON doorward.record_grant (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_authorization_code (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, grant_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_authorization_code_by_grant_id ON doorward.record_authorization_code (grant_id)
    WHERE grant_id IS NOT NULL;
CREATE INDEX record_authorization_code_by_expires_at ON doorward.record_authorization_code (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_refresh_token (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, grant_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_refresh_token_by_grant_id ON doorward.record_refresh_token (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX record_refresh_token_by_expires_at ON doorward.record_refresh_token (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_access_token (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, grant_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_access_token_by_grant_id ON doorward.record_access_token (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX record_access_token_by_expires_at ON doorward.record_access_token (expires_at)
    WHERE expires_at IS NOT NULL;

CREATE TABLE doorward.record_header_token (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint,
    token_id bytea, user_id bytea, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_header_token_by_token_id ON doorward.record_header_token (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX record_header_token_by_user_id ON doorward.record_header_token (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX record_header_token_by_expires_at ON doorward.record_header_token (expires_at)
    WHERE expires_at IS NOT NULL;
