//! `[fetch]`: what may be fetched from inside the operator's own network.

use bot_core::fetch::AllowedPlace;
use schemars::JsonSchema;
use serde::Deserialize;

use super::problem::Checker;

/// What plugins fetch from (questionnaire tools, feeds) is anywhere on the public internet, and nowhere inside, unless
/// it is listed here.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Hosts with their ports that are inside your network, each as the address to fetch names it.
    #[schemars(example = ["10.0.0.5:443", "enquetes.mairie.lan:443"])]
    pub allow: Vec<String>,
}

impl Fetch {
    /// The places, of a section that passed the checks.
    pub fn places(&self) -> Vec<AllowedPlace> {
        self.allow.iter().filter_map(|place| place.parse().ok()).collect()
    }

    pub(crate) fn check(&self, checker: &mut Checker) {
        for (index, place) in self.allow.iter().enumerate() {
            if let Err(error) = place.parse::<AllowedPlace>() {
                checker.refuse(format!("fetch.allow[{}]", index + 1), error.to_string());
            }
        }
    }
}
