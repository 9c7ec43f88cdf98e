-- Micro-consultations: what is asked, who took part, and what was chosen, kept so that the last two do not meet.
--
-- While a consultation is open its ballots hang on the roll by a keyed hash, so that a vote can be changed and
-- nobody votes twice. Closing it rewrites the ballots in random order and destroys the key (`consultation.secret`):
-- from then on no row here says who chose what in an anonymous consultation. Before that, the operator of the
-- database can link the two; after it, so can write-ahead logs and backups older than the closing.

CREATE SCHEMA micro_consultations;

CREATE TABLE micro_consultations.consultation (
    organisation_id   integer     NOT NULL,
    -- Small, since it travels behind every button.
    id                integer     GENERATED ALWAYS AS IDENTITY,
    slug              text        NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    -- What the organiser wrote, frozen once it is open (see the trigger below).
    definition        jsonb       NOT NULL,
    -- Counts the edits made before the opening: a button of an older wording is answered with the current one.
    version           smallint    NOT NULL DEFAULT 1 CHECK (version > 0),
    anonymity         text        NOT NULL CHECK (anonymity IN ('anonymous', 'named')),
    state             text        NOT NULL CHECK (state IN ('draft', 'scheduled', 'open', 'closed')),
    -- Part of the scope of the opening and closing fires, so that moving a date lets the old fire die.
    schedule_version  integer     NOT NULL DEFAULT 1 CHECK (schedule_version > 0),
    opens_at          timestamptz,
    closes_at         timestamptz CHECK (closes_at > opens_at),
    closed_at         timestamptz,
    announced_at      timestamptz,
    -- Keys the hashes of the roll and of the open ballots. NULL is the point of no return.
    secret            bytea       CHECK (octet_length(secret) = 32),
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, slug),
    CHECK ((state = 'closed') = (secret IS NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (state = 'draft' OR (opens_at IS NOT NULL AND closes_at IS NOT NULL))
);
CREATE INDEX consultation_state ON micro_consultations.consultation (organisation_id, state, closes_at);

-- People answer the wording they read, under the promise they were given. Neither moves once voting may have begun.
CREATE FUNCTION micro_consultations.keep_the_promise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.anonymity = 'anonymous' AND NEW.anonymity <> 'anonymous' THEN
        RAISE EXCEPTION 'an anonymous consultation stays anonymous';
    END IF;
    IF OLD.state IN ('open', 'closed') AND (NEW.definition <> OLD.definition OR NEW.version <> OLD.version) THEN
        RAISE EXCEPTION 'the wording of a consultation is frozen once it is open';
    END IF;
    IF OLD.state = 'closed' AND NEW.state <> 'closed' THEN
        RAISE EXCEPTION 'a closed consultation stays closed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER consultation_keeps_its_promise BEFORE UPDATE ON micro_consultations.consultation
    FOR EACH ROW EXECUTE FUNCTION micro_consultations.keep_the_promise();

-- The roll: one entry per participant. No contact and no time. Ids are random, so that they tell no order.
CREATE TABLE micro_consultations.roll_entry (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    id               uuid    NOT NULL,
    -- The strongest of its accepted addresses.
    assurance        text    NOT NULL CHECK (assurance IN ('session', 'account', 'code')),
    -- A ballot of this participant counts now.
    has_ballot       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organisation_id, consultation_id, id),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);

-- Every address a participant has or had, as HMAC(secret, address digest). The primary key is what makes "one
-- ballot" true: an address belongs to one entry, whatever was linked, unlinked or erased since. Emptied at closing.
CREATE TABLE micro_consultations.roll_address (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    digest           bytea   NOT NULL CHECK (octet_length(digest) = 32),
    entry_id         uuid    NOT NULL,
    assurance        text    NOT NULL CHECK (assurance IN ('session', 'account', 'code')),
    PRIMARY KEY (organisation_id, consultation_id, digest),
    FOREIGN KEY (organisation_id, consultation_id, entry_id) REFERENCES micro_consultations.roll_entry
);
CREATE INDEX roll_address_entry ON micro_consultations.roll_address (organisation_id, consultation_id, entry_id);

-- Ballots of an open anonymous consultation, keyed by HMAC(secret, roll entry). Emptied at closing.
CREATE TABLE micro_consultations.ballot (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    key              bytea   NOT NULL CHECK (octet_length(key) = 32),
    answers          jsonb   NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id, key),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);

-- Ballots of named consultations: a political opinion under a name, so the explicit consent (GDPR, article 9) is
-- kept beside it in the words that were shown. An erasure empties `contact_id`, and the count still adds up.
CREATE TABLE micro_consultations.named_ballot (
    organisation_id   integer     NOT NULL,
    consultation_id   integer     NOT NULL,
    entry_id          uuid        NOT NULL,
    contact_id        uuid,
    answers           jsonb       NOT NULL,
    consent_wording   text        NOT NULL,
    consented_at      timestamptz NOT NULL,
    cast_at           timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id, entry_id),
    FOREIGN KEY (organisation_id, consultation_id, entry_id) REFERENCES micro_consultations.roll_entry
);
CREATE INDEX named_ballot_contact ON micro_consultations.named_ballot (organisation_id, contact_id);

-- The ballots as anyone may recount them, written once by the closing. Ids are random and rows are inserted in their
-- order: neither says when or by whom a ballot was cast.
CREATE TABLE micro_consultations.closed_ballot (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    id               uuid    NOT NULL,
    -- Free texts are left out, only counted: a text that gives its author away must not give the rest away.
    answers          jsonb   NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id, id),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);

-- The free texts, each shuffled apart from its ballot and from the answers to the other questions.
CREATE TABLE micro_consultations.closed_text (
    organisation_id  integer  NOT NULL,
    consultation_id  integer  NOT NULL,
    question         smallint NOT NULL CHECK (question BETWEEN 0 AND 19),
    id               uuid     NOT NULL,
    body             text     NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id, question, id),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);

-- The counts that are shown. While an anonymous consultation is open they move only in steps, so that nobody reads
-- one ballot from the difference of two results; the closing writes the last ones.
CREATE TABLE micro_consultations.snapshot (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    ballots          integer NOT NULL CHECK (ballots >= 0),
    tally            jsonb   NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);

-- Answers given so far and not yet cast, so that a person may go back, stop and resume on another network. Gone with
-- the ballot, at the latest at closing.
CREATE TABLE micro_consultations.draft (
    organisation_id  integer     NOT NULL,
    consultation_id  integer     NOT NULL,
    contact_id       uuid        NOT NULL,
    version          smallint    NOT NULL,
    -- The question shown now; one past the last is the review.
    position         smallint    NOT NULL CHECK (position BETWEEN 0 AND 20),
    answers          jsonb       NOT NULL,
    -- Named consultations only: when the person agreed, before the first question.
    consented_at     timestamptz,
    PRIMARY KEY (organisation_id, consultation_id, contact_id),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);
CREATE INDEX draft_contact ON micro_consultations.draft (organisation_id, contact_id);

-- The consultation an organiser is composing in chat.
CREATE TABLE micro_consultations.composition (
    organisation_id  integer     NOT NULL,
    contact_id       uuid        NOT NULL,
    body             jsonb       NOT NULL,
    changed_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, contact_id)
);
