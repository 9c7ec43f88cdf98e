//! A stateful fake of the Telegram Bot API, for tests.
