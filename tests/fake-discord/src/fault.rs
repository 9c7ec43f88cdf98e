//! Ways in which a call can go wrong.

/// Who a rate limit is for (docs: Rate Limits, `X-RateLimit-Scope`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    User,
    Global,
    Shared,
}

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Global => "global",
            Self::Shared => "shared",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// 429 with its headers; nothing is done.
    RateLimited { scope: Scope, retry_after_seconds: f64 },
    /// 429 with a page of HTML, from the wall before the API.
    Walled,
    /// 502 with a page of HTML; nothing is done.
    BadGateway,
    /// It is done, and the answer is a 502 with a page of HTML.
    DoneThenBadGateway,
    /// It is done, and the connection breaks in the middle of the answer.
    DoneThenCutOff,
    /// Refused with this status and code.
    Refused { status: u16, code: u64 },
    /// The clock moves before it is looked at, as when it was long on its way.
    Late { millis: i64 },
    /// Only the next thing is unusual: this call passes.
    Passes,
}

/// Whether `METHOD /a/*/b` matches, `*` standing for one part of the path.
pub(crate) fn matches(pattern: &str, method: &str, path: &str) -> bool {
    let Some((wanted, pattern)) = pattern.split_once(' ') else { return false };
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    wanted == method
        && pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(pattern, part)| *pattern == "*" || pattern == part)
}
