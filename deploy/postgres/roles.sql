-- Users of the database for the roles of processes, each with the rights that it needs. To be run by a superuser with
-- psql, in the database: before the first migration, which makes the tables, and again after it. It may be run any number of times. Passwords apart:
--   ALTER ROLE realtime_silo PASSWORD '..';

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['realtime_migrate', 'realtime_silo', 'realtime_front'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- Makes the tables (Cluster:Role = migrate), and is used by no process that runs on.
GRANT USAGE, CREATE ON SCHEMA public TO realtime_migrate;

-- Silos read and write all of them.
GRANT USAGE ON SCHEMA public TO realtime_silo;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO realtime_silo;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO realtime_silo;
ALTER DEFAULT PRIVILEGES FOR ROLE realtime_migrate IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO realtime_silo;
ALTER DEFAULT PRIVILEGES FOR ROLE realtime_migrate IN SCHEMA public GRANT USAGE ON SEQUENCES TO realtime_silo;

-- Fronts, and services that join the cluster, read where the silos are and nothing else.
GRANT USAGE ON SCHEMA public TO realtime_front;
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['orleansquery', 'realtime_cluster', 'realtime_silo'] LOOP
        IF to_regclass('public.' || name) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON public.%I TO realtime_front', name);
        END IF;
    END LOOP;
END $$;
