-- What a door found when it last looked at itself from outside.

CREATE TABLE doorward.record_door_examination (
    key bytea NOT NULL PRIMARY KEY, version bigint NOT NULL, expires_at bigint, body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_door_examination_by_expires_at ON doorward.record_door_examination (expires_at)
    WHERE expires_at IS NOT NULL;
