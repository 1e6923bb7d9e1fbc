-- What Orleans' ADO.NET providers need: the list of a cluster's silos, and the state of grains. They take the texts of
-- their queries from the table OrleansQuery, by key, and bind parameters by name; the tables behind them are ours.
-- A query that changes something answers with one boolean (membership) or the new version (state).

CREATE TABLE OrleansQuery (
    QueryKey  text PRIMARY KEY,
    QueryText text NOT NULL
);

-- A cluster. Each change of its silos takes the version that it has read and makes the next one, so that of two
-- changes at once one fails and is made again on what the other has left.
CREATE TABLE realtime_cluster (
    cluster_id text PRIMARY KEY,
    version    integer NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- A silo, from its joining until it is cleaned up days after its death. A restart on the same address is another
-- generation.
CREATE TABLE realtime_silo (
    cluster_id    text NOT NULL REFERENCES realtime_cluster ON DELETE CASCADE,
    address       text NOT NULL,
    port          integer NOT NULL,
    generation    integer NOT NULL,
    name          text NOT NULL,
    host_name     text NOT NULL,
    -- Orleans' SiloStatus: 2 joining, 3 active, 4 shutting down, 5 stopping, 6 dead
    status        integer NOT NULL,
    -- Where clients connect; 0 for none.
    gateway_port  integer NOT NULL,
    -- Who has voted that it is dead, and when: Orleans' own text.
    suspected_by  text,
    started_at    timestamptz NOT NULL,
    alive_at      timestamptz NOT NULL,
    PRIMARY KEY (cluster_id, address, port, generation)
);

-- The state of a grain. A state that was cleared keeps its row and its version, without content.
CREATE TABLE realtime_grain_state (
    service_id  text NOT NULL,
    grain_type  text NOT NULL,
    -- A key that is a number or a Guid is in the two numbers, any other in the text; compound keys are in both.
    key_high    bigint NOT NULL,
    key_low     bigint NOT NULL,
    key_text    text NOT NULL,
    version     integer NOT NULL,
    content     bytea,
    written_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service_id, grain_type, key_high, key_low, key_text)
);

INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES

-- Membership -------------------------------------------------------------------------------------------------------

('GatewaysQueryKey', $sql$
    SELECT address AS Address, gateway_port AS ProxyPort, generation AS Generation
    FROM realtime_silo
    WHERE cluster_id = @DeploymentId AND status = @Status AND gateway_port > 0
$sql$),

-- One row without a silo when there is none: the version is always read.
('MembershipReadAllKey', $sql$
    SELECT c.version AS Version, s.address AS Address, s.port AS Port, s.generation AS Generation, s.name AS SiloName,
        s.host_name AS HostName, s.status AS Status, s.gateway_port AS ProxyPort, s.suspected_by AS SuspectTimes,
        s.started_at AS StartTime, s.alive_at AS IAmAliveTime
    FROM realtime_cluster c LEFT JOIN realtime_silo s ON s.cluster_id = c.cluster_id
    WHERE c.cluster_id = @DeploymentId
$sql$),

('MembershipReadRowKey', $sql$
    SELECT c.version AS Version, s.address AS Address, s.port AS Port, s.generation AS Generation, s.name AS SiloName,
        s.host_name AS HostName, s.status AS Status, s.gateway_port AS ProxyPort, s.suspected_by AS SuspectTimes,
        s.started_at AS StartTime, s.alive_at AS IAmAliveTime
    FROM realtime_cluster c LEFT JOIN realtime_silo s ON s.cluster_id = c.cluster_id
        AND s.address = @Address AND s.port = @Port AND s.generation = @Generation
    WHERE c.cluster_id = @DeploymentId
$sql$),

('InsertMembershipVersionKey', $sql$
    WITH added AS (
        INSERT INTO realtime_cluster (cluster_id) VALUES (@DeploymentId)
        ON CONFLICT DO NOTHING
        RETURNING 1)
    SELECT EXISTS (SELECT FROM added)
$sql$),

('InsertMembershipKey', $sql$
    WITH advanced AS (
        UPDATE realtime_cluster SET version = version + 1, changed_at = now()
        WHERE cluster_id = @DeploymentId AND version = @Version AND NOT EXISTS (
            SELECT FROM realtime_silo
            WHERE cluster_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING 1),
    added AS (
        INSERT INTO realtime_silo (cluster_id, address, port, generation, name, host_name, status, gateway_port, started_at, alive_at)
        SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime
        FROM advanced
        RETURNING 1)
    SELECT EXISTS (SELECT FROM added)
$sql$),

('UpdateMembershipKey', $sql$
    WITH advanced AS (
        UPDATE realtime_cluster SET version = version + 1, changed_at = now()
        WHERE cluster_id = @DeploymentId AND version = @Version AND EXISTS (
            SELECT FROM realtime_silo
            WHERE cluster_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING 1),
    changed AS (
        UPDATE realtime_silo SET status = @Status, suspected_by = @SuspectTimes, alive_at = @IAmAliveTime
        WHERE cluster_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
            AND EXISTS (SELECT FROM advanced)
        RETURNING 1)
    SELECT EXISTS (SELECT FROM changed)
$sql$),

-- No new version: a heartbeat collides with nothing.
('UpdateIAmAlivetimeKey', $sql$
    UPDATE realtime_silo SET alive_at = @IAmAliveTime
    WHERE cluster_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
$sql$),

('DeleteMembershipTableEntriesKey', $sql$
    DELETE FROM realtime_cluster WHERE cluster_id = @DeploymentId
$sql$),

('CleanupDefunctSiloEntriesKey', $sql$
    DELETE FROM realtime_silo WHERE cluster_id = @DeploymentId AND status = 6 AND alive_at < @IAmAliveTime
$sql$),

-- State ------------------------------------------------------------------------------------------------------------

('ReadFromStorageKey', $sql$
    SELECT content AS PayloadBinary, version AS Version
    FROM realtime_grain_state
    WHERE service_id = @ServiceId AND grain_type = @GrainTypeString AND key_high = @GrainIdN1 AND key_low = @GrainIdN0
        AND key_text = coalesce(@GrainIdExtensionString, '')
$sql$),

-- Without a version: the grain has seen no state, so there must be none. With one: it must be the one in the table.
-- No row comes back otherwise, which Orleans reports as an inconsistent state.
('WriteToStorageKey', $sql$
    WITH changed AS (
        UPDATE realtime_grain_state SET content = @PayloadBinary, version = version + 1, written_at = now()
        WHERE service_id = @ServiceId AND grain_type = @GrainTypeString AND key_high = @GrainIdN1 AND key_low = @GrainIdN0
            AND key_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion
        RETURNING version),
    added AS (
        INSERT INTO realtime_grain_state (service_id, grain_type, key_high, key_low, key_text, version, content)
        SELECT @ServiceId, @GrainTypeString, @GrainIdN1, @GrainIdN0, coalesce(@GrainIdExtensionString, ''), 1, @PayloadBinary
        WHERE @GrainStateVersion IS NULL
        ON CONFLICT DO NOTHING
        RETURNING version)
    SELECT version AS NewGrainStateVersion FROM changed
    UNION ALL
    SELECT version FROM added
$sql$),

('ClearStorageKey', $sql$
    UPDATE realtime_grain_state SET content = NULL, version = version + 1, written_at = now()
    WHERE service_id = @ServiceId AND grain_type = @GrainTypeString AND key_high = @GrainIdN1 AND key_low = @GrainIdN0
        AND key_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion
    RETURNING version AS NewGrainStateVersion
$sql$),

('DeleteStorageKey', $sql$
    DELETE FROM realtime_grain_state
    WHERE service_id = @ServiceId AND grain_type = @GrainTypeString AND key_high = @GrainIdN1 AND key_low = @GrainIdN0
        AND key_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion
    RETURNING version + 1 AS NewGrainStateVersion
$sql$);
