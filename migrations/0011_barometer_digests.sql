-- Barometer digests: what the observatory saw, gathered from sources, put into an edition by an editor, approved by its
-- hash, and sent once to each reader and period. An approved edition never changes: what turns out wrong is corrected
-- by a line that is appended.

CREATE SCHEMA barometer_digests;

-- The digest file of an organisation: sources, topics, schedules, wording. One digest each.
CREATE TABLE barometer_digests.digest (
    organisation_id  integer     PRIMARY KEY,
    -- The checked file, and the file as it was written.
    definition       jsonb       NOT NULL,
    source           text        NOT NULL,
    version          integer     NOT NULL CHECK (version > 0),
    edited_by        text        NOT NULL,
    edited_at        timestamptz NOT NULL,
    -- Keys the links by which readers leave.
    secret           bytea       NOT NULL CHECK (octet_length(secret) = 32)
);

-- How a source is doing. A source that left the file keeps its row, so that coming back it sends nothing twice.
CREATE TABLE barometer_digests.source (
    organisation_id  integer     NOT NULL,
    key              text        NOT NULL CHECK (key ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    -- What is asked: its kind and address, a dataset's filter. Another one begins anew, without what the old one left.
    asked_for        text        NOT NULL,
    -- As the server gave them, for the next conditional request.
    etag             text,
    last_modified    text,
    asked_at         timestamptz,
    -- The last answer that could be used, new or unchanged.
    succeeded_at     timestamptz,
    due_at           timestamptz NOT NULL,
    -- One after the other.
    failures         integer     NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- What is wrong, as a code with its details; put into words for each reader.
    problem          jsonb,
    -- What it keeps between two requests: the page reached, the columns seen.
    memory           jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (organisation_id, key),
    CHECK ((failures = 0) = (problem IS NULL))
);

-- News and events, each once, however often, from wherever and under whichever name it comes.
CREATE TABLE barometer_digests.item (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    source_key       text        NOT NULL,
    kind             text        NOT NULL CHECK (kind IN ('news', 'event')),
    -- Plain words: what a stranger wrote is never markup.
    title            text        NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
    summary          text        NOT NULL DEFAULT '' CHECK (length(summary) <= 2000),
    url              text        CHECK (length(url) <= 2000),
    language         text,
    published_at     timestamptz,
    -- Events: with their zone and recurrence, as the source said them, and what of them was called off when.
    event            jsonb,
    first_seen_at    timestamptz NOT NULL,
    -- When it became news: the edition whose window holds it may tell of it. NULL: it was no news when it was first seen.
    news_at          timestamptz,
    last_seen_at     timestamptz NOT NULL,
    -- The source called it off.
    cancelled_at     timestamptz,
    PRIMARY KEY (organisation_id, id),
    CHECK ((kind = 'event') = (event IS NOT NULL)),
    CHECK (kind = 'event' OR cancelled_at IS NULL),
    CHECK (kind = 'news' OR news_at IS NULL)
);
CREATE INDEX item_news ON barometer_digests.item (organisation_id, news_at) WHERE news_at IS NOT NULL;
CREATE INDEX item_source ON barometer_digests.item (organisation_id, source_key, kind, last_seen_at);

-- The names an item is known by: its id at the source, its address, its title and day. Any of them is the item.
CREATE TABLE barometer_digests.item_name (
    organisation_id  integer     NOT NULL,
    name             bytea       NOT NULL CHECK (octet_length(name) = 32),
    item_id          bigint      NOT NULL,
    PRIMARY KEY (organisation_id, name),
    FOREIGN KEY (organisation_id, item_id) REFERENCES barometer_digests.item ON DELETE CASCADE
);
CREATE INDEX item_name_item ON barometer_digests.item_name (organisation_id, item_id);

-- A table of figures, as it was read. A new reading that differs is a new version; none is ever changed, since an
-- edition links to the row it quotes.
CREATE TABLE barometer_digests.dataset (
    organisation_id  integer     NOT NULL,
    key              text        NOT NULL CHECK (key ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    version          integer     NOT NULL CHECK (version > 0),
    -- Where it came from: a file's name, or the source's key.
    origin           text        NOT NULL,
    -- SHA-256 of the rows, canonically written: the same rows in another format are the same version.
    rows_hash        bytea       NOT NULL CHECK (octet_length(rows_hash) = 32),
    rows             integer     NOT NULL CHECK (rows > 0),
    -- As the table named them, in their order: what the next reading is held against.
    columns          text[]      NOT NULL,
    -- What was left out, and what the source changed in its columns.
    remarks          jsonb       NOT NULL DEFAULT '[]',
    imported_at      timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, key, version)
);

CREATE TABLE barometer_digests.figure (
    organisation_id  integer     NOT NULL,
    dataset_key      text        NOT NULL,
    version          integer     NOT NULL,
    -- From 1, in the order of the data.
    row              integer     NOT NULL CHECK (row > 0),
    indicator        text        NOT NULL CHECK (length(indicator) BETWEEN 1 AND 300),
    -- The barometer's edition: a year, or whatever names it.
    edition          text        NOT NULL CHECK (length(edition) BETWEEN 1 AND 40),
    -- Empty: everybody.
    stratum          text        NOT NULL DEFAULT '' CHECK (length(stratum) <= 100),
    value            numeric     NOT NULL,
    unit             text        NOT NULL CHECK (unit IN ('percent', 'count', 'euro')),
    -- Of how many; NULL where it was not published, and then said so.
    base             bigint      CHECK (base >= 0),
    PRIMARY KEY (organisation_id, dataset_key, version, row),
    UNIQUE (organisation_id, dataset_key, version, indicator, edition, stratum),
    FOREIGN KEY (organisation_id, dataset_key, version) REFERENCES barometer_digests.dataset,
    CHECK (unit <> 'percent' OR value BETWEEN 0 AND 100)
);

-- What other plugins told of this crieur's own consultations and campaigns: the latest news of each.
CREATE TABLE barometer_digests.neighbour (
    organisation_id  integer     NOT NULL,
    -- `consultation` or `campaign`, and its short name.
    kind             text        NOT NULL CHECK (kind IN ('consultation', 'campaign')),
    slug             text        NOT NULL,
    title            jsonb       NOT NULL,
    opened_at        timestamptz,
    closes_at        timestamptz,
    closed_at        timestamptz,
    -- Counts, and results once closed.
    details          jsonb       NOT NULL DEFAULT '{}',
    heard_at         timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, kind, slug)
);

CREATE TABLE barometer_digests.edition (
    organisation_id  integer     NOT NULL,
    -- Counts from 1: the name of an edition, never given twice.
    number           integer     NOT NULL CHECK (number > 0),
    cadence          text        NOT NULL CHECK (cadence IN ('weekly', 'monthly')),
    -- The week (`2026-W48`) or month (`2026-11`) it is for.
    period           text        NOT NULL CHECK (period ~ CASE cadence WHEN 'weekly' THEN '^[0-9]{4}-W[0-9]{2}$'
                                                               ELSE '^[0-9]{4}-[0-9]{2}$' END),
    -- What it looks at: from the end of the edition before.
    window_from      timestamptz NOT NULL,
    window_until     timestamptz NOT NULL CHECK (window_until > window_from),
    -- Counts the changes of a draft. Whoever changes or approves says which revision they saw.
    revision         integer     NOT NULL DEFAULT 1 CHECK (revision > 0),
    -- The edition as canonical JSON, the very bytes that are hashed.
    content          text        NOT NULL,
    content_hash     bytea       NOT NULL CHECK (octet_length(content_hash) = 32),
    state            text        NOT NULL CHECK (state IN ('draft', 'approved', 'sending', 'sent', 'skipped')),
    drafted_at       timestamptz NOT NULL,
    edited_by        text        NOT NULL,
    edited_at        timestamptz NOT NULL,
    -- By whom; `automatic` where the digest file says so.
    approved_by      text,
    approved_at      timestamptz,
    -- From here on it is on the public page, and readers get it at their hour.
    published_at     timestamptz,
    -- Readers it is for, counted when it was published.
    expected         integer     CHECK (expected >= 0),
    finished_at      timestamptz,
    -- Why it was left out, in the words of whoever did.
    skip_reason      text        CHECK (length(skip_reason) BETWEEN 1 AND 1000),
    -- The last time its numbers did not add up, and how.
    mismatch         jsonb,
    PRIMARY KEY (organisation_id, number),
    CHECK ((approved_at IS NULL) = (approved_by IS NULL)),
    -- What is left out may have been approved before.
    CHECK (state = 'skipped' OR (state IN ('approved', 'sending', 'sent')) = (approved_at IS NOT NULL)),
    CHECK ((state = 'skipped') = (skip_reason IS NOT NULL)),
    CHECK ((state IN ('sending', 'sent')) = (published_at IS NOT NULL)),
    CHECK ((published_at IS NULL) = (expected IS NULL)),
    CHECK ((state = 'sent') = (finished_at IS NOT NULL))
);
-- One edition for each period, unless it was skipped.
CREATE UNIQUE INDEX edition_period ON barometer_digests.edition (organisation_id, cadence, period)
    WHERE state <> 'skipped';
CREATE FUNCTION barometer_digests.keep_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an edition is never deleted: skip it';
    END IF;
    IF OLD.approved_at IS NOT NULL AND (NEW.content, NEW.content_hash, NEW.revision, NEW.cadence, NEW.period,
                                        NEW.window_from, NEW.window_until, NEW.approved_by, NEW.approved_at)
        IS DISTINCT FROM (OLD.content, OLD.content_hash, OLD.revision, OLD.cadence, OLD.period,
                          OLD.window_from, OLD.window_until, OLD.approved_by, OLD.approved_at) THEN
        RAISE EXCEPTION 'an approved edition never changes: append a correction';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER edition_is_kept BEFORE UPDATE OR DELETE ON barometer_digests.edition
    FOR EACH ROW EXECUTE FUNCTION barometer_digests.keep_approved();

-- What was approved and turned out wrong: shown under the edition, with its day.
CREATE TABLE barometer_digests.correction (
    organisation_id  integer     NOT NULL,
    edition_number   integer     NOT NULL,
    number           integer     NOT NULL CHECK (number > 0),
    words            jsonb       NOT NULL,
    written_by       text        NOT NULL,
    written_at       timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, edition_number, number),
    FOREIGN KEY (organisation_id, edition_number) REFERENCES barometer_digests.edition
);
CREATE FUNCTION barometer_digests.refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a correction is never rewritten: append another';
END
$$;
CREATE TRIGGER correction_is_final BEFORE UPDATE OR DELETE ON barometer_digests.correction
    FOR EACH ROW EXECUTE FUNCTION barometer_digests.refuse_rewriting();

-- Pictures of an approved edition's charts: made once, shown to every reader.
CREATE TABLE barometer_digests.chart (
    organisation_id  integer     NOT NULL,
    edition_number   integer     NOT NULL,
    entry_key        text        NOT NULL,
    locale           text        NOT NULL CHECK (locale IN ('fr', 'en')),
    media            bytea       NOT NULL CHECK (octet_length(media) = 32),
    PRIMARY KEY (organisation_id, edition_number, entry_key, locale),
    FOREIGN KEY (organisation_id, edition_number) REFERENCES barometer_digests.edition
);

-- Whoever subscribed: a person, or a room.
CREATE TABLE barometer_digests.reader (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    -- One of the two; a person erased leaves neither, so that old counts still add up.
    contact_id       uuid,
    conversation_id  uuid,
    -- `choosing`: looks at what they would get, and has agreed to nothing.
    state            text        NOT NULL CHECK (state IN ('choosing', 'active', 'left')),
    cadence          text        NOT NULL CHECK (cadence IN ('weekly', 'monthly')),
    -- 1 is Monday, 7 Sunday. Of a month it is the first such day.
    weekday          smallint    NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    hour             smallint    NOT NULL CHECK (hour BETWEEN 0 AND 23),
    time_zone        text        NOT NULL,
    locale           text        NOT NULL CHECK (locale IN ('fr', 'en')),
    form             text        NOT NULL CHECK (form IN ('short', 'full')),
    -- Sorted, each once. Empty: all of them.
    topics           text[]      NOT NULL DEFAULT '{}',
    -- What an edition without anything for them is to them.
    when_empty       text        NOT NULL CHECK (when_empty IN ('say_so', 'stay_silent')),
    -- The last time.
    subscribed_at    timestamptz,
    left_at          timestamptz,
    -- The reader who turned out to be the same person, and stayed.
    same_as          bigint,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, same_as) REFERENCES barometer_digests.reader (organisation_id, id),
    CHECK (same_as IS NULL OR num_nonnulls(contact_id, conversation_id) = 0),
    CHECK ((state = 'choosing') = (subscribed_at IS NULL)),
    CHECK (num_nonnulls(contact_id, conversation_id) = 1 OR state = 'left'),
    CHECK (num_nonnulls(contact_id, conversation_id) <= 1),
    CHECK ((state = 'left') = (left_at IS NOT NULL))
);
CREATE UNIQUE INDEX reader_contact ON barometer_digests.reader (organisation_id, contact_id)
    WHERE contact_id IS NOT NULL;
CREATE UNIQUE INDEX reader_room ON barometer_digests.reader (organisation_id, conversation_id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX reader_active ON barometer_digests.reader (organisation_id, cadence, id) WHERE state = 'active';

-- One digest for each reader and period: the primary key is what makes "at most one" true, whatever crashes, is edited
-- or is sent again.
CREATE TABLE barometer_digests.reader_digest (
    organisation_id  integer     NOT NULL,
    reader_id        bigint      NOT NULL,
    period           text        NOT NULL,
    edition_number   integer     NOT NULL,
    -- The reader's hour, also where that had passed at publication: lateness is counted from it.
    due_at           timestamptz NOT NULL,
    state            text        NOT NULL CHECK (state IN ('waiting', 'handed', 'sent', 'unknown', 'failed', 'expired',
                                 'suppressed', 'cancelled')),
    -- Why it was not sent: `{"code": …}`, put into words for each reader.
    reason           jsonb,
    handed_at        timestamptz,
    settled_at       timestamptz,
    PRIMARY KEY (organisation_id, reader_id, period),
    FOREIGN KEY (organisation_id, reader_id) REFERENCES barometer_digests.reader,
    FOREIGN KEY (organisation_id, edition_number) REFERENCES barometer_digests.edition,
    CHECK ((state IN ('waiting', 'handed')) = (settled_at IS NULL)),
    CHECK (state <> 'handed' OR handed_at IS NOT NULL),
    CHECK (state NOT IN ('unknown', 'failed', 'suppressed', 'cancelled', 'expired') OR reason IS NOT NULL)
);
CREATE INDEX reader_digest_due ON barometer_digests.reader_digest (organisation_id, edition_number, due_at, reader_id)
    WHERE state = 'waiting';
CREATE INDEX reader_digest_handed ON barometer_digests.reader_digest (organisation_id, edition_number, reader_id)
    WHERE state = 'handed';
CREATE INDEX reader_digest_edition ON barometer_digests.reader_digest (organisation_id, edition_number, state);
