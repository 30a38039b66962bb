-- Records that keep a sealed reply are found by an index, so that none keeps it longer than its window.

ALTER TABLE record_authorization_code ADD COLUMN keeps_reply TEXT;
UPDATE record_authorization_code SET keeps_reply = 'yes' WHERE instr(body, CAST('sealed_reply' AS BLOB)) > 0;
CREATE INDEX record_authorization_code_by_keeps_reply ON record_authorization_code (keeps_reply) WHERE keeps_reply IS NOT NULL;
ALTER TABLE record_refresh_token ADD COLUMN keeps_reply TEXT;
UPDATE record_refresh_token SET keeps_reply = 'yes' WHERE instr(body, CAST('sealed_reply' AS BLOB)) > 0;
CREATE INDEX record_refresh_token_by_keeps_reply ON record_refresh_token (keeps_reply) WHERE keeps_reply IS NOT NULL;
ALTER TABLE record_device_authorization ADD COLUMN keeps_reply TEXT;
UPDATE record_device_authorization SET keeps_reply = 'yes' WHERE instr(body, CAST('sealed_reply' AS BLOB)) > 0;
CREATE INDEX record_device_authorization_by_keeps_reply ON record_device_authorization (keeps_reply) WHERE keeps_reply IS NOT NULL;
