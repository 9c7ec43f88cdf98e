-- Until when an account surely received. Some platforms keep a press only for seconds: after a longer outage the
-- questions it may have swallowed are asked again.

ALTER TABLE core.account ADD COLUMN receiving_until timestamptz;
