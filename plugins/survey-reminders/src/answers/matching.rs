//! Whose answer it is: by the participant's token, the INSEE code or the SIREN number. Keys that name different
//! respondents name none.

use std::collections::BTreeSet;

use bot_core::plugin::Context;
use serde::Serialize;

use crate::store::{CampaignId, RespondentKey};

/// What a source says about who answered, as it says it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Keys {
    pub token: Option<String>,
    pub insee: Option<String>,
    pub siren: Option<String>,
}

/// Longer than any key that names somebody.
const KEY_CHARACTERS_MAX: usize = 100;

impl Keys {
    /// Spaces around a key do not count, and an empty one is none. One that is too long to name anybody is cut, and
    /// names nobody.
    pub fn of(token: Option<&str>, insee: Option<&str>, siren: Option<&str>) -> Self {
        let tidy = |key: Option<&str>| {
            let key = key?.trim().replace('\0', "");
            (!key.is_empty()).then(|| key.chars().take(KEY_CHARACTERS_MAX).collect())
        };
        Self { token: tidy(token), insee: tidy(insee), siren: tidy(siren) }
    }

    pub fn token(token: &str) -> Self {
        Self::of(Some(token), None, None)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why nobody was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    #[error("it names nobody: send a token, an INSEE code or a SIREN number along")]
    NoKey,
    #[error("nobody in this campaign has such a token, INSEE code or SIREN number")]
    Nobody,
    #[error("its token, INSEE code and SIREN number belong to different respondents")]
    Contradiction,
    #[error("its INSEE code belongs to a département and to a région: send the SIREN number along")]
    Ambiguous,
}

/// The respondent whom all keys that are known name.
pub(crate) async fn find(
    cx: &mut Context,
    campaign: CampaignId,
    keys: &Keys,
) -> Result<Result<RespondentKey, Mismatch>, sqlx::Error> {
    if keys.is_empty() {
        return Ok(Err(Mismatch::NoKey));
    }
    if keys.token.as_deref() == Some("") {
        // Its token was that of a person who is erased, and named somebody else than the other keys do.
        return Ok(Err(Mismatch::Contradiction));
    }
    let organisation = cx.organisation.id;
    let rows = sqlx::query!(
        r#"
        SELECT 'token' AS "by!", respondent_key AS "key!" FROM survey_reminders.participant
        WHERE organisation_id = $1 AND campaign_id = $2 AND token = $3
        UNION
        SELECT 'insee', key FROM survey_reminders.respondent
        WHERE organisation_id = $1 AND campaign_id = $2 AND facts ->> 'insee' = $4
        UNION
        SELECT 'siren', key FROM survey_reminders.respondent
        WHERE organisation_id = $1 AND campaign_id = $2 AND facts ->> 'siren' = $5
        "#,
        organisation.0,
        campaign.0,
        keys.token,
        keys.insee.as_deref().map(insee),
        keys.siren.as_deref().map(siren),
    )
    .fetch_all(cx.sql())
    .await?;
    let named: Vec<(&str, RespondentKey)> =
        rows.iter().filter_map(|row| Some((row.by.as_str(), row.key.parse().ok()?))).collect();
    Ok(agreed(&named))
}

fn agreed(named: &[(&str, RespondentKey)]) -> Result<RespondentKey, Mismatch> {
    let ways: BTreeSet<&str> = named.iter().map(|(by, _)| *by).collect();
    let everybody: BTreeSet<RespondentKey> = named.iter().map(|(_, key)| *key).collect();
    if everybody.is_empty() {
        return Err(Mismatch::Nobody);
    }
    let mut by_all = everybody.iter().filter(|key| ways.iter().all(|by| named.contains(&(*by, **key))));
    match (by_all.next(), by_all.next()) {
        (Some(key), None) => Ok(*key),
        (Some(_), Some(_)) => Err(Mismatch::Ambiguous),
        (None, _) => Err(Mismatch::Contradiction),
    }
}

/// An INSEE code as it is stored. A spreadsheet that takes it for a number loses its zero: `1004` is `01004`.
pub(crate) fn insee(given: &str) -> String {
    let code: String = given.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && matches!(code.len(), 1 | 4) { format!("0{code}") } else { code }
}

/// A SIREN number as it is stored; of a SIRET (14 digits) its first nine.
fn siren(given: &str) -> String {
    let digits: String = given.chars().filter(|c| !c.is_whitespace() && *c != '.').collect();
    let is_siret = digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_siret { digits.chars().take(9).collect() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_people_and_spreadsheets_write_them() {
        for (given, code) in [("1004", "01004"), (" 2a004 ", "2A004"), ("44", "44"), ("1", "01"), ("974", "974")] {
            assert_eq!(insee(given), code);
        }
        for (given, number) in
            [("213 501 380", "213501380"), ("21350138000019", "213501380"), ("213\u{a0}501\u{202f}380", "213501380")]
        {
            assert_eq!(siren(given), number);
        }
        assert_eq!(Keys::of(Some("  "), Some(""), None), Keys::default());
        assert_eq!(Keys::of(Some(&"x".repeat(5000)), None, None).token.unwrap().len(), 100);
    }

    #[test]
    fn keys_that_name_different_respondents_name_none() {
        let (one, two) = (RespondentKey::Collectivite(1), RespondentKey::Collectivite(2));
        assert_eq!(agreed(&[]), Err(Mismatch::Nobody));
        assert_eq!(agreed(&[("token", one)]), Ok(one));
        assert_eq!(agreed(&[("token", one), ("siren", one)]), Ok(one));
        assert_eq!(agreed(&[("token", one), ("siren", two)]), Err(Mismatch::Contradiction));
        assert_eq!(agreed(&[("insee", one), ("insee", two)]), Err(Mismatch::Ambiguous));
        assert_eq!(agreed(&[("insee", one), ("insee", two), ("siren", two)]), Ok(two));
    }
}
