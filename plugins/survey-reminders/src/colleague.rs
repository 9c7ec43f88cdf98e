//! "This is not for me": who else should answer, and how they may come.
//!
//! A name is all that is asked for, and nobody has to give one. The person gets nothing from us: whoever named them
//! forwards the invitation, and the organiser's supplement decides whether they are reminded.

use bot_core::contacts::PROPOSED_NAME_CHARACTERS_MAX;
use bot_core::message::{Document, Text};
use bot_core::plugin::{HandlerError, HandlerResult};
use bot_core::{ContactId, plugin::Context};
use chrono::TimeDelta;

use crate::action::Verb;
use crate::conversation::{AWAITED_NAME, Talk};
use crate::standing::Wish;
use crate::store::{CampaignId, RespondentKey};
use crate::wishes::{self, WishKind};

const NAME_CHARACTERS_MIN: usize = 2;
/// Names that one transaction takes away: each is several statements.
const FORGOTTEN_MAX: i64 = 50;
const AWAITED_WITHIN: TimeDelta = TimeDelta::days(1);

/// Somebody else should answer: at once nothing more goes to this person, whether they name somebody or not.
pub(crate) async fn not_mine(talk: &mut Talk<'_>) -> HandlerResult {
    if talk.standing.wish != Some(Wish::NotMine) {
        talk.record(WishKind::NotMine).await?;
        wishes::give_up(talk.cx, &talk.standing, Wish::NotMine).await?;
        talk.read_again().await?;
    }
    if talk.standing.colleague.is_some() || !matches!(talk.standing.respondent, RespondentKey::Collectivite(_)) {
        return talk.present(None).await;
    }
    ask(talk, "chat-colleague-ask");
    Ok(())
}

fn ask(talk: &mut Talk<'_>, id: &str) {
    let document = Document::says(talk.say(id, &[("most", PROPOSED_NAME_CHARACTERS_MAX.into())]));
    let document = talk.choice(document, Verb::NobodyElse, "chat-colleague-nobody");
    let document = talk.choice(document, Verb::Mine, "chat-mine");
    talk.show(document);
    talk.cx.await_text(format!("{AWAITED_NAME}{}", talk.standing.campaign), AWAITED_WITHIN);
}

/// The name of a colleague, as it was typed.
pub(crate) async fn written(talk: &mut Talk<'_>, written: &str) -> HandlerResult {
    let standing = &talk.standing;
    let still_asked = standing.wish == Some(Wish::NotMine)
        && standing.colleague.is_none()
        && !standing.is_settled()
        && !standing.is_over(talk.cx.now);
    if !still_asked {
        talk.cx.stop_awaiting();
        return talk.present(None).await;
    }
    let Some(name) = name(written) else {
        ask(talk, "chat-colleague-unreadable");
        return Ok(());
    };
    talk.cx.stop_awaiting();
    let (by, life) = (talk.caller.contact, talk.standing.deadline - talk.cx.now);
    let Some(colleague) = talk.cx.propose_contact(by, &name, life).await? else {
        let lead = talk.say("chat-colleague-impossible", &[]);
        return talk.present(Some(lead)).await;
    };
    note(talk, Some(colleague)).await?;
    talk.read_again().await?;
    talk.present(None).await
}

/// One line with a letter in it, and no address of any kind: that is not asked for.
fn name(written: &str) -> Option<String> {
    let words: Vec<&str> = written.split_whitespace().collect();
    let name = words.join(" ");
    let characters = name.chars().count();
    let is_fine = (NAME_CHARACTERS_MIN..=PROPOSED_NAME_CHARACTERS_MAX).contains(&characters)
        && !written.trim().contains(['\n', '\r'])
        && name.chars().any(char::is_alphabetic)
        && !name.chars().any(|c| c.is_control() || c.is_ascii_digit() || matches!(c, '@' | '/' | '<' | '>'));
    is_fine.then_some(name)
}

/// Below `document`, whom they named and how that person may come.
pub(crate) async fn with_links(talk: &mut Talk<'_>, document: Document) -> Result<Document, HandlerError> {
    let Some(colleague) = talk.standing.colleague else { return Ok(document) };
    let broken = |error: &dyn std::fmt::Display| HandlerError::Broken(error.to_string());
    let view = talk.cx.contact(colleague).await.map_err(|error| broken(&error))?;
    let Some(view) = view else { return Ok(document) };
    let name = view.name.unwrap_or_default();
    let invitation = talk.cx.invitation_of(colleague).await.map_err(|error| broken(&error))?;
    let Some(invitation) = invitation else {
        return Ok(document.paragraph(talk.say("chat-colleague-came", &[("name", name.into())])));
    };
    let mut document = document.paragraph(talk.say("chat-colleague-forward", &[("name", name.into())]));
    let links = invitation.links.iter().map(|link| {
        let lead = talk.say("chat-colleague-link", &[("network", link.platform.as_str().into())]);
        let text = Text::new().plain(lead).link(link.url.clone(), link.url.clone());
        if link.carries_code { text } else { text.plain(" ").code(invitation.command.clone()) }
    });
    let links: Vec<Text> = links.collect();
    document = if links.is_empty() {
        document.paragraph(Text::new().code(invitation.command.clone()))
    } else {
        document.list(links)
    };
    let until = invitation.invited.expires_at.unwrap_or(talk.standing.deadline);
    Ok(document.paragraph(talk.say("chat-colleague-promise", &[("until", talk.moment(until).into())])))
}

/// Takes the name of a colleague who never came back, when this person answers after all.
pub(crate) async fn forget(talk: &mut Talk<'_>) -> HandlerResult {
    let Some(colleague) = talk.standing.colleague else { return Ok(()) };
    withdraw(talk.cx, colleague).await?;
    note(talk, None).await
}

/// Takes the names that were given in a campaign and led nowhere: it is over, or whoever gave the name has left.
pub(crate) async fn forget_all(cx: &mut Context, campaign: Option<CampaignId>, by: Option<ContactId>) -> HandlerResult {
    while forget_some(cx, campaign, by).await? {}
    Ok(())
}

/// As [`forget_all`], as many as one transaction may. True while there may be more.
pub(crate) async fn forget_some(
    cx: &mut Context,
    campaign: Option<CampaignId>,
    by: Option<ContactId>,
) -> Result<bool, HandlerError> {
    let organisation = cx.organisation.id;
    let named = sqlx::query_scalar!(
        r#"
        UPDATE survey_reminders.participant AS given SET colleague = NULL
        FROM (SELECT campaign_id, id, colleague FROM survey_reminders.participant
              WHERE organisation_id = $1 AND colleague IS NOT NULL
                AND ($2::integer IS NULL OR campaign_id = $2) AND ($3::uuid IS NULL OR contact_id = $3)
              LIMIT $4) AS named
        WHERE given.organisation_id = $1 AND given.campaign_id = named.campaign_id AND given.id = named.id
        RETURNING named.colleague AS "colleague!"
        "#,
        organisation.0,
        campaign.map(|campaign| campaign.0),
        by.map(|by| by.0),
        FORGOTTEN_MAX,
    )
    .fetch_all(cx.sql())
    .await?;
    let is_full = i64::try_from(named.len()).is_ok_and(|count| count == FORGOTTEN_MAX);
    for colleague in named {
        withdraw(cx, ContactId(colleague)).await?;
    }
    Ok(is_full)
}

/// Whoever came, or was made a participant, is a contact like any other and stays.
async fn withdraw(cx: &mut Context, colleague: ContactId) -> HandlerResult {
    if !takes_part(cx, colleague).await? {
        cx.withdraw_proposed(colleague).await?;
    }
    Ok(())
}

/// Whether an organiser has made them a participant meanwhile.
async fn takes_part(cx: &mut Context, contact: ContactId) -> Result<bool, HandlerError> {
    let organisation = cx.organisation.id;
    let found = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (
            SELECT FROM survey_reminders.participant WHERE organisation_id = $1 AND contact_id = $2
        ) AS "found!"
        "#,
        organisation.0,
        contact.0,
    )
    .fetch_one(cx.sql())
    .await?;
    Ok(found)
}

async fn note(talk: &mut Talk<'_>, colleague: Option<ContactId>) -> HandlerResult {
    let organisation = talk.cx.organisation.id;
    sqlx::query!(
        r#"
        UPDATE survey_reminders.participant SET colleague = $4
        WHERE organisation_id = $1 AND campaign_id = $2 AND id = $3
        "#,
        organisation.0,
        talk.standing.campaign.0,
        talk.standing.participant.0,
        colleague.map(|colleague| colleague.0),
    )
    .execute(talk.cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{BAROMETER, Desk};

    #[tokio::test]
    async fn many_names_are_taken_in_portions_before_a_campaign_closes() {
        let mut desk = Desk::new(74).await;
        desk.contacts(1..=60, None, 1, true).await;
        let id = desk.approved(BAROMETER).await;
        let names = "UPDATE survey_reminders.participant SET colleague = contact_id WHERE contact_id IS NOT NULL";
        sqlx::query(names).execute(&desk.bench.pool).await.unwrap();
        let left = async |desk: &Desk| {
            let left = sqlx::query_scalar::<_, i64>("SELECT count(colleague) FROM survey_reminders.participant");
            left.fetch_one(&desk.bench.pool).await.unwrap()
        };
        assert!(desk.does(async |cx| Ok(forget_some(cx, Some(id), None).await?)).await.unwrap());
        assert_eq!(left(&desk).await, 10);
        assert!(!desk.does(async |cx| Ok(forget_some(cx, Some(id), None).await?)).await.unwrap());
        assert_eq!(left(&desk).await, 0);
        sqlx::query(names).execute(&desk.bench.pool).await.unwrap();
        desk.until("2026-11-20T08:00:00Z").await;
        assert!(desk.counts(id).await.starts_with("closed: "));
        assert_eq!(left(&desk).await, 0);
    }

    #[test]
    fn a_name_is_a_name() {
        for (written, read) in
            [("  Zoé   Payet ", "Zoé Payet"), ("Jean-Marc d’Arc", "Jean-Marc d’Arc"), ("Li", "Li"), ("Мария", "Мария")]
        {
            assert_eq!(name(written).as_deref(), Some(read));
        }
        let long = "a".repeat(101);
        for wrong in ["", "a", "?!", "zoe@mairie.fr", "/start", "Zoé\nPayet", "06 12 34 56 78", "<b>Zoé</b>", &long] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }
}
