-- Contacts as an organiser knows them: whom we hope to hear from, for which public body, and how they were first
-- invited. A contact may have no address yet: a bot may not write first (Telegram), so people come by an invitation.

-- The public body a contact works for. The tenant is the organisation.
CREATE TABLE core.collectivite (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    kind             text        NOT NULL CHECK (kind IN ('commune', 'epci', 'departement', 'region', 'other')),
    name             text        NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- Code officiel géographique of a commune (5 characters, `2A004`, `97411`), a département (`2A`, `974`) or a
    -- région (2 digits): what it means depends on the kind.
    insee            text        CHECK (insee ~ '^[0-9AB]{2,5}$'),
    -- 9 digits with Luhn's check digit, verified by the importer.
    siren            text        CHECK (siren ~ '^[0-9]{9}$'),
    population       integer     CHECK (population >= 0),
    -- Codes, `44` and `52`: what coverage is counted by. `2A` and `2B` for Corsica, `971` … `989` overseas.
    departement      text        CHECK (departement ~ '^([0-9]{2}|2[AB]|9[78][0-9])$'),
    region           text        CHECK (region ~ '^[0-9]{2}$'),
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, siren),
    UNIQUE (organisation_id, kind, insee)
);

-- What an organiser knows of a person. All of it is personal data and leaves with an erasure.
ALTER TABLE core.contact
    -- A plain handle, for the command line and for invitations.
    ADD COLUMN number          bigint   GENERATED ALWAYS AS IDENTITY,
    -- The organiser's own key: importing the same file twice changes nothing.
    ADD COLUMN external_id     text     CHECK (length(external_id) BETWEEN 1 AND 200),
    ADD COLUMN name            text     CHECK (length(name) BETWEEN 1 AND 200),
    ADD COLUMN collectivite_id bigint,
    -- 1 is the first contact of the collectivité, 2 the deputy, and so on.
    ADD COLUMN rank            smallint CHECK (rank BETWEEN 1 AND 99),
    -- Values of the declared fields, by key.
    ADD COLUMN fields          jsonb    NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(fields) = 'object'),
    ADD FOREIGN KEY (organisation_id, collectivite_id) REFERENCES core.collectivite,
    ADD CHECK ((rank IS NULL) = (collectivite_id IS NULL));
CREATE UNIQUE INDEX contact_number ON core.contact (organisation_id, number);
CREATE UNIQUE INDEX contact_external ON core.contact (organisation_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX contact_collectivite ON core.contact (organisation_id, collectivite_id) WHERE collectivite_id IS NOT NULL;

-- The organiser's own fields of a contact (e-mail, function, token of a questionnaire …), declared with a type.
CREATE TABLE core.contact_field (
    organisation_id  integer NOT NULL REFERENCES core.organisation,
    key              text    NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,39}$'),
    label            text    NOT NULL,
    kind             text    NOT NULL CHECK (kind IN ('text', 'number', 'date', 'choice')),
    choices          text[],
    PRIMARY KEY (organisation_id, key),
    CHECK ((kind = 'choice') = (choices IS NOT NULL))
);

-- Static sets of contacts.
CREATE TABLE core.contact_group (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    id               integer     GENERATED ALWAYS AS IDENTITY,
    name             text        NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
);
CREATE TABLE core.contact_group_member (
    organisation_id  integer NOT NULL,
    group_id         integer NOT NULL,
    contact_id       uuid    NOT NULL,
    PRIMARY KEY (organisation_id, group_id, contact_id),
    FOREIGN KEY (organisation_id, group_id) REFERENCES core.contact_group ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, contact_id) REFERENCES core.contact ON DELETE CASCADE
);
CREATE INDEX contact_group_member_contact ON core.contact_group_member (organisation_id, contact_id);

-- Dynamic sets: a named query over contacts, their collectivité and their fields.
CREATE TABLE core.segment (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    name             text        NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    query            text        NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, name)
);

-- What happened to a contact: imported, changed, bound, merged, replaced. Names fields, never their values.
CREATE TABLE core.contact_history (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    contact_id       uuid        NOT NULL,
    happened_at      timestamptz NOT NULL,
    -- `operator`, `organiser`, `contact`, `core` or a plugin.
    actor            text        NOT NULL,
    action           text        NOT NULL,
    details          jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, contact_id) REFERENCES core.contact ON DELETE CASCADE
);
CREATE INDEX contact_history_contact ON core.contact_history (organisation_id, contact_id, id);

-- Keyed digests of the external ids of people who erased themselves: a later import leaves them alone.
CREATE TABLE core.contact_forgotten (
    organisation_id  integer     NOT NULL REFERENCES core.organisation,
    external_digest  bytea       NOT NULL CHECK (octet_length(external_digest) = 32),
    forgotten_at     timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, external_digest)
);
