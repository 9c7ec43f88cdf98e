-- The core of crieur: who we talk to, what came in, what goes out, and what is due.
--
-- Conventions that hold in every migration:
-- * `organisation_id` is the tenant and comes first in the key of every table that grows.
-- * Business time is a value bound by the caller ($now), never the database's clock, so that tests and
--   replays move time. The one exception is `lease_until`, which protects against a dead process and
--   therefore uses clock_timestamp().
-- * States are text with a CHECK: readable in psql, and a wrong one cannot be stored.
-- * Each plugin owns one schema of its own. It never reads or writes `core`, and the core never names it.

CREATE SCHEMA core;

-- ---------------------------------------------------------------------------------------------------------
-- Tenants, and the bot connections they own
-- ---------------------------------------------------------------------------------------------------------

-- A tenant: a think tank, a town, a département for its communes. One named `default` exists from first start.
CREATE TABLE core.organisation (
    id              integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text        NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    title           text        NOT NULL,
    -- The language spoken until a person chooses another.
    default_locale  text        NOT NULL CHECK (default_locale IN ('fr', 'en')),
    time_zone       text        NOT NULL,
    -- Key of the MAC that binds a button to its conversation and plugin.
    action_key      bytea       NOT NULL CHECK (octet_length(action_key) = 32),
    created_at      timestamptz NOT NULL
);

-- One running crieur process. It holds the advisory lock (1668442469, id) for as long as it lives: a lease
-- whose runner no longer holds its lock is free at once, without waiting for the lease to time out.
CREATE TABLE core.runner (
    id          integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL
);

-- A configured bot connection. Declared in crieur.toml and upserted by name at start; one that left the file
-- becomes `retired` and keeps its history.
CREATE TABLE core.account (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               integer     GENERATED ALWAYS AS IDENTITY,
    name             text        NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    platform         text        NOT NULL CHECK (platform ~ '^[a-z0-9]{1,20}$'),
    state            text        NOT NULL CHECK (state IN ('active', 'dead', 'retired')),
    state_reason     text,
    -- Last number given to an inbox row. Taking it locks this row, so numbers follow commit order.
    inbox_sequence   bigint      NOT NULL DEFAULT 0,
    -- One active process per account: two would fight over one gateway session or one update stream.
    leased_by        integer     REFERENCES core.runner,
    lease_epoch      bigint      NOT NULL DEFAULT 0,
    lease_until      timestamptz,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (id),
    UNIQUE (organisation_id, name)
);

-- An adapter's only memory: cursors, device ids, gateway budgets, and the webchat's transcripts.
CREATE TABLE core.account_state (
    organisation_id  integer     NOT NULL,
    account_id       integer     NOT NULL,
    key              text        NOT NULL CHECK (octet_length(key) <= 300) COLLATE "C",
    value            jsonb,
    -- Set when the value shows somebody's choice: blanked when that scope is closed.
    reveals          text,
    -- The path of the address it is about, when it is about a person: it leaves with them.
    owner            text,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, account_id, key),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account ON DELETE CASCADE
);
CREATE INDEX account_state_owner ON core.account_state (organisation_id, owner) WHERE owner IS NOT NULL;
CREATE INDEX account_state_reveals ON core.account_state (organisation_id, reveals) WHERE reveals IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------
-- People
-- ---------------------------------------------------------------------------------------------------------

-- A person, within one organisation. Several addresses may lead to one contact (see core.address).
CREATE TABLE core.contact (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               uuid        NOT NULL,
    -- `stopped` is the person's own wish: nothing proactive is sent. `archived` is a tombstone after a merge.
    status           text        NOT NULL CHECK (status IN ('active', 'stopped', 'archived')),
    locale           text        CHECK (locale IN ('fr', 'en')),
    time_zone        text,
    merged_into      uuid,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, merged_into) REFERENCES core.contact,
    CHECK ((merged_into IS NOT NULL) = (status = 'archived'))
);

-- A person on one platform, e.g. `telegram:123`.
CREATE TABLE core.address (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    scheme           text        NOT NULL,
    path             text        NOT NULL CHECK (octet_length(path) BETWEEN 1 AND 255),
    contact_id       uuid        NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, scheme, path),
    FOREIGN KEY (organisation_id, contact_id) REFERENCES core.contact
);
CREATE INDEX address_contact ON core.address (organisation_id, contact_id);

-- Which contact an address belonged to before a link, so that an unlink restores it.
CREATE TABLE core.address_history (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    address_id       bigint      NOT NULL,
    contact_id       uuid        NOT NULL,
    until            timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, address_id) REFERENCES core.address ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, contact_id) REFERENCES core.contact ON DELETE CASCADE
);

CREATE INDEX address_history_address ON core.address_history (organisation_id, address_id);

-- Where a message goes.
CREATE TABLE core.conversation (
    organisation_id  integer     NOT NULL,
    id               uuid        NOT NULL,
    account_id       integer     NOT NULL,
    kind             text        NOT NULL CHECK (kind IN ('direct', 'group', 'channel', 'thread')),
    platform_ref     text        NOT NULL,
    state            text        NOT NULL CHECK (state IN ('open', 'closed', 'migrated')),
    migrated_to      uuid,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, account_id, platform_ref),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account,
    FOREIGN KEY (organisation_id, migrated_to) REFERENCES core.conversation,
    CHECK ((migrated_to IS NOT NULL) = (state = 'migrated'))
);

-- The right to write to an address is given to one bot account, and so is its loss.
CREATE TABLE core.reachability (
    organisation_id         integer     NOT NULL,
    account_id              integer     NOT NULL,
    address_id              bigint      NOT NULL,
    state                   text        NOT NULL CHECK (state IN ('reachable', 'blocked')),
    direct_conversation_id  uuid,
    since                   timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, account_id, address_id),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account,
    FOREIGN KEY (organisation_id, address_id) REFERENCES core.address ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, direct_conversation_id) REFERENCES core.conversation
);
CREATE INDEX reachability_address ON core.reachability (organisation_id, address_id);

-- The consent ledger: what was asked, in which words, when it was given and withdrawn. Rows are never
-- rewritten, only closed.
CREATE TABLE core.consent (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    contact_id       uuid        NOT NULL,
    purpose          text        NOT NULL CHECK (purpose IN ('consultation', 'reminder', 'digest')),
    wording          text        NOT NULL,
    given_at         timestamptz NOT NULL,
    withdrawn_at     timestamptz CHECK (withdrawn_at >= given_at),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, contact_id) REFERENCES core.contact ON DELETE CASCADE
);
CREATE UNIQUE INDEX consent_in_force ON core.consent (organisation_id, contact_id, purpose) WHERE withdrawn_at IS NULL;

-- Rights belong to an address and never follow a link: whoever takes over one account of a person must not
-- gain the powers of the other.
CREATE TABLE core.role_grant (
    organisation_id  integer     NOT NULL,
    address_id       bigint      NOT NULL,
    role             text        NOT NULL CHECK (role IN ('organiser', 'operator')),
    granted_by       text        NOT NULL,
    granted_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, address_id, role),
    FOREIGN KEY (organisation_id, address_id) REFERENCES core.address ON DELETE CASCADE
);

-- A request to join two addresses. The address that asked for the code is the asker; the one that typed it is
-- the joiner. Only a keyed hash of the code is kept.
CREATE TABLE core.link (
    organisation_id         integer     NOT NULL,
    id                      bigint      GENERATED ALWAYS AS IDENTITY,
    code_hash               bytea       NOT NULL,
    asker_address_id        bigint      NOT NULL,
    asker_conversation_id   uuid        NOT NULL,
    joiner_address_id       bigint,
    joiner_conversation_id  uuid,
    asker_confirmed_at      timestamptz,
    joiner_confirmed_at     timestamptz,
    created_at              timestamptz NOT NULL,
    expires_at              timestamptz NOT NULL CHECK (expires_at > created_at),
    state                   text        NOT NULL CHECK (state IN ('waiting', 'typed', 'linked', 'refused')),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, code_hash),
    FOREIGN KEY (organisation_id, asker_address_id) REFERENCES core.address ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, joiner_address_id) REFERENCES core.address ON DELETE CASCADE,
    CHECK (asker_address_id <> joiner_address_id),
    CHECK ((state = 'waiting') = (joiner_address_id IS NULL) OR state = 'refused'),
    CHECK (state <> 'linked' OR (asker_confirmed_at IS NOT NULL AND joiner_confirmed_at IS NOT NULL))
);
CREATE INDEX link_asker ON core.link (organisation_id, asker_address_id);
CREATE INDEX link_joiner ON core.link (organisation_id, joiner_address_id);

-- Wrong codes typed lately, to limit guessing per chat and per account.
CREATE TABLE core.link_attempt (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    account_id       integer     NOT NULL,
    conversation_id  uuid        NOT NULL,
    attempted_at     timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX link_attempt_recent ON core.link_attempt (organisation_id, account_id, attempted_at);

-- ---------------------------------------------------------------------------------------------------------
-- What comes in
-- ---------------------------------------------------------------------------------------------------------

-- Platform event ids, kept so that the same event is never taken twice. Narrow, because it outlives the inbox.
CREATE TABLE core.inbox_key (
    organisation_id  integer     NOT NULL,
    account_id       integer     NOT NULL,
    dedupe_key       text        NOT NULL CHECK (octet_length(dedupe_key) BETWEEN 1 AND 200),
    received_at      timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, account_id, dedupe_key),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account
);
CREATE INDEX inbox_key_age ON core.inbox_key (received_at);

-- Events in arrival order. One at a time per (conversation, address); everything else in parallel.
CREATE TABLE core.inbox (
    organisation_id  integer     NOT NULL,
    account_id       integer     NOT NULL,
    sequence         bigint      NOT NULL,
    conversation_id  uuid        NOT NULL,
    address_id       bigint,
    kind             text        NOT NULL,
    -- Purged when it is no longer needed, and when it shows a choice in a consultation that has closed.
    payload          jsonb,
    reveals          text,
    -- How to tell the platform "received" (e.g. an interaction token): a secret, cleared on settle.
    acknowledgement  jsonb,
    -- STOP and an erasure overtake what the same person sent before.
    urgent           boolean     NOT NULL DEFAULT false,
    state            text        NOT NULL CHECK (state IN ('waiting', 'done', 'parked')),
    attempts         smallint    NOT NULL DEFAULT 0,
    available_at     timestamptz NOT NULL,
    leased_by        integer     REFERENCES core.runner,
    lease_epoch      bigint      NOT NULL DEFAULT 0,
    lease_until      timestamptz,
    received_at      timestamptz NOT NULL,
    settled_at       timestamptz,
    -- Why it was parked, in words an operator can act on. Never holds the payload.
    reason           text,
    PRIMARY KEY (organisation_id, account_id, sequence),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account,
    FOREIGN KEY (organisation_id, conversation_id) REFERENCES core.conversation,
    CHECK ((state = 'waiting') = (settled_at IS NULL)),
    CHECK (state <> 'parked' OR reason IS NOT NULL)
);
CREATE INDEX inbox_waiting ON core.inbox (organisation_id, account_id, sequence) WHERE state = 'waiting';
CREATE INDEX inbox_waiting_actor ON core.inbox (organisation_id, conversation_id, address_id, sequence) WHERE state = 'waiting';
CREATE INDEX inbox_reveals ON core.inbox (organisation_id, reveals) WHERE reveals IS NOT NULL;
CREATE INDEX inbox_address ON core.inbox (organisation_id, address_id);
CREATE INDEX inbox_parked ON core.inbox (organisation_id, account_id, sequence) WHERE state = 'parked';

-- What the next plain text of a person in a conversation means: an answer awaited by a plugin, or the number
-- of a choice shown to them.
CREATE TABLE core.prompt (
    organisation_id  integer     NOT NULL,
    conversation_id  uuid        NOT NULL,
    address_id       bigint      NOT NULL,
    plugin_id        text        NOT NULL,
    -- The plugin's own name for what it waits for; NULL when only numbered choices are open.
    awaits           text,
    awaits_until     timestamptz,
    -- Action tokens in the order they were numbered.
    choices          jsonb       NOT NULL,
    -- The platform shows no buttons here, so a bare number is a choice even while a text is awaited.
    numbered         boolean     NOT NULL,
    reveals          text,
    expires_at       timestamptz NOT NULL,
    CHECK ((awaits IS NULL) = (awaits_until IS NULL)),
    PRIMARY KEY (organisation_id, conversation_id, address_id),
    FOREIGN KEY (organisation_id, conversation_id) REFERENCES core.conversation ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, address_id) REFERENCES core.address ON DELETE CASCADE
);

-- ---------------------------------------------------------------------------------------------------------
-- What goes out
-- ---------------------------------------------------------------------------------------------------------

-- A message document, stored once however many people receive it.
CREATE TABLE core.document (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    hash             bytea       NOT NULL CHECK (octet_length(hash) = 32),
    body             jsonb       NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, hash)
);

-- Pictures and files, by content.
CREATE TABLE core.media (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    hash             bytea       NOT NULL CHECK (octet_length(hash) = 32),
    content_type     text        NOT NULL,
    file_name        text        NOT NULL,
    content          bytea       NOT NULL CHECK (octet_length(content) <= 10485760),
    -- A file made for one person (an export of their data) is theirs: it leaves with them, and after a day.
    contact_id       uuid,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, hash)
);

-- What a platform calls a file we already gave it, so that a chart is uploaded once and not once per reader.
CREATE TABLE core.media_upload (
    organisation_id  integer     NOT NULL,
    account_id       integer     NOT NULL,
    media_hash       bytea       NOT NULL,
    remote_id        text        NOT NULL,
    uploaded_at      timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, account_id, media_hash),
    FOREIGN KEY (organisation_id, media_hash) REFERENCES core.media ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account
);

-- One thing to do on a platform for one recipient. Every campaign adds up:
-- planned + held + queued + leased + sending (waiting) + sent + unknown + failed + expired + suppressed + cancelled.
CREATE TABLE core.delivery (
    organisation_id      integer     NOT NULL,
    id                   uuid        NOT NULL,
    -- Order within (conversation, lane).
    sequence             bigint      GENERATED ALWAYS AS IDENTITY,
    account_id           integer     NOT NULL,
    -- NULL until the direct conversation has been opened.
    conversation_id      uuid,
    -- The person, when the message is for one. NULL for a room, and after an erasure, so that counts still add up.
    address_id           bigint,
    contact_id           uuid,
    plugin_id            text        NOT NULL,
    -- The plugin's campaign or consultation, and whom or what within it: `cancel` works on these.
    scope                text        NOT NULL DEFAULT '',
    subject              text        NOT NULL DEFAULT '',
    kind                 text        NOT NULL CHECK (kind IN ('send', 'edit', 'delete', 'pin')),
    target_delivery_id   uuid,
    -- The plugin's own name for this message in this conversation, so that a later edit finds it.
    message_key          text,
    -- At most one queued delivery per key and conversation: live results are edited once, not once per vote.
    coalesce_key         text,
    purpose              text        NOT NULL CHECK (purpose IN ('reply', 'service', 'consultation', 'reminder', 'digest')),
    lane                 smallint    NOT NULL CHECK (lane IN (0, 1, 2)),
    state                text        NOT NULL CHECK (state IN ('planned', 'held', 'queued', 'leased', 'sending', 'sent',
                                     'unknown', 'failed', 'expired', 'suppressed', 'cancelled')),
    due_at               timestamptz NOT NULL,
    not_after            timestamptz,
    -- Exactly one of the two, except once blanked: a shared document, or a body of its own when it shows a choice.
    document_hash        bytea,
    body                 jsonb,
    variables            jsonb       NOT NULL DEFAULT '{}',
    locale               text        NOT NULL CHECK (locale IN ('fr', 'en')),
    rendered_hash        bytea,
    reveals              text,
    -- Shown to the operator: what had to be simplified for this platform.
    warnings             jsonb       NOT NULL DEFAULT '[]',
    attempts             smallint    NOT NULL DEFAULT 0,
    leased_by            integer     REFERENCES core.runner,
    lease_epoch          bigint      NOT NULL DEFAULT 0,
    lease_until          timestamptz,
    reason               text,
    -- The inbox event this answers, on this account: some platforms let an answer replace a "please wait".
    in_reply_to          bigint,
    -- The plugin asked to be told how it ended.
    report               boolean     NOT NULL DEFAULT false,
    created_at           timestamptz NOT NULL,
    settled_at           timestamptz,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account,
    FOREIGN KEY (organisation_id, conversation_id) REFERENCES core.conversation,
    FOREIGN KEY (organisation_id, document_hash) REFERENCES core.document,
    FOREIGN KEY (organisation_id, target_delivery_id) REFERENCES core.delivery,
    CHECK (kind = 'send' OR target_delivery_id IS NOT NULL),
    CHECK (conversation_id IS NOT NULL OR address_id IS NOT NULL OR state NOT IN ('queued', 'leased', 'sending')),
    CHECK (document_hash IS NULL OR body IS NULL),
    CHECK (reveals IS NULL OR document_hash IS NULL),
    CHECK ((state IN ('leased', 'sending')) = (leased_by IS NOT NULL)),
    CHECK ((state IN ('sent', 'unknown', 'failed', 'expired', 'suppressed', 'cancelled')) = (settled_at IS NOT NULL)),
    CHECK (state NOT IN ('failed', 'suppressed', 'unknown') OR reason IS NOT NULL)
);
-- The claim reads this index in its own order.
CREATE INDEX delivery_queued ON core.delivery (organisation_id, account_id, lane, due_at, sequence) WHERE state = 'queued';
CREATE INDEX delivery_leased ON core.delivery (leased_by) WHERE state IN ('leased', 'sending');
CREATE INDEX delivery_order ON core.delivery (organisation_id, conversation_id, lane, sequence) WHERE state IN ('queued', 'leased', 'sending');
CREATE UNIQUE INDEX delivery_coalesced ON core.delivery (organisation_id, conversation_id, coalesce_key)
    WHERE state = 'queued' AND coalesce_key IS NOT NULL;
CREATE INDEX delivery_message ON core.delivery (organisation_id, conversation_id, plugin_id, message_key, sequence DESC)
    WHERE message_key IS NOT NULL;
CREATE INDEX delivery_scope ON core.delivery (organisation_id, plugin_id, scope, subject);
CREATE INDEX delivery_contact ON core.delivery (organisation_id, contact_id);
CREATE INDEX delivery_address ON core.delivery (organisation_id, address_id);
CREATE INDEX delivery_target ON core.delivery (organisation_id, target_delivery_id) WHERE target_delivery_id IS NOT NULL;
CREATE INDEX delivery_reveals ON core.delivery (organisation_id, reveals) WHERE reveals IS NOT NULL;
CREATE INDEX delivery_document ON core.delivery (organisation_id, document_hash) WHERE document_hash IS NOT NULL;

-- One platform call each. A long text or a picture with its words makes several parts.
CREATE TABLE core.delivery_part (
    organisation_id  integer     NOT NULL,
    delivery_id      uuid        NOT NULL,
    index            smallint    NOT NULL CHECK (index BETWEEN 0 AND 99),
    state            text        NOT NULL CHECK (state IN ('planned', 'sending', 'sent', 'unknown', 'failed')),
    remote_ids       jsonb,
    -- When the first try began: the idempotency window is counted from here.
    sending_since    timestamptz,
    sent_at          timestamptz,
    PRIMARY KEY (organisation_id, delivery_id, index),
    FOREIGN KEY (organisation_id, delivery_id) REFERENCES core.delivery ON DELETE CASCADE,
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);

-- Closed doors: a platform said "not before". Kept across restarts so that we do not knock again too early.
CREATE TABLE core.gate (
    organisation_id  integer     NOT NULL,
    account_id       integer     NOT NULL,
    scope            text        NOT NULL CHECK (scope IN ('host', 'account', 'route', 'conversation')),
    key              text        NOT NULL,
    opens_at         timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, account_id, scope, key),
    FOREIGN KEY (organisation_id, account_id) REFERENCES core.account
);

-- A plugin said "never again for this subject" (it has answered). Checked before each call.
CREATE TABLE core.stopped_subject (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    plugin_id        text        NOT NULL,
    scope            text        NOT NULL,
    subject          text        NOT NULL,
    stopped_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, plugin_id, scope, subject)
);

-- ---------------------------------------------------------------------------------------------------------
-- What is due
-- ---------------------------------------------------------------------------------------------------------

-- One clock for openings, closings, reminders, digests and retention. Editing a step bumps its version, which
-- is part of the scope, so old fires die. `core` is the plugin id of the core's own fires.
CREATE TABLE core.fire (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    plugin_id        text        NOT NULL,
    scope            text        NOT NULL,
    subject          text        NOT NULL,
    due_at           timestamptz NOT NULL,
    -- What to do when the service was down at the due time.
    misfire          text        NOT NULL CHECK (misfire IN ('skip', 'run_once', 'send_if_within')),
    within_seconds   integer     CHECK (within_seconds > 0),
    -- Five cron fields and a zone, for a fire that comes back.
    cron             text,
    time_zone        text,
    payload          jsonb       NOT NULL DEFAULT '{}',
    state            text        NOT NULL CHECK (state IN ('waiting', 'parked')),
    attempts         smallint    NOT NULL DEFAULT 0,
    available_at     timestamptz NOT NULL,
    reason           text,
    PRIMARY KEY (organisation_id, plugin_id, scope, subject),
    CHECK ((misfire = 'send_if_within') = (within_seconds IS NOT NULL)),
    CHECK ((cron IS NULL) = (time_zone IS NULL))
);
CREATE INDEX fire_due ON core.fire (organisation_id, available_at) WHERE state = 'waiting';

-- ---------------------------------------------------------------------------------------------------------
-- Plugins, and what happened
-- ---------------------------------------------------------------------------------------------------------

CREATE TABLE core.plugin (
    id          text        PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{0,40}$'),
    version     text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('registered', 'starting', 'running', 'degraded', 'disabled', 'draining', 'stopped')),
    -- Why it is degraded or disabled.
    reason      text,
    -- Disabled by an operator: stays so over restarts.
    enabled     boolean     NOT NULL DEFAULT true,
    changed_at  timestamptz NOT NULL
);

-- Settings of a plugin for one organisation, checked against its manifest's schema before they are stored.
CREATE TABLE core.plugin_setting (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    plugin_id        text        NOT NULL,
    settings         jsonb       NOT NULL,
    changed_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, plugin_id)
);

-- Who did what, in words without personal data or choices: it must survive an erasure and a recount.
CREATE TABLE core.audit (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    happened_at      timestamptz NOT NULL,
    -- `operator`, `organiser`, `core`, or a plugin id. The address is named by its number only.
    actor            text        NOT NULL,
    action           text        NOT NULL,
    subject          text        NOT NULL,
    details          jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX audit_time ON core.audit (organisation_id, happened_at);

CREATE FUNCTION core.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON core.audit
    FOR EACH ROW EXECUTE FUNCTION core.refuse_rewriting();

-- Wake the runners of every process when there is work. The payload names the kind of work only.
CREATE FUNCTION core.wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('crieur', TG_ARGV[0]);
    RETURN NULL;
END
$$;
CREATE TRIGGER inbox_wakes AFTER INSERT ON core.inbox FOR EACH STATEMENT EXECUTE FUNCTION core.wake('inbox');
CREATE TRIGGER delivery_wakes AFTER INSERT ON core.delivery FOR EACH STATEMENT EXECUTE FUNCTION core.wake('delivery');
CREATE TRIGGER fire_wakes AFTER INSERT OR UPDATE ON core.fire FOR EACH STATEMENT EXECUTE FUNCTION core.wake('fire');
