//! Discord's ids: numbers that carry the moment they were given (docs: Snowflakes). Written as decimal text.

use chrono::{DateTime, Utc};

/// The first second of 2015, in milliseconds since 1970.
const EPOCH_MILLIS: i64 = 1_420_070_400_000;

/// Reads an id, which is never zero.
pub(crate) fn parse(text: &str) -> Option<u64> {
    text.parse().ok().filter(|id| *id > 0)
}

/// The smallest id of that millisecond: everything made later is greater.
pub(crate) fn at(moment: DateTime<Utc>) -> u64 {
    u64::try_from((moment.timestamp_millis() - EPOCH_MILLIS).max(0)).unwrap_or_default() << 22
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_its_moment() {
        // The example of the platform's documentation.
        let moment: DateTime<Utc> = "2016-04-30T11:18:25.796Z".parse().unwrap();
        assert_eq!(at(moment), 175_928_847_299_117_063 >> 22 << 22);
        assert_eq!(parse("175928847299117063"), Some(175_928_847_299_117_063));
        assert_eq!(["0", "-1", "", "x"].map(parse), [None; 4]);
    }
}
