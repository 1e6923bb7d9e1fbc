-- Messages that an application publishes within a transaction of its own: they are read, sent to their rooms and deleted
-- when it has been committed.

CREATE TABLE realtime_outbox
(
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service    text NOT NULL,           -- Cluster:ServiceId
    room       text NOT NULL,
    body       jsonb NOT NULL,          -- content, data, from
    publish_id text,                    -- otherwise made of the row's id
    created_at timestamptz NOT NULL DEFAULT now(),
    error      text                     -- why the room refused it; it is not tried again while this is set
);

CREATE INDEX realtime_outbox_waiting ON realtime_outbox (service, id) WHERE error IS NULL;

CREATE FUNCTION realtime_publish(room text, body jsonb, id text DEFAULT NULL, service text DEFAULT 'realtime') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_variable
DECLARE
    problem text;
BEGIN
    problem := CASE
        WHEN coalesce(octet_length(room), 0) NOT BETWEEN 1 AND 128 THEN 'the room has no name of 1 to 128 bytes'
        WHEN id IS NOT NULL AND octet_length(id) NOT BETWEEN 1 AND 128 THEN 'the id must have 1 to 128 bytes'
        WHEN jsonb_typeof(body) IS DISTINCT FROM 'object' THEN 'the body must be a JSON object with content or data'
        WHEN NOT (body ? 'content' OR body ? 'data') THEN 'the body needs content or data'
        WHEN body - ARRAY['content', 'data', 'from'] <> '{}'::jsonb THEN 'the body may have content, data and from, and nothing else'
        WHEN jsonb_typeof(body -> 'content') <> 'string' THEN 'content must be a string'
        WHEN jsonb_typeof(body -> 'from') <> 'string' THEN 'from must be a string'
        WHEN octet_length(body::text) > 262144 THEN 'the body has more than 262144 bytes'
    END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'realtime_publish: %', problem USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO realtime_outbox (service, room, body, publish_id) VALUES (service, room, body, id);
    PERFORM pg_notify('realtime_outbox', service); -- when the transaction is committed
END $$;

-- Who calls it has its owner's rights within it: that must find no table of the caller's under the same name.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION realtime_publish(text, jsonb, text, text) SET search_path = %I, pg_temp', current_schema());
END $$;

REVOKE ALL ON FUNCTION realtime_publish(text, jsonb, text, text) FROM PUBLIC;
