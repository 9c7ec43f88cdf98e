-- Requests to the outside that a plugin asked for. A plugin does no input or output of its own inside its
-- transaction: it asks, the core fetches within stated bounds, and the plugin is called again with what came.
CREATE TABLE core.fetch (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    plugin_id        text        NOT NULL,
    scope            text        NOT NULL,
    subject          text        NOT NULL,
    -- Method, address, headers, body, bounds. The operator's secrets stand in it by name only (`{secret:…}`) and are put
    -- in at the call. What a tool itself gave for a while, a session's key, stands in it until its row is gone.
    request          jsonb       NOT NULL,
    payload          jsonb       NOT NULL DEFAULT '{}',
    attempts         smallint    NOT NULL DEFAULT 0,
    available_at     timestamptz NOT NULL,
    leased_by        integer     REFERENCES core.runner,
    lease_epoch      bigint      NOT NULL DEFAULT 0,
    lease_until      timestamptz,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    -- One at a time for each matter: asking again while one is under way changes nothing.
    UNIQUE (organisation_id, plugin_id, scope, subject)
);
CREATE INDEX fetch_due ON core.fetch (organisation_id, available_at);
CREATE TRIGGER fetch_wakes AFTER INSERT ON core.fetch FOR EACH STATEMENT EXECUTE FUNCTION core.wake('fetch');
