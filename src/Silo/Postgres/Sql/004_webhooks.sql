-- How far receivers of webhooks have accepted the messages of rooms: what comes after it is sent when the silo that had it in memory has died.

CREATE TABLE realtime_webhooks
(
    room     bigint NOT NULL REFERENCES realtime_rooms (id) ON DELETE CASCADE,
    receiver text NOT NULL,             -- a hash of what the settings say of it
    sequence bigint NOT NULL,           -- of the last message that it has accepted
    PRIMARY KEY (room, receiver)
)
WITH (fillfactor = 50);
