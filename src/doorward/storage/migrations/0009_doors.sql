-- What a door found when it last looked at itself from outside.

CREATE TABLE record_door_examination (
    key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, expires_at INTEGER, body BLOB NOT NULL
);
CREATE INDEX record_door_examination_by_expires_at ON record_door_examination (expires_at) WHERE expires_at IS NOT NULL;
