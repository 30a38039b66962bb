-- Added doors.

CREATE TABLE record_added_door (
    key TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX record_added_door_by_expires_at ON record_added_door (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE TABLE record_door_changes (
    key TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX record_door_changes_by_expires_at ON record_door_changes (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE TABLE record_serving_process (
    key TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    body BLOB NOT NULL
);
CREATE INDEX record_serving_process_by_expires_at ON record_serving_process (expires_at)
    WHERE expires_at IS NOT NULL;
