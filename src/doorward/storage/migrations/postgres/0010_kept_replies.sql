-- Records that keep a sealed reply are found by an index, so that none keeps it longer than its window.

ALTER TABLE doorward.record_authorization_code ADD COLUMN keeps_reply bytea;
UPDATE doorward.record_authorization_code SET keeps_reply = 'yes'::bytea WHERE position('sealed_reply'::bytea IN body) > 0;
CREATE INDEX record_authorization_code_by_keeps_reply ON doorward.record_authorization_code (keeps_reply) WHERE keeps_reply IS NOT NULL;
ALTER TABLE doorward.record_refresh_token ADD COLUMN keeps_reply bytea;
UPDATE doorward.record_refresh_token SET keeps_reply = 'yes'::bytea WHERE position('sealed_reply'::bytea IN body) > 0;
CREATE INDEX record_refresh_token_by_keeps_reply ON doorward.record_refresh_token (keeps_reply) WHERE keeps_reply IS NOT NULL;
ALTER TABLE doorward.record_device_authorization ADD COLUMN keeps_reply bytea;
UPDATE doorward.record_device_authorization SET keeps_reply = 'yes'::bytea WHERE position('sealed_reply'::bytea IN body) > 0;
CREATE INDEX record_device_authorization_by_keeps_reply ON doorward.record_device_authorization (keeps_reply) WHERE keeps_reply IS NOT NULL;
