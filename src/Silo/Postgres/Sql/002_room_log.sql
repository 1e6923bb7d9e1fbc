-- The log of rooms. A room is written by one silo at a time: each opening takes the next term, and only the writer that
-- holds the room's term may append.

CREATE TABLE realtime_rooms
(
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service  text NOT NULL,             -- Cluster:ServiceId
    name     text NOT NULL,
    epoch    text NOT NULL,
    term     bigint NOT NULL,
    sequence bigint NOT NULL,           -- of the last message
    used_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (service, name)
)
-- Rewritten at each append: with place on its page and no index on what changes, that touches no index.
WITH (fillfactor = 50);

CREATE TABLE realtime_messages
(
    room      bigint NOT NULL,
    sequence  bigint NOT NULL,
    version   smallint NOT NULL,        -- of what the row means; a room with rows of a newer one is not opened
    kind      smallint NOT NULL,        -- 0 message, 1 text frame, 2 binary frame
    sender    text,
    timestamp bigint NOT NULL,          -- Unix milliseconds
    body      bytea NOT NULL,
    PRIMARY KEY (room, sequence)
);

CREATE INDEX realtime_messages_timestamp ON realtime_messages (timestamp);

-- Ids of publishes, for longer than their messages may be kept.
CREATE TABLE realtime_publishes
(
    room      bigint NOT NULL,
    sequence  bigint NOT NULL,
    sender    text,
    id        bytea NOT NULL,           -- UTF-8; text cannot hold U+0000
    hash      bigint NOT NULL,          -- of the body
    timestamp bigint NOT NULL,
    PRIMARY KEY (room, sequence)
);

CREATE INDEX realtime_publishes_timestamp ON realtime_publishes (timestamp);
