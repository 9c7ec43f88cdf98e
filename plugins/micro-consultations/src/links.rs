//! What linking, unlinking and erasing people does to consultations, in the transaction that does it.

use bot_core::ContactId;
use bot_core::plugin::{Context, HandlerResult, KnownAddress};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::roll::Roll;
use crate::store::{self, Lock, State};

/// Two contacts are one: in each open consultation they become one participant. Of two ballots the one of `kept`,
/// whose address asked for the code, stays: a published rule, since no time of voting is stored.
pub(crate) async fn merged(
    cx: &mut Context,
    kept: ContactId,
    joiner: ContactId,
    kept_addresses: &[KnownAddress],
    joiner_addresses: &[KnownAddress],
) -> HandlerResult {
    let organisation = cx.organisation.id;
    let mut open = store::list(cx.sql(), organisation, &[State::Open]).await?;
    open.sort_by_key(|consultation| consultation.id);
    for consultation in open {
        let id = consultation.id;
        let Some(consultation) = store::find(cx.sql(), organisation, id, Lock::Alone).await? else { continue };
        let Some(roll) = Roll::of(organisation, &consultation) else { continue };
        let mut random = StdRng::from_rng(&mut cx.random);
        let withdrawn = roll.link(cx.sql(), &mut random, kept_addresses, joiner_addresses).await?;
        for _ in 0..withdrawn {
            cx.audit("ballot.withdrawn_by_link", id.scope(), serde_json::json!({}));
        }
    }
    let (tenant, kept, joiner) = (organisation.0, kept.0, joiner.0);
    sqlx::query!(
        "UPDATE micro_consultations.named_ballot SET contact_id = $2 WHERE organisation_id = $1 AND contact_id = $3",
        tenant,
        kept,
        joiner,
    )
    .execute(cx.sql())
    .await?;
    // What the kept person had begun stays; what the joiner had begun moves where nothing is in its way.
    sqlx::query!(
        r#"
        UPDATE micro_consultations.draft SET contact_id = $2
        WHERE organisation_id = $1 AND contact_id = $3 AND NOT EXISTS (
            SELECT FROM micro_consultations.draft AS own
            WHERE own.organisation_id = $1 AND own.contact_id = $2
              AND own.consultation_id = micro_consultations.draft.consultation_id
        )
        "#,
        tenant,
        kept,
        joiner,
    )
    .execute(cx.sql())
    .await?;
    forget(cx, ContactId(joiner)).await
}

/// A person erased everything. The roll keeps the hashes of their addresses until the closing, so that coming back
/// gives no second ballot; ballots that were named lose their name, and the counts still add up.
pub(crate) async fn erased(cx: &mut Context, contact: ContactId, addresses: &[KnownAddress]) -> HandlerResult {
    let organisation = cx.organisation.id;
    let digests: Vec<Vec<u8>> = addresses.iter().map(|address| address.digest.0.to_vec()).collect();
    sqlx::query!(
        "DELETE FROM micro_consultations.code_attempt WHERE organisation_id = $1 AND address = ANY($2)",
        organisation.0,
        &digests,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        "UPDATE micro_consultations.named_ballot SET contact_id = NULL WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    forget(cx, contact).await
}

/// Drops what a contact was in the middle of.
async fn forget(cx: &mut Context, contact: ContactId) -> HandlerResult {
    let organisation = cx.organisation.id;
    sqlx::query!(
        "DELETE FROM micro_consultations.draft WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.room_notice WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    sqlx::query!(
        "DELETE FROM micro_consultations.composition WHERE organisation_id = $1 AND contact_id = $2",
        organisation.0,
        contact.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bot_core::plugin::{Effect, Event, Plugin};
    use sqlx::types::Json;

    use crate::answer::{Answer, Answers};
    use crate::bench::{Citizen, MARKET, Town};

    async fn votes(citizen: &mut Citizen<'_>, label: &str) {
        citizen.sends("consultations").await;
        citizen.taps("Répondre").await;
        citizen.taps(label).await;
        citizen.taps("Déposer").await;
    }

    async fn ballots(town: &Town) -> Vec<Answers> {
        sqlx::query_scalar!(r#"SELECT answers AS "answers: Json<Answers>" FROM micro_consultations.ballot"#)
            .fetch_all(&town.bench.pool)
            .await
            .unwrap()
            .into_iter()
            .map(|Json(answers)| answers)
            .collect()
    }

    /// Links as the core does: `joiner` becomes `asker`, with the addresses of both.
    async fn link<'t>(town: &Town, asker: &mut Citizen<'t>, joiner: &mut Citizen<'t>) -> Vec<Effect> {
        let event = Event::ContactsMerged {
            kept: asker.caller.contact,
            joiner: joiner.caller.contact,
            kept_addresses: asker.caller.addresses.clone(),
            joiner_addresses: joiner.caller.addresses.clone(),
        };
        let effects = town.operator(async |cx| town.plugin.on_event(cx, &event).await).await.1;
        let all = [asker.caller.addresses.clone(), joiner.caller.addresses.clone()].concat();
        for citizen in [&mut *asker, &mut *joiner] {
            citizen.caller.addresses = all.clone();
        }
        joiner.caller.contact = asker.caller.contact;
        effects
    }

    #[tokio::test]
    async fn of_two_ballots_the_one_of_who_asked_for_the_code_stays() {
        let town = Town::new(61).await;
        town.opens(MARKET).await;
        let (mut on_phone, mut in_browser) = (town.citizen(), town.citizen());
        votes(&mut on_phone, "Jardin").await;
        votes(&mut in_browser, "Parking").await;
        let effects = link(&town, &mut on_phone, &mut in_browser).await;
        assert_eq!(ballots(&town).await, [Answers(vec![Some(Answer::Single(1))])]);
        let audited: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Audit { action, details, .. } => Some((action.as_str(), details.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(audited, [("ballot.withdrawn_by_link", serde_json::json!({}))]);
        // The other address changes the same ballot.
        in_browser.sends("consultations").await;
        in_browser.taps("Revoir").await;
        in_browser.taps("Modifier").await;
        in_browser.taps("Halle").await;
        in_browser.taps("Déposer").await;
        assert_eq!(ballots(&town).await, [Answers(vec![Some(Answer::Single(0))])]);
    }

    #[tokio::test]
    async fn vote_unlink_vote_is_one_ballot() {
        let town = Town::new(62).await;
        town.opens(MARKET).await;
        let (mut on_phone, mut in_browser) = (town.citizen(), town.citizen());
        votes(&mut on_phone, "Jardin").await;
        link(&town, &mut on_phone, &mut in_browser).await;
        let own = in_browser.caller.known.clone();
        let restored = town.citizen().caller.contact;
        let split = Event::ContactSplit { left: on_phone.caller.contact, restored, address: own.clone() };
        town.operator(async |cx| town.plugin.on_event(cx, &split).await).await;
        in_browser.caller.contact = restored;
        in_browser.caller.addresses = vec![own];
        in_browser.sends("consultations").await;
        in_browser.taps("Revoir").await;
        in_browser.taps("Modifier").await;
        in_browser.taps("Parking").await;
        in_browser.taps("Déposer").await;
        assert_eq!(ballots(&town).await, [Answers(vec![Some(Answer::Single(2))])]);
    }

    #[tokio::test]
    async fn answers_begun_on_the_other_network_are_taken_up() {
        let town = Town::new(63).await;
        let second = "[[questions]]\nkind = \"single\"\ntext = \"Et le soir ?\"\noptions = [\"Oui\", \"Non\"]\n";
        town.opens(&format!("{MARKET}\n{second}")).await;
        let (mut on_phone, mut in_browser) = (town.citizen(), town.citizen());
        in_browser.sends("consultations").await;
        in_browser.taps("Répondre").await;
        in_browser.taps("Jardin").await;
        link(&town, &mut on_phone, &mut in_browser).await;
        on_phone.sends("consultations").await;
        on_phone.taps("Répondre").await;
        assert!(on_phone.reads().contains("Et le soir ?"), "{}", on_phone.reads());
    }
}
