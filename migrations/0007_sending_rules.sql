-- When a message that nobody asked for may go out. The rule is a pure function (bot_core::calendar); here is what it
-- is asked with, and what it answered.

-- Quiet hours, holidays and the pressure cap of the whole organisation, from crieur.toml at each start.
ALTER TABLE core.organisation ADD COLUMN sending_rule jsonb NOT NULL DEFAULT '{}';

-- When a person does not want to be written to, by weekday, in their own zone (`contact.time_zone`).
ALTER TABLE core.contact ADD COLUMN quiet_hours jsonb;

ALTER TABLE core.delivery
    -- The sender's own rule (a campaign's), on top of the organisation's and the recipient's: the tightest wins.
    ADD COLUMN sending_rule jsonb,
    -- Why it goes out later than it was due: the last reason the rule gave, as data for any language.
    ADD COLUMN postponed    jsonb;
