-- Added doors.

CREATE TABLE doorward.record_added_door (
    key bytea NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    expires_at bigint,
    body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_added_door_by_expires_at ON doorward.record_added_door (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE TABLE doorward.record_door_changes (
    key bytea NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    expires_at bigint,
    body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_door_changes_by_expires_at ON doorward.record_door_changes (expires_at)
    WHERE expires_at IS NOT NULL;
CREATE TABLE doorward.record_serving_process (
    key bytea NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    expires_at bigint,
    body bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX record_serving_process_by_expires_at ON doorward.record_serving_process (expires_at)
    WHERE expires_at IS NOT NULL;
