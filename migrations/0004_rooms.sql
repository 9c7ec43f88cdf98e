-- Rooms: groups and channels where an account is, announcements and informal polls in them, and codes handed out on
-- paper.

-- A plain handle for a room, for the command line and for files: the platform's own name of it is long and unsayable.
ALTER TABLE core.conversation ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX conversation_number ON core.conversation (organisation_id, number);

-- Where people open a private conversation with this account, as its adapter last said: for the command line, which
-- runs no adapter. `{"url": …, "carries_payload": …}`; `{payload}` in the address stands for the payload.
ALTER TABLE core.account ADD COLUMN private_link jsonb;

-- ---------------------------------------------------------------------------------------------------------
-- Consultations in rooms
-- ---------------------------------------------------------------------------------------------------------

ALTER TABLE micro_consultations.consultation ADD UNIQUE (organisation_id, id, anonymity);

-- A consultation told in a room, once a room.
CREATE TABLE micro_consultations.room_announcement (
    organisation_id  integer     NOT NULL,
    consultation_id  integer     NOT NULL,
    conversation_id  uuid        NOT NULL,
    anonymity        text        NOT NULL,
    -- People may answer right there, by a native poll or a reaction, which everybody there can read.
    votes            boolean     NOT NULL DEFAULT false,
    announced_at     timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id, conversation_id),
    FOREIGN KEY (organisation_id, consultation_id, anonymity)
        REFERENCES micro_consultations.consultation (organisation_id, id, anonymity),
    -- What others can read is never a ballot of an anonymous consultation.
    CHECK (anonymity = 'named' OR NOT votes)
);

-- Who was told in private why what they did in a room is not counted, so that they are told once. Gone at closing.
CREATE TABLE micro_consultations.room_notice (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    contact_id       uuid    NOT NULL,
    PRIMARY KEY (organisation_id, consultation_id, contact_id),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);
CREATE INDEX room_notice_contact ON micro_consultations.room_notice (organisation_id, contact_id);

-- ---------------------------------------------------------------------------------------------------------
-- Participation codes
-- ---------------------------------------------------------------------------------------------------------

-- Codes made for a consultation, as HMAC(secret, code): the codes themselves are in the file that was handed out and
-- nowhere else. A code that was used stands on the roll like an address (`roll_address`, assurance `code`), and so
-- belongs to one entry. Emptied at closing.
CREATE TABLE micro_consultations.participation_code (
    organisation_id  integer NOT NULL,
    consultation_id  integer NOT NULL,
    digest           bytea   NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (organisation_id, consultation_id, digest),
    FOREIGN KEY (organisation_id, consultation_id) REFERENCES micro_consultations.consultation
);

-- Wrong codes typed within the last hour, to limit guessing.
CREATE TABLE micro_consultations.code_attempt (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    -- The address's digest.
    address          bytea       NOT NULL CHECK (octet_length(address) = 32),
    attempted_at     timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX code_attempt_recent ON micro_consultations.code_attempt (organisation_id, attempted_at);

-- ---------------------------------------------------------------------------------------------------------
-- Pulses: informal polls of the platforms. Nothing here refers to a ballot, and no ballot refers to anything here.
-- ---------------------------------------------------------------------------------------------------------

CREATE TABLE micro_consultations.pulse (
    organisation_id  integer     NOT NULL,
    id               integer     GENERATED ALWAYS AS IDENTITY,
    slug             text        NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    definition       jsonb       NOT NULL CHECK (definition ->> 'kind' = 'pulse'),
    state            text        NOT NULL CHECK (state IN ('draft', 'open', 'closed')),
    opened_at        timestamptz,
    closes_at        timestamptz CHECK (closes_at > opened_at),
    closed_at        timestamptz,
    -- The result was said in its rooms.
    told_at          timestamptz,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, slug),
    CHECK ((state = 'draft') = (opened_at IS NULL)),
    CHECK ((state = 'draft') = (closes_at IS NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (told_at IS NULL OR state = 'closed')
);

CREATE TABLE micro_consultations.pulse_room (
    organisation_id  integer NOT NULL,
    pulse_id         integer NOT NULL,
    conversation_id  uuid    NOT NULL,
    -- The room's plain handle and its platform, as they were when it was asked there.
    number           bigint  NOT NULL,
    platform         text    NOT NULL,
    -- `waiting`: not asked yet. `asked`: a native poll is there. `words`: the room has no native polls, so nothing can
    -- be counted. `unsent`: it never got there. `counted`, or `unknown` when the platform did not say.
    state            text    NOT NULL CHECK (state IN ('waiting', 'asked', 'words', 'unsent', 'counted', 'unknown')),
    -- How many took part, where the platform says.
    voters           integer CHECK (voters >= 0),
    PRIMARY KEY (organisation_id, pulse_id, conversation_id),
    FOREIGN KEY (organisation_id, pulse_id) REFERENCES micro_consultations.pulse,
    CHECK (voters IS NULL OR state = 'counted')
);

-- What the platform counted in a room: there only once it did, so that what is unknown is not zero.
CREATE TABLE micro_consultations.pulse_count (
    organisation_id  integer  NOT NULL,
    pulse_id         integer  NOT NULL,
    conversation_id  uuid     NOT NULL,
    option           smallint NOT NULL CHECK (option BETWEEN 0 AND 9),
    votes            integer  NOT NULL CHECK (votes >= 0),
    PRIMARY KEY (organisation_id, pulse_id, conversation_id, option),
    FOREIGN KEY (organisation_id, pulse_id, conversation_id) REFERENCES micro_consultations.pulse_room
);
