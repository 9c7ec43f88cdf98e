//! A stateful fake of Discord, REST and gateway, for tests.
