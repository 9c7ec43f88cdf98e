-- When a message that nobody asked for may go out. The rule is a pure function (bot_core::calendar); here is what it
-- is asked with, and what it answered.

-- Hours, holidays and the pressure cap of the whole organisation, from crieur.toml at each start.
ALTER TABLE core.organisation ADD COLUMN sending_rule jsonb NOT NULL DEFAULT '{}';

-- When a person does not want to be written to, by weekday, in their own zone (`contact.time_zone`): parts of days, as
-- in `{"saturday": ["00:00-24:00"]}`. NULL until they say so.
ALTER TABLE core.contact ADD COLUMN quiet_hours jsonb;

ALTER TABLE core.delivery
    -- The sender's own rule (a campaign's), on top of the organisation's and the recipient's: the tightest wins.
    ADD COLUMN sending_rule    jsonb,
    -- When the rules let it go, just before its first call: what the pressure cap counts.
    ADD COLUMN permitted_at    timestamptz,
    -- It waits until then because of the rules, and nothing else in its chat waits for it.
    ADD COLUMN postponed_until timestamptz,
    -- Why: the reasons that the rules gave last, as data for any language. Both stay once it has gone out.
    ADD COLUMN postponed       jsonb,
    -- Its plugin called it off while a process held it: it does not begin any more, however it is given back.
    ADD COLUMN called_off_at   timestamptz,
    ADD CHECK ((postponed IS NULL) = (postponed_until IS NULL));
-- The cap's look-up: what was sent to a person lately, by whatever plugin.
CREATE INDEX delivery_permitted ON core.delivery (organisation_id, contact_id, permitted_at) WHERE permitted_at IS NOT NULL;
