-- Native polls of the platforms: a poll is sent like any message, closed by a delivery of its own, and what the
-- platform counted is kept with that delivery until its plugin has heard of it.

ALTER TABLE core.delivery DROP CONSTRAINT delivery_kind_check;
ALTER TABLE core.delivery ADD CONSTRAINT delivery_kind_check
    CHECK (kind IN ('send', 'edit', 'delete', 'pin', 'close_poll'));

-- Which delivery became a message of the platform: reactions and poll votes name only the message.
CREATE INDEX delivery_part_remote ON core.delivery_part USING gin (remote_ids jsonb_path_ops);
CREATE INDEX delivery_conversation ON core.delivery (organisation_id, conversation_id);

-- A person who was erased leaves no chat address behind: the conversation's row stays, for the counts, without its name.
ALTER TABLE core.conversation ADD COLUMN erased_at timestamptz;
CREATE INDEX conversation_erased ON core.conversation (erased_at) WHERE erased_at IS NOT NULL;
