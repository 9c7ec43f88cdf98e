-- Survey reminders: a campaign is planned down to the single message, approved by its hash, and carried out from
-- `planned_message`, one row for each (step, participant). The engine may send less or later, with a reason in that
-- row; the keys and checks below are what makes "never more, earlier, elsewhere or with other words" true.

CREATE SCHEMA survey_reminders;

CREATE TABLE survey_reminders.campaign (
    organisation_id  integer     NOT NULL,
    id               integer     GENERATED ALWAYS AS IDENTITY,
    slug             text        NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    -- The checked campaign file, and the file as it was written.
    definition       jsonb       NOT NULL,
    source           text        NOT NULL,
    -- Counts the edits. What was approved is a version; an edit makes a new one, which waits for its approval.
    version          integer     NOT NULL DEFAULT 1 CHECK (version > 0),
    -- The version that is carried out.
    approved_version integer     CHECK (approved_version BETWEEN 1 AND version),
    state            text        NOT NULL CHECK (state IN ('draft', 'approved', 'paused', 'cancelled', 'closed')),
    opens_at         timestamptz NOT NULL,
    deadline         timestamptz NOT NULL CHECK (deadline > opens_at),
    -- Who wrote the current version: where two people are asked for, somebody else approves it.
    edited_by        text        NOT NULL,
    edited_at        timestamptz NOT NULL,
    created_at       timestamptz NOT NULL,
    -- The last pause: what was taken back from the outbox at this very moment waits again.
    paused_at        timestamptz,
    -- Keys the personal tokens of the questionnaire's links, and of redirects.
    secret           bytea       NOT NULL CHECK (octet_length(secret) = 32),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, slug),
    CHECK ((state = 'draft') = (approved_version IS NULL) OR state = 'cancelled')
);

-- A version as it was approved: what exactly, by whom. `list_hash` is over (contact, step, earliest time), the other
-- over wording, steps and policy. A supplement adds people and takes nothing away.
CREATE TABLE survey_reminders.approval (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    number           integer     NOT NULL CHECK (number > 0),
    kind             text        NOT NULL CHECK (kind IN ('whole', 'supplement')),
    version          integer     NOT NULL,
    definition       jsonb       NOT NULL,
    wording_hash     bytea       NOT NULL CHECK (octet_length(wording_hash) = 32),
    list_hash        bytea       NOT NULL CHECK (octet_length(list_hash) = 32),
    messages         integer     NOT NULL CHECK (messages >= 0),
    approved_by      text        NOT NULL,
    approved_at      timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, campaign_id, number),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign
);
CREATE FUNCTION survey_reminders.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an approval is never rewritten: approve again';
END
$$;
CREATE TRIGGER approval_is_final BEFORE UPDATE OR DELETE ON survey_reminders.approval
    FOR EACH ROW EXECUTE FUNCTION survey_reminders.refuse_rewriting();

-- Who is to answer: a collectivité, or a person who works for none. One answer of one of its contacts is its answer.
CREATE TABLE survey_reminders.respondent (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    -- `c<collectivité>` or `p<contact>`: also the subject of its deliveries, so that an answer stops them all.
    key              text        NOT NULL,
    collectivite_id  bigint,
    -- The strata as they were at approval, so that a report is reproducible: kind, name, insee, siren, population,
    -- departement, region.
    facts            jsonb       NOT NULL DEFAULT '{}',
    -- `silent` → `started` (some answers known) → `answered`; `refused`: said they will not answer.
    state            text        NOT NULL DEFAULT 'silent' CHECK (state IN ('silent', 'started', 'answered', 'refused')),
    -- They say so themselves, nothing else does.
    declared         boolean     NOT NULL DEFAULT false,
    answered_at      timestamptz,
    PRIMARY KEY (organisation_id, campaign_id, key),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign,
    CHECK ((state = 'answered') = (answered_at IS NOT NULL)),
    CHECK (NOT declared OR state = 'answered')
);
CREATE INDEX respondent_collectivite ON survey_reminders.respondent (organisation_id, collectivite_id, campaign_id);
-- Partial, so that no look-up by key ever takes them for the primary key's equals.
CREATE INDEX respondent_insee ON survey_reminders.respondent (organisation_id, campaign_id, (facts ->> 'insee'))
    WHERE facts ->> 'insee' IS NOT NULL;
CREATE INDEX respondent_siren ON survey_reminders.respondent (organisation_id, campaign_id, (facts ->> 'siren'))
    WHERE facts ->> 'siren' IS NOT NULL;

-- A contact within a campaign.
CREATE TABLE survey_reminders.participant (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    -- NULL after an erasure, so that counts still add up.
    contact_id       uuid,
    -- NULL for the one participant that stands for the organisers, who are written to together and answer nothing.
    respondent_key   text,
    rank             smallint    NOT NULL DEFAULT 1,
    -- For the questionnaire's link: the contact's own, or made by us.
    token            text        NOT NULL CHECK (length(token) BETWEEN 4 AND 64),
    -- Said in chat. `stopped`: no more of this campaign for this person. `not_mine`: somebody else should answer.
    wish             text        CHECK (wish IN ('stopped', 'not_mine')),
    wished_at        timestamptz,
    -- "Remind me later": nothing before.
    snoozed_until    timestamptz,
    -- The contact whom they named in their place, at most one; emptied with that contact.
    colleague        uuid,
    -- Two contacts turned out to be one person: the participant who is still addressed. Links with this one's token
    -- were sent, so it is still known until that person is erased.
    same_as          bigint,
    -- The link was opened, where redirects are on.
    opened_at        timestamptz,
    PRIMARY KEY (organisation_id, campaign_id, id),
    UNIQUE (organisation_id, campaign_id, contact_id),
    UNIQUE (organisation_id, campaign_id, token),
    FOREIGN KEY (organisation_id, campaign_id, respondent_key) REFERENCES survey_reminders.respondent,
    FOREIGN KEY (organisation_id, campaign_id, same_as) REFERENCES survey_reminders.participant,
    CHECK (same_as IS NULL OR contact_id IS NULL),
    CHECK ((wish IS NULL) = (wished_at IS NULL)),
    CHECK (respondent_key IS NOT NULL OR contact_id IS NULL)
);
CREATE UNIQUE INDEX participant_organisers ON survey_reminders.participant (organisation_id, campaign_id)
    WHERE respondent_key IS NULL;
CREATE INDEX participant_contact ON survey_reminders.participant (organisation_id, contact_id);
CREATE INDEX participant_respondent ON survey_reminders.participant (organisation_id, campaign_id, respondent_key);

-- Every message of the campaign, once. The primary key is what makes "nobody gets a step twice" true, whatever was
-- edited, crashed or approved again.
CREATE TABLE survey_reminders.planned_message (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    step             text        NOT NULL CHECK (step ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    participant_id   bigint      NOT NULL,
    -- The approval it stands in.
    approval         integer     NOT NULL,
    -- The version whose words it carries: a row of an older one is not sent.
    version          integer     NOT NULL,
    -- As approved. Nothing goes out before.
    earliest_at      timestamptz NOT NULL,
    -- When it is to go out now: later than approved where somebody snoozed or a cap or an outage says so.
    due_at           timestamptz NOT NULL,
    state            text        NOT NULL CHECK (state IN ('waiting', 'handed', 'sent', 'unknown', 'failed', 'expired',
                                 'suppressed', 'cancelled')),
    -- Why it is later than planned, or was not sent: `{"code": …, …}`, put into words for each reader.
    reason           jsonb,
    handed_at        timestamptz,
    settled_at       timestamptz,
    PRIMARY KEY (organisation_id, campaign_id, step, participant_id),
    FOREIGN KEY (organisation_id, campaign_id, participant_id) REFERENCES survey_reminders.participant,
    FOREIGN KEY (organisation_id, campaign_id, approval) REFERENCES survey_reminders.approval,
    CHECK (due_at >= earliest_at),
    CHECK (handed_at IS NULL OR handed_at >= due_at),
    CHECK ((state = 'waiting') = (handed_at IS NULL) OR state IN ('suppressed', 'cancelled', 'expired')),
    CHECK ((state IN ('waiting', 'handed')) = (settled_at IS NULL)),
    CHECK (state NOT IN ('unknown', 'failed', 'suppressed', 'cancelled', 'expired') OR reason IS NOT NULL)
);
-- In the order of the engine's batches: 60,000 messages of one hour are not sorted again for each 200.
CREATE INDEX planned_message_due
    ON survey_reminders.planned_message (organisation_id, campaign_id, due_at, participant_id, step)
    WHERE state = 'waiting';
CREATE INDEX planned_message_handed ON survey_reminders.planned_message (organisation_id, campaign_id, participant_id, step)
    WHERE state = 'handed';
CREATE INDEX planned_message_participant ON survey_reminders.planned_message (organisation_id, campaign_id, participant_id);

-- What people pressed and said about a campaign: each has its effect at once and is in the report.
CREATE TABLE survey_reminders.wish (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    participant_id   bigint      NOT NULL,
    -- The step whose message was pressed; empty for a command.
    step             text        NOT NULL,
    -- `not_answered`, `mine` and `resume` take the one before them back.
    kind             text        NOT NULL CHECK (kind IN ('answer_now', 'later', 'already_answered', 'not_answered',
                                 'not_mine', 'mine', 'stop', 'resume')),
    wished_at        timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, campaign_id, id),
    FOREIGN KEY (organisation_id, campaign_id, participant_id) REFERENCES survey_reminders.participant
);
CREATE INDEX wish_participant ON survey_reminders.wish (organisation_id, campaign_id, participant_id);

-- News that somebody answered, from wherever it came, kept once. `respondent_key` is NULL where it matched nobody:
-- listed for the organiser, never dropped.
CREATE TABLE survey_reminders.answer_news (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    source           text        NOT NULL CHECK (source IN ('webhook', 'limesurvey', 'file', 'chat', 'declared')),
    -- The source's own name for this answer, or the SHA-256 of one that holds a token; the same news twice is one row.
    reference        text        NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    completeness     text        NOT NULL CHECK (completeness IN ('partial', 'complete')),
    -- What it is matched by, as given: at most one of each. Once it is matched, no token is kept; an empty one was that
    -- of a person who is erased, and is not filled again.
    token            text,
    insee            text,
    siren            text,
    respondent_key   text,
    -- The reminder it followed: the last message sent to this respondent before. Empty: none.
    after_step       text        NOT NULL DEFAULT '',
    answered_at      timestamptz,
    heard_at         timestamptz NOT NULL,
    -- An organiser looked at it and says it belongs to nobody.
    dismissed_at     timestamptz,
    PRIMARY KEY (organisation_id, campaign_id, id),
    UNIQUE (organisation_id, campaign_id, source, reference),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign,
    FOREIGN KEY (organisation_id, campaign_id, respondent_key) REFERENCES survey_reminders.respondent
);
CREATE INDEX answer_news_unmatched ON survey_reminders.answer_news (organisation_id, campaign_id)
    WHERE respondent_key IS NULL AND dismissed_at IS NULL;
CREATE INDEX answer_news_respondent ON survey_reminders.answer_news (organisation_id, campaign_id, respondent_key);

-- Signed requests already taken, so that a copy of one is refused. Kept for as long as a signature is good.
CREATE TABLE survey_reminders.webhook_seen (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    signature        bytea       NOT NULL CHECK (octet_length(signature) = 32),
    seen_at          timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, campaign_id, signature),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign
);
CREATE INDEX webhook_seen_age ON survey_reminders.webhook_seen (seen_at);

-- Where the polling of a questionnaire tool stands.
CREATE TABLE survey_reminders.poll (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    polled_at        timestamptz,
    -- The last time it went well, and what went wrong since, for doctor and `campaign show`.
    succeeded_at     timestamptz,
    failure          text,
    state            jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (organisation_id, campaign_id),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign
);

-- Signed links to a campaign's report page: exchanged once, by POST, for a short session.
CREATE TABLE survey_reminders.report_access (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    -- SHA-256 of the link's token, and after the exchange of the session's.
    link_digest      bytea       NOT NULL CHECK (octet_length(link_digest) = 32),
    session_digest   bytea       CHECK (octet_length(session_digest) = 32),
    issued_at        timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL CHECK (expires_at > issued_at),
    exchanged_at     timestamptz,
    revoked_at       timestamptz,
    PRIMARY KEY (organisation_id, campaign_id, id),
    UNIQUE (link_digest),
    UNIQUE (session_digest),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign,
    CHECK ((session_digest IS NULL) = (exchanged_at IS NULL))
);

-- The reference population of a campaign, as its organiser gave it: what coverage is counted of. Public bodies alone,
-- no persons. One row each in `bodies`: {kind, name, insee, siren, population, region}.
CREATE TABLE survey_reminders.reference (
    organisation_id  integer     NOT NULL,
    campaign_id      integer     NOT NULL,
    bodies           jsonb       NOT NULL CHECK (jsonb_typeof(bodies) = 'array'),
    kept_at          timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, campaign_id),
    FOREIGN KEY (organisation_id, campaign_id) REFERENCES survey_reminders.campaign
);
