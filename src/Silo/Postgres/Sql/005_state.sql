-- The state of rooms: what messages with a key have said last, by key. Written by the append of the message.

CREATE TABLE realtime_state
(
    room      bigint NOT NULL REFERENCES realtime_rooms (id) ON DELETE CASCADE,
    key       bytea NOT NULL,           -- UTF-8; text cannot hold U+0000
    sequence  bigint NOT NULL,          -- of the message that has set it
    version   smallint NOT NULL,        -- this and the next: as in realtime_messages
    kind      smallint NOT NULL,
    sender    text,
    timestamp bigint NOT NULL,          -- this and the next: Unix milliseconds
    expires   bigint NOT NULL,          -- 0 for never
    body      bytea NOT NULL,
    PRIMARY KEY (room, key)
)
-- A key is set again and again: with place on its page, that touches no index.
WITH (fillfactor = 50);

CREATE INDEX realtime_state_expires ON realtime_state (expires) WHERE expires > 0;
