//! `/campagnes` for organisers: the campaigns, a report with its pictures, and a link to its page.
//!
//! Whatever is asked in a room is answered in private: a list of who is silent is nobody else's business.

use bot_core::action::ActionPayload;
use bot_core::charts::{RateChart, Table};
use bot_core::message::{self, Document, Text};
use bot_core::plugin::{Context, HandlerError, HandlerResult, Outgoing, Purpose, Recipient};

use super::facts::{self, Listed};
use super::strata::Dimension;
use super::words::{self, count, date_time, text};
use super::{Report, chart, gate, read};
use crate::store::CampaignId;

/// Campaigns that a list shows.
const LISTED_MAX: i64 = 10;
/// Of whom to remind, in a chat.
const NEXT_SHOWN: usize = 5;
/// Sharp on a phone, light to send.
const PNG_WIDTH_PX: u32 = 960;

/// What the plugin's own buttons carry, for these two.
#[derive(Clone, Copy, Debug)]
pub struct Buttons {
    /// Shows the report: [`show`].
    pub report: fn(CampaignId) -> ActionPayload,
    /// Gives a link to its page: [`link`].
    pub page: fn(CampaignId) -> ActionPayload,
}

/// `/campagnes`, with a campaign's name or without.
///
/// # Errors
/// When the database cannot be read.
pub async fn command(cx: &mut Context, slug: &str, buttons: Buttons) -> HandlerResult {
    if !slug.is_empty() {
        return told(cx, slug, buttons).await;
    }
    let (organisation, locale) = (cx.organisation.id, cx.locale);
    let listed = facts::list(cx.sql(), organisation, LISTED_MAX).await?;
    if listed.is_empty() {
        answer(cx, Document::says(text(locale, "report-chat-none", &[])));
        return Ok(());
    }
    let lines = listed.iter().map(|one| line(locale, one));
    let mut document = Document::new().heading(text(locale, "report-chat-list", &[])).list(lines);
    for one in &listed {
        document = document.choice(one.title.in_locale(locale), (buttons.report)(one.campaign));
    }
    answer(cx, document);
    Ok(())
}

/// The report of a campaign, by number: what a button names.
///
/// # Errors
/// When the database cannot be read.
pub async fn show(cx: &mut Context, campaign: CampaignId, buttons: Buttons) -> HandlerResult {
    match slug_of(cx, campaign).await? {
        Some(slug) => told(cx, &slug, buttons).await,
        None => told(cx, "", buttons).await,
    }
}

/// A link to the page of a report, in private.
///
/// # Errors
/// Those of the database.
pub async fn link(cx: &mut Context, campaign: CampaignId) -> HandlerResult {
    let (locale, organisation) = (cx.locale, cx.organisation.clone());
    let Some(url) = cx.public_url.clone() else {
        answer(cx, Document::says(text(locale, "report-chat-no-page", &[])));
        return Ok(());
    };
    let Some(slug) = slug_of(cx, campaign).await? else {
        answer(cx, Document::says(text(locale, "report-chat-unknown", &[])));
        return Ok(());
    };
    let link = gate::issue(cx, campaign, &slug).await?;
    let language = if locale == bot_core::Locale::Fr { "" } else { "?lang=en" };
    let until = date_time(locale, link.expires_at, organisation.time_zone);
    let label = text(locale, "report-chat-link", &[("title", slug.into())]);
    let document = Document::new()
        .paragraph(Text::new().link(label, format!("{url}{}{language}", link.path)))
        .paragraph(text(locale, "report-chat-link-lead", &[("until", until.into())]));
    answer(cx, document);
    Ok(())
}

async fn told(cx: &mut Context, slug: &str, buttons: Buttons) -> HandlerResult {
    let (locale, organisation, now) = (cx.locale, cx.organisation.clone(), cx.now);
    match read(cx.sql(), &organisation, slug, now, None, NEXT_SHOWN).await? {
        Some(report) => {
            let document =
                said(cx, &report).choice(text(locale, "report-chat-page", &[]), (buttons.page)(report.campaign));
            answer(cx, document);
        }
        None => answer(cx, Document::says(text(locale, "report-chat-unknown", &[]))),
    }
    Ok(())
}

fn line(locale: bot_core::Locale, one: &Listed) -> String {
    let arguments = [
        ("title", one.title.in_locale(locale).into()),
        ("answered", count(one.answered)),
        ("all", count(one.respondents)),
        ("state", words::state(locale, one.state).into()),
    ];
    text(locale, "report-chat-line", &arguments)
}

/// The report as a message: sentences, tables, and two pictures with their words.
fn said(cx: &mut Context, report: &Report) -> Document {
    let locale = cx.locale;
    let mut document = Document::new()
        .heading(report.title.in_locale(locale))
        .paragraph(words::read_at(locale, report))
        .paragraph(words::messages(locale, report));
    if !report.discrepancies.is_empty() {
        document = document.paragraph(text(locale, "report-wrong", &[]));
    }
    if report.unmatched_news > 0 {
        document = document.paragraph(text(locale, "report-unmatched", &[("count", count(report.unmatched_news))]));
    }
    document = charted(cx, document, &chart::progress(locale, report), "avancement", &report.slug);
    document = document.paragraph(words::coverage(locale, report));
    for by in [Dimension::Kind, Dimension::Population] {
        document = document.table(table(chart::coverage(locale, report, by).text_twin().table));
    }
    document = charted(cx, document, &chart::coverage(locale, report, Dimension::Region), "regions", &report.slug);
    let reminders = chart::reminders(locale, report);
    document = document.paragraph(Text::new().strong(reminders.caption.as_str())).table(table(reminders));
    let wishes = chart::wishes(locale, report);
    if !wishes.rows.is_empty() {
        document = document.paragraph(Text::new().strong(wishes.caption.as_str())).table(table(wishes));
    }
    if !report.next.is_empty() {
        let lines = report.next.iter().map(|line| format!("{} – {}", line.body.name, words::why(locale, line)));
        document = document.paragraph(Text::new().strong(text(locale, "report-next", &[]))).list(lines);
    }
    document
}

/// A picture with its sentence and its table.
fn charted(cx: &mut Context, document: Document, chart: &RateChart, name: &str, slug: &str) -> Document {
    let twin = chart.text_twin();
    let document = document
        .paragraph(Text::new().strong(chart.title.as_str()))
        .paragraph(twin.sentence.as_str())
        .table(table(twin.table));
    let is_empty = chart.rates.iter().all(|rate| rate.base == 0);
    // Without a picture, the words say it all the same.
    let Some(png) = Some(chart).filter(|_| !is_empty).and_then(|chart| chart.png(PNG_WIDTH_PX).ok()) else {
        return document;
    };
    let media = cx.store_media("image/png", format!("{slug}-{name}.png"), png);
    let alternative = text(cx.locale, "report-chat-chart", &[("sentence", twin.sentence.into())]);
    document.figure(media, alternative)
}

fn table(table: Table) -> message::Table {
    message::Table { header: table.header, rows: table.rows }
}

fn answer(cx: &mut Context, document: Document) {
    if cx.caller.as_ref().is_some_and(|caller| !caller.conversation.private) {
        cx.send(Outgoing::new(Recipient::CallerInPrivate, Purpose::Reply, "campaign.report", document));
    } else {
        cx.reply(document);
    }
}

async fn slug_of(cx: &mut Context, campaign: CampaignId) -> Result<Option<String>, HandlerError> {
    let organisation = cx.organisation.id;
    let slug = sqlx::query_scalar!(
        "SELECT slug FROM survey_reminders.campaign WHERE organisation_id = $1 AND id = $2",
        organisation.0,
        campaign.0,
    )
    .fetch_optional(cx.sql())
    .await?;
    Ok(slug)
}

#[cfg(test)]
mod tests {
    use bot_core::Locale;
    use bot_core::message::layout::words_of;
    use bot_core::plugin::Effect;

    use super::*;
    use crate::report::stage::{SLUG, Stage};

    fn buttons() -> Buttons {
        let payload = |verb: u8, campaign: CampaignId| {
            ActionPayload::new([&[verb][..], &campaign.0.to_be_bytes()].concat()).unwrap()
        };
        fn report(campaign: CampaignId) -> ActionPayload {
            ActionPayload::new([&[1][..], &campaign.0.to_be_bytes()].concat()).unwrap()
        }
        fn page(campaign: CampaignId) -> ActionPayload {
            ActionPayload::new([&[2][..], &campaign.0.to_be_bytes()].concat()).unwrap()
        }
        assert_eq!(payload(1, CampaignId(3)), report(CampaignId(3)));
        Buttons { report, page }
    }

    fn reads(effects: &[Effect]) -> String {
        let documents = effects.iter().filter_map(|effect| match effect {
            Effect::Reply(reply) => Some(&reply.document),
            Effect::Send(message) if message.to == Recipient::CallerInPrivate => Some(&message.document),
            _ => None,
        });
        let mut lines = Vec::new();
        for document in documents {
            lines.extend(document.blocks.iter().map(words_of));
            lines.extend(document.choices.iter().map(|choice| format!("[{}]", choice.label)));
        }
        lines.join("\n").replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[tokio::test]
    async fn organisers_list_campaigns_and_read_one() {
        let stage = Stage::new(91).await;
        let organiser = stage.bench.organiser();
        let call = async |locale, slug: &str| {
            stage
                .bench
                .call(Some(organiser.clone()), locale, async |cx| command(cx, slug, buttons()).await)
                .await
                .unwrap()
                .1
        };
        insta::assert_snapshot!(reads(&call(Locale::Fr, "").await), @r"
        Campagnes
        • Baromètre 2026 : réponses 1 sur 2, campagne en cours.
        [Baromètre 2026]
        ");
        let told = call(Locale::Fr, SLUG).await;
        insta::assert_snapshot!("chat-fr", reads(&told));
        let pictures = told.iter().filter(|effect| matches!(effect, Effect::StoreMedia { .. })).count();
        assert_eq!(pictures, 2);
        insta::assert_snapshot!("chat-en", reads(&call(Locale::En, SLUG).await));
        assert_eq!(reads(&call(Locale::En, "unknown").await), "There is no such campaign.");
    }

    #[tokio::test]
    async fn a_link_is_given_in_private_even_when_asked_in_a_room() {
        let mut stage = Stage::new(92).await;
        let mut organiser = stage.bench.organiser();
        organiser.conversation = stage.bench.room("bench", false, false).await;
        let campaign = stage.campaign;
        let without =
            stage.bench.call(Some(organiser.clone()), Locale::Fr, async |cx| link(cx, campaign).await).await.unwrap().1;
        assert!(reads(&without).contains("n’a pas d’adresse publique"));
        stage.bench.public_url = Some("https://crieur.example".to_owned());
        let given = stage.bench.call(Some(organiser), Locale::Fr, async |cx| link(cx, campaign).await).await.unwrap().1;
        assert!(given.iter().all(|effect| !matches!(effect, Effect::Reply(_))), "the room reads the link");
        let Some(Effect::Send(message)) = given.iter().find(|effect| matches!(effect, Effect::Send(_))) else {
            panic!("no link");
        };
        let said = serde_json::to_string(&message.document).unwrap();
        let url = said.split('"').find(|part| part.starts_with("https://")).unwrap();
        let token = url.rsplit('/').next().unwrap();
        assert_eq!(gate::exchange(&stage.visit(), SLUG, token, [9; 32]).await.unwrap().status, 303);
    }
}
