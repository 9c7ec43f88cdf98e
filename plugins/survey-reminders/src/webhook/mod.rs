//! The questionnaire tool calls us when somebody has answered.
//!
//! A call shows that it comes from the tool before anything else is looked at, and an unknown campaign answers like a
//! wrong signature. A signed call is good for five minutes and once: its copy is answered as known and changes
//! nothing, so that a tool which sends again for want of an answer comes to rest.

mod authority;
mod body;

use std::collections::BTreeMap;

use bot_core::fetch::Secret;
use bot_core::plugin::{Context, HandlerError};
use chrono::TimeDelta;
use serde_json::{Value, json};

use self::authority::{Authority, authority};
use self::body::{BodyProblem, read};
use crate::answers::{Heard, News, Source, Who, heard};
use crate::definition::Definition;
use crate::store::CampaignId;

/// Largest body that is read, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// The header of a signed call: `t=<seconds since 1970>,v1=<HMAC-SHA-256 in hexadecimal>`.
pub const SIGNATURE_HEADER: &str = "x-crieur-signature";
/// How far from ours the time of a signature may be.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);

/// One call, as HTTP brought it.
#[derive(Clone, Copy, Debug)]
pub struct WebhookCall<'c> {
    /// The campaign that the address names.
    pub slug: &'c str,
    pub content_type: Option<&'c str>,
    /// Of [`SIGNATURE_HEADER`].
    pub signature: Option<&'c str>,
    pub authorization: Option<&'c str>,
    pub body: &'c [u8],
}

/// What to answer: a status of HTTP and a JSON body.
#[derive(Clone, PartialEq, Debug)]
pub struct WebhookAnswer {
    pub status: u16,
    pub body: Value,
}

impl WebhookAnswer {
    fn taken(result: &str) -> Self {
        Self { status: 200, body: json!({ "ok": true, "result": result }) }
    }

    fn refused(status: u16, error: &str, field: Option<&str>, remedy: impl Into<String>) -> Self {
        let mut body = json!({ "ok": false, "error": error, "remedy": remedy.into() });
        if let Some(field) = field {
            body["field"] = json!(field);
        }
        Self { status, body }
    }

    /// The same for a campaign that is not there, one that takes no calls, and a wrong signature.
    fn unauthorised() -> Self {
        let remedy = "the campaign in the address takes no calls that are signed, or authorised, like this one: \
                      compare the address and the secret with the campaign file and crieur.toml";
        Self::refused(401, "unauthorised", None, remedy)
    }
}

/// Takes one call. `secrets` are those of the operator's configuration, by name.
///
/// # Errors
/// When the database refuses: the tool may send it again.
pub async fn receive(
    cx: &mut Context,
    call: &WebhookCall<'_>,
    secrets: &BTreeMap<String, Secret>,
) -> Result<WebhookAnswer, HandlerError> {
    let campaign = find(cx, call.slug).await?;
    let source = campaign.as_ref().and_then(|(_, definition)| definition.sources.webhook.as_ref());
    let secret = source.and_then(|source| secrets.get(&source.secret));
    if let (Some(source), None) = (source, secret) {
        tracing::warn!("A webhook is refused: write [secrets.{}] in crieur.toml", source.secret);
    }
    let shown_in_body =
        source.and_then(|source| body::field(call.content_type, call.body, source.fields.secret.as_ref()?));
    let shown = authority(
        call,
        source.map(|source| source.mode),
        secret.map(|secret| secret.value.expose()),
        shown_in_body.as_deref(),
        cx.now,
    );
    let (Some((id, definition)), Some(source)) = (&campaign, source) else { return Ok(WebhookAnswer::unauthorised()) };
    match shown {
        Authority::None => return Ok(WebhookAnswer::unauthorised()),
        Authority::Stale { seconds } => {
            let remedy = format!(
                "the time `t` of the signature is {} s {} our clock: sign when sending, and set the clock",
                seconds.abs(),
                if seconds < 0 { "before" } else { "after" }
            );
            return Ok(WebhookAnswer::refused(401, "stale", Some(SIGNATURE_HEADER), remedy));
        }
        Authority::Signed { signature } => match known_by(cx, &signature).await? {
            Some(campaign) if campaign == *id => return Ok(WebhookAnswer::taken("already_known")),
            Some(_) => {
                let remedy = "this very call was taken for another campaign: give each campaign a secret of its own, and \
                              sign each call anew";
                return Ok(WebhookAnswer::refused(409, "used_elsewhere", Some(SIGNATURE_HEADER), remedy));
            }
            None => {}
        },
        Authority::Bearer => {}
    }
    let zone = definition.zone(cx.organisation.time_zone);
    let said = match read(call.content_type, call.body, &source.fields, zone) {
        Ok(said) => said,
        Err(BodyProblem::Kind) => {
            let remedy = "send application/json or application/x-www-form-urlencoded";
            return Ok(WebhookAnswer::refused(415, "unsupported", Some("content-type"), remedy));
        }
        Err(BodyProblem::Field { field, remedy }) => {
            return Ok(WebhookAnswer::refused(400, "invalid", Some(&field), remedy));
        }
    };
    if let Authority::Signed { signature } = shown {
        remember(cx, *id, &signature).await?;
    }
    let news = News {
        source: Source::Webhook,
        reference: said.reference,
        completeness: said.completeness,
        who: Who::Keys(said.keys),
        answered_at: said.answered_at,
    };
    Ok(match heard(cx, *id, news).await? {
        Heard::Matched(_) => WebhookAnswer::taken("matched"),
        Heard::Known => WebhookAnswer::taken("already_known"),
        Heard::Unmatched(why) => {
            let mut answer = WebhookAnswer::taken("unmatched");
            answer.body["why"] = json!(why.to_string());
            answer
        }
    })
}

async fn find(cx: &mut Context, slug: &str) -> Result<Option<(CampaignId, Definition)>, HandlerError> {
    let organisation = cx.organisation.id;
    let row = sqlx::query!(
        "SELECT id, definition FROM survey_reminders.campaign WHERE organisation_id = $1 AND slug = $2",
        organisation.0,
        slug,
    )
    .fetch_optional(cx.sql())
    .await?;
    row.map(|row| {
        let definition = serde_json::from_value(row.definition);
        let unreadable = |error| HandlerError::Broken(format!("a stored campaign cannot be read: {error}"));
        Ok((CampaignId(row.id), definition.map_err(unreadable)?))
    })
    .transpose()
}

/// Whether this very signature was taken before, by whatever campaign: two that share a secret share its calls too.
async fn known_by(cx: &mut Context, signature: &[u8; 32]) -> Result<Option<CampaignId>, sqlx::Error> {
    let organisation = cx.organisation.id;
    let campaign = sqlx::query_scalar!(
        "SELECT campaign_id FROM survey_reminders.webhook_seen WHERE organisation_id = $1 AND signature = $2 LIMIT 1",
        organisation.0,
        signature.as_slice(),
    )
    .fetch_optional(cx.sql())
    .await?;
    Ok(campaign.map(CampaignId))
}

/// Remembers a signature for as long as it is good, and forgets older ones.
async fn remember(cx: &mut Context, campaign: CampaignId, signature: &[u8; 32]) -> Result<(), sqlx::Error> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        "DELETE FROM survey_reminders.webhook_seen WHERE organisation_id = $1 AND seen_at < $2",
        organisation.0,
        // Signed five minutes ahead, it is good for ten from now.
        now - AGE_MAX * 3,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO survey_reminders.webhook_seen (organisation_id, campaign_id, signature, seen_at)
        VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
        "#,
        organisation.0,
        campaign.0,
        signature.as_slice(),
        now,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
