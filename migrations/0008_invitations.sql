-- Personal invitations, and consent for a second address.

-- How a contact without an address is invited. The link's code is `number-MAC` over contact and generation: nothing
-- of it is stored, an export writes it again, and a new generation makes every older link worthless. Single-use.
CREATE TABLE core.invitation (
    organisation_id  integer     NOT NULL,
    contact_id       uuid        NOT NULL,
    generation       integer     NOT NULL CHECK (generation > 0),
    issued_at        timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL CHECK (expires_at > issued_at),
    -- The address that bound itself by it. NULL again once that address is erased.
    used_at          timestamptz,
    used_by          bigint,
    -- The question "is that you?" was shown, for the first time.
    followed_at      timestamptz,
    -- Somebody followed the link and said "that is not me". It stays good for the right person: links get forwarded.
    disowned_at      timestamptz,
    -- Taken back by an organiser. The row stays, so that a later generation is another one.
    revoked_at       timestamptz,
    PRIMARY KEY (organisation_id, contact_id),
    FOREIGN KEY (organisation_id, contact_id) REFERENCES core.contact ON DELETE CASCADE,
    FOREIGN KEY (organisation_id, used_by) REFERENCES core.address ON DELETE SET NULL (used_by),
    CHECK (used_by IS NULL OR used_at IS NOT NULL),
    CHECK (used_at < expires_at),
    CHECK (used_at IS NULL OR revoked_at IS NULL)
);
CREATE INDEX invitation_used_by ON core.invitation (organisation_id, used_by) WHERE used_by IS NOT NULL;

-- "You may also write to me here": consent for one address of a person, in the words that were shown. A message for a
-- purpose goes to another address than the one they last used only where this is in force. Rows are never rewritten,
-- only closed.
CREATE TABLE core.address_consent (
    organisation_id  integer     NOT NULL,
    id               bigint      GENERATED ALWAYS AS IDENTITY,
    address_id       bigint      NOT NULL,
    purpose          text        NOT NULL CHECK (purpose IN ('consultation', 'reminder', 'digest')),
    wording          text        NOT NULL,
    given_at         timestamptz NOT NULL,
    withdrawn_at     timestamptz CHECK (withdrawn_at >= given_at),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, address_id) REFERENCES core.address ON DELETE CASCADE
);
CREATE INDEX address_consent_address ON core.address_consent (organisation_id, address_id);
CREATE UNIQUE INDEX address_consent_in_force ON core.address_consent (organisation_id, address_id, purpose)
    WHERE withdrawn_at IS NULL;
