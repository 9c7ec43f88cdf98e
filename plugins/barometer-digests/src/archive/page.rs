//! The page of one edition: everything it says, what was corrected since, and how it was made.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bot_core::plugin::HandlerError;
use bot_core::{Locale, OrganisationId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Answer, Visit, blocks, escape, followed, hex, html};
use crate::edition::model::{
    Campaign, Consultation, Content, Entry, Event, Figure, News, Point, Section, SourceRecord,
};
use crate::edition::store::{self, StoredEdition};
use crate::rendering::{charts, dates, entry, message, numbers};

/// A published edition's page; `None` when none of this number was published.
///
/// # Errors
/// When the database cannot be read.
pub async fn edition_page(visit: &Visit<'_>, number: u32) -> Result<Option<Answer>, HandlerError> {
    let mut sql = visit.pool.acquire().await?;
    let Some(stored) = published(&mut sql, visit.organisation.id, number).await? else { return Ok(None) };
    drop(sql);
    let sheet = Sheet { visit, stored: &stored, in_feed: false };
    let edition = &stored.edition;
    let (period, zone) = (dates::period(visit.locale, edition.period), edition.time_zone);
    let day = stored.published_at.map(|at| dates::moment(visit.locale, at, zone)).unwrap_or_default();
    let mut body = format!(
        "<p class=\"lead\">{}</p>\n",
        visit.say("archive-published", &[("number", number.into()), ("day", day.into())])
    );
    body.push_str(&sheet.corrections());
    body.push_str(&sheet.introduction());
    body.push_str(&sheet.sections());
    body.push_str(&sheet.foot());
    let title = format!("{} – {period}", edition.title.in_locale(visit.locale));
    let page = visit.page(&title, &format!("/digests/{number}"), &body);
    Ok(Some(html(visit.locale, page, changed_at(&stored))))
}

/// An edition that anybody may read.
pub(super) async fn published(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    number: u32,
) -> Result<Option<StoredEdition>, HandlerError> {
    Ok(store::find(sql, organisation, number).await?.filter(|stored| stored.state.is_published()))
}

/// When it was published, or corrected last.
pub(super) fn changed_at(stored: &StoredEdition) -> Option<DateTime<Utc>> {
    stored.corrections.iter().map(|correction| correction.written_at).chain(stored.published_at).max()
}

/// One edition on its page, or in the feed: there every address is a whole one, and nothing is drawn.
pub(super) struct Sheet<'s> {
    pub visit: &'s Visit<'s>,
    pub stored: &'s StoredEdition,
    pub in_feed: bool,
}

impl Sheet<'_> {
    fn locale(&self) -> Locale {
        self.visit.locale
    }

    /// An address of ours.
    fn address(&self, path: &str) -> String {
        let base = self.visit.public_url.filter(|_| self.in_feed).unwrap_or_default();
        escape(&format!("{}{path}", base.trim_end_matches('/')))
    }

    pub fn corrections(&self) -> String {
        let corrections = &self.stored.corrections;
        if corrections.is_empty() {
            return String::new();
        }
        let heading = self.visit.say("archive-corrections", &[]);
        let mut html = format!(
            "<section class=\"corrections\" aria-labelledby=\"corrections\">\n<h2 id=\"corrections\">{heading}</h2>\n"
        );
        for correction in corrections {
            let at = correction.written_at;
            let day = escape(&dates::day_of(self.locale(), at, self.stored.edition.time_zone));
            let (colon, words) = (message::colon(self.locale()), self.visit.words(&correction.words));
            let _ = writeln!(html, "<p><time datetime=\"{}\">{day}</time>{colon}{words}</p>", at.to_rfc3339());
        }
        let _ = write!(html, "<p>{}</p>\n</section>\n", self.visit.say("archive-corrections-note", &[]));
        html
    }

    pub fn introduction(&self) -> String {
        match message::introduction(&self.stored.edition, self.locale()) {
            None => String::new(),
            Some((locale, words)) if locale == self.locale() => blocks::html(words),
            Some((locale, words)) => format!("<div lang=\"{locale}\">\n{}</div>\n", blocks::html(words)),
        }
    }

    pub fn sections(&self) -> String {
        let mut sections: BTreeMap<Section, Vec<&Entry>> = BTreeMap::new();
        for entry in &self.stored.edition.entries {
            sections.entry(entry.content.section()).or_default().push(entry);
        }
        let mut html = String::new();
        for (section, entries) in sections {
            let _ = writeln!(html, "<h2>{}</h2>", escape(&message::section_title(self.locale(), section)));
            for entry in entries {
                let id = format!("entry-{:08x}", entry.key.short());
                let said = match &entry.content {
                    Content::Figure(figure) => self.figure(figure, &id),
                    Content::Consultation(consultation) => self.consultation(consultation),
                    Content::Campaign(campaign) => self.campaign(campaign),
                    Content::News(news) => self.news(news),
                    Content::Event(event) => self.event(event),
                };
                let _ = write!(html, "<article id=\"{id}\">\n{said}</article>\n");
            }
        }
        html
    }

    fn point(&self, figure: &Figure, point: &Point) -> String {
        let value = escape(&numbers::value(self.locale(), point.value, point.unit));
        let row = self.address(&self.in_language(&entry::row_path(figure, point)));
        let base = escape(&numbers::base(self.locale(), point.base));
        let (edition, stratum) = (escape(&point.edition), escape(&point.stratum));
        let of = if stratum.is_empty() { String::new() } else { format!("{stratum}, ") };
        // In front of the year: who is counted, then out of how many.
        format!("<a href=\"{row}\">{value}</a> ({of}{edition}, {base})")
    }

    /// The language goes before the fragment.
    fn in_language(&self, path: &str) -> String {
        let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
        let mark = if fragment.is_empty() { "" } else { "#" };
        format!("{path}{}{mark}{fragment}", self.visit.language())
    }

    fn figure(&self, figure: &Figure, id: &str) -> String {
        let mut html =
            format!("<h3>{}</h3>\n<p>{}", self.visit.words(&figure.name), self.point(figure, &figure.latest));
        if let Some(previous) = &figure.previous
            && let Some(change) = numbers::change(self.locale(), &figure.latest, previous)
        {
            let colon = message::colon(self.locale());
            let before = self.visit.say("archive-before", &[]);
            let _ = write!(
                html,
                " – <strong>{}</strong>, {before}{colon}{}",
                escape(&change),
                self.point(figure, previous)
            );
        }
        html.push_str("</p>\n");
        if self.in_feed {
            return html;
        }
        let (Some(svg), Some(twin)) = (charts::svg(figure, self.locale(), id), charts::twin(figure, self.locale()))
        else {
            return html;
        };
        let _ = write!(
            html,
            "<div class=\"picture\">{svg}</div>\n<p>{}</p>\n<details>\n<summary>{}</summary>\n\
             <div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">{}</div>\n</details>\n",
            escape(&twin.sentence),
            self.visit.say("archive-table", &[]),
            escape(figure.name.in_locale(self.locale())),
            twin.table.html()
        );
        html
    }

    fn consultation(&self, consultation: &Consultation) -> String {
        let title = self.visit.words(&consultation.title);
        let address = self.address(&self.in_language(&consultation.path));
        let state = escape(&entry::phase_words(self.locale(), &self.stored.edition, &consultation.phase));
        let ballots = consultation.ballots.map(|ballots| entry::ballots_words(self.locale(), ballots));
        let ballots = ballots.map_or_else(String::new, |words| format!(", {}", escape(&words)));
        let mut html = format!("<h3><a href=\"{address}\">{title}</a></h3>\n<p>{}{ballots}</p>\n", capital(&state));
        if !consultation.results.is_empty() {
            let results = consultation.results.iter().map(|result| entry::result_words(self.locale(), result));
            let items: String = results.map(|words| format!("<li>{}</li>\n", escape(&words))).collect();
            let _ = write!(html, "<ul>\n{items}</ul>\n");
        }
        html
    }

    fn campaign(&self, campaign: &Campaign) -> String {
        let state = escape(&entry::phase_words(self.locale(), &self.stored.edition, &campaign.phase));
        let rate = entry::participation_words(self.locale(), campaign);
        let rate = rate.map_or_else(String::new, |words| format!(", {}", escape(&words)));
        format!("<h3>{}</h3>\n<p>{}{rate}</p>\n", self.visit.words(&campaign.title), capital(&state))
    }

    fn news(&self, news: &News) -> String {
        let lang = self.foreign(news.language.as_deref());
        let day = escape(&numbers::day(self.locale(), news.published_on));
        let mut html = format!(
            "<h3{lang}>{}</h3>\n<p>{}, <time datetime=\"{}\">{day}</time></p>\n",
            linked(&news.title, news.url.as_deref()),
            escape(&news.source_name),
            news.published_on
        );
        if !news.summary.trim().is_empty() {
            let _ = writeln!(html, "<p{lang}>{}</p>", escape(&news.summary));
        }
        html
    }

    fn event(&self, event: &Event) -> String {
        let mut html = format!("<h3>{}</h3>\n<p>", linked(&event.title, event.url.as_deref()));
        if event.cancelled {
            let _ = write!(html, "<strong>{}</strong> – ", self.visit.say("archive-cancelled", &[]));
        }
        let _ = write!(html, "{}", escape(&capital(&dates::when(self.locale(), &event.when))));
        if let Some(place) = event.place.as_deref().filter(|place| !place.trim().is_empty()) {
            let _ = write!(html, ", {}", escape(place));
        }
        let _ = writeln!(html, " – {}</p>", escape(&event.source_name));
        if !event.summary.trim().is_empty() {
            let _ = writeln!(html, "<p>{}</p>", escape(&event.summary));
        }
        html
    }

    /// The `lang` attribute of words in another language than the page's, where the source said so in a tag.
    fn foreign(&self, language: Option<&str>) -> String {
        let is_tag = |tag: &&str| {
            (2..=35).contains(&tag.len()) && tag.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-')
        };
        match language.filter(is_tag) {
            Some(tag) if Locale::from_tag(tag) != Some(self.locale()) => format!(" lang=\"{tag}\""),
            _ => String::new(),
        }
    }

    fn foot(&self) -> String {
        let (visit, edition, number) = (self.visit, &self.stored.edition, self.stored.number);
        let moment = |at| dates::moment(self.locale(), at, edition.time_zone);
        let (from, until) = (moment(edition.window.from), moment(edition.window.until));
        let window = visit.say("archive-window", &[("from", from.into()), ("until", until.into())]);
        let version = visit.say("archive-definition", &[("version", edition.definition_version.into())]);
        let mut html = format!(
            "<h2>{}</h2>\n<p>{window}</p>\n<p>{version}</p>\n<h3>{}</h3>\n",
            visit.say("archive-method", &[]),
            visit.say("archive-sources", &[])
        );
        if !edition.sources.is_empty() {
            let heads = ["archive-source", "archive-query", "archive-entries", "archive-state"];
            let heads: String = heads.map(|id| format!("<th scope=\"col\">{}</th>", visit.say(id, &[]))).concat();
            let rows: String = edition.sources.iter().map(|source| self.source(source)).collect();
            let caption = visit.say("archive-sources", &[]);
            let _ = writeln!(
                html,
                "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\"><table class=\"sources\">\
                 <caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
            );
        }
        let json = format!("/digests/{number}.json");
        let fetched = format!("{}{json}", visit.public_url.unwrap_or_default().trim_end_matches('/'));
        let _ = write!(
            html,
            "<h3>{}</h3>\n<p>{} <code>{}</code></p>\n<p>{}</p>\n<pre><code>curl -s {} | jq -j .canonical | sha256sum</code></pre>\n\
             <p><a href=\"{json}\">{}</a> · <a href=\"/digests/feed.atom{lang}\">{}</a> · <a href=\"/digests{lang}\">{}</a></p>\n",
            visit.say("archive-check", &[]),
            visit.say("archive-hash", &[]),
            hex(&self.stored.hash.0),
            visit.say("archive-check-how", &[]),
            escape(&fetched),
            visit.say("archive-json", &[]),
            visit.say("archive-feed", &[]),
            visit.say("archive-back", &[]),
            lang = visit.language(),
        );
        html
    }

    fn source(&self, source: &SourceRecord) -> String {
        let visit = self.visit;
        let query = match source.query.trim() {
            "" => visit.say("archive-query-all", &[]),
            query => escape(query),
        };
        let read = source.succeeded_at.map(|at| dates::moment(self.locale(), at, self.stored.edition.time_zone));
        // Datasets that were imported, consultations of ours: nobody else is asked for them.
        let is_own = source.url.is_none() && source.name == source.key.as_str();
        let state = match (source.is_failing, read) {
            (false, None) if is_own => visit.say("archive-state-own", &[]),
            (false, Some(moment)) => visit.say("archive-state-read", &[("moment", moment.into())]),
            (true, Some(moment)) => visit.say("archive-state-failing", &[("moment", moment.into())]),
            (true, None) => visit.say("archive-state-never", &[]),
            (false, None) => visit.say("archive-state-unasked", &[]),
        };
        format!(
            "<tr><th scope=\"row\">{}</th><td>{query}</td><td>{}</td><td>{state}</td></tr>",
            linked(&source.name, source.url.as_deref()),
            source.entries
        )
    }
}

/// A stranger's words, linked where there is an address to follow.
fn linked(words: &str, url: Option<&str>) -> String {
    match url.and_then(followed) {
        Some(url) => format!("<a href=\"{}\" rel=\"noopener nofollow\">{}</a>", escape(url), escape(words)),
        None => escape(words),
    }
}

fn capital(words: &str) -> String {
    let mut signs = words.chars();
    signs.next().map_or_else(String::new, |first| first.to_uppercase().chain(signs).collect())
}

#[cfg(test)]
mod tests {
    use super::super::bench::{CORRECTED, DRAFT, PUBLISHED, body_of, town, visit};
    use super::*;

    /// What is read, without markup.
    fn read(html: &str) -> String {
        let mut words = String::new();
        for piece in html.split('<') {
            let said = piece.split_once('>').map_or(piece, |(_, said)| said);
            words.push_str(said);
        }
        let lines = words.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n").replace(['\u{a0}', '\u{202f}'], " ")
    }

    async fn stored_hash(bench: &bot_core::plugin_bench::PluginBench) -> [u8; 32] {
        let mut sql = bench.pool.acquire().await.unwrap();
        store::find(&mut sql, bench.organisation.id, PUBLISHED).await.unwrap().unwrap().hash.0
    }

    #[tokio::test]
    async fn a_corrected_edition_says_so_first_and_is_otherwise_as_it_was() {
        let bench = town(701).await;
        let page = edition_page(&visit(&bench, Locale::En), CORRECTED).await.unwrap().unwrap();
        assert_eq!(page.header("last-modified"), Some("Tue, 24 Nov 2026 08:00:00 GMT"));
        let page = body_of(page);
        let said = read(&page);
        let correction = said.find("24 November 2026: Il fallait lire &lt;98&gt; collectivités.").unwrap();
        assert!(correction < said.find("Hello all").unwrap(), "{said}");
        assert!(page.contains("<span lang=\"fr\">Il fallait"), "{page}");
        assert!(!page.contains("Zoé"), "who wrote a correction is for editors");
    }

    #[tokio::test]
    async fn an_edition_shows_each_line_with_its_source() {
        let bench = town(702).await;
        let page = body_of(edition_page(&visit(&bench, Locale::Fr), PUBLISHED).await.unwrap().unwrap());
        let start = page.find("<main").unwrap();
        let without_charts: String = page[start..]
            .split("<div class=\"picture\">")
            .map(|part| part.split_once("</details>").map_or(part, |(_, rest)| rest))
            .collect();
        let hash = hex(&stored_hash(&bench).await);
        insta::assert_snapshot!(read(&without_charts).replace(&hash, "…"), @"
        La lettre de l’observatoire – semaine du 16 au 22 novembre 2026
        Édition n° 2, publiée le dimanche 22 novembre 2026 à 9 h (heure de Paris).
        Bonjour à toutes et tous,
        cette semaine, le baromètre confirme que les outils numériques ne remplacent pas les rencontres.
        Chiffres
        Outils numériques doublés de rencontres en présence
        90 % (2017, base : 98) – + 23,3 points, auparavant : 66,7 % (2016, base non publiée)
        Usage des outils selon le type de collectivité
        81,8 % (métropoles, 2018, base : 22)
        Collectivités qui utilisent des outils de participation
        157 (2018, base non publiée) – + 59, auparavant : 98 (2017, base non publiée)
        Consultations et campagnes
        La place du marché
        Terminée le 20 novembre 2026, 412 bulletins
        Que souhaitez-vous au centre de la place ? – Halle couverte : 188 voix sur 412 bulletins (45,6 %)
        Fermer la rue aux voitures le dimanche ? – Oui : 271 voix sur 398 bulletins (68,1 %)
        Les horaires de la médiathèque
        Se termine le vendredi 27 novembre 2026 à 18 h (heure de Paris)
        Baromètre 2026 de la démocratie locale numérique
        Ouverte jusqu’au vendredi 11 décembre 2026 à 23 h 59 (heure de Paris), 473 réponses sur 1 250 (37,8 %)
        Actualités
        Un guide pour choisir son outil de participation
        Décider ensemble, 17 novembre 2026
        Vingt-cinq critères communs, techniques, ergonomiques, juridiques et civiques, pour comparer les outils.
        Participatory budgets: what ten cities learned
        Participation Review, 18 novembre 2026
        A comparison of turnout, costs &amp; &lt;reach&gt; over five years.
        Nantes publie les données de ses concertations
        Nantes métropole, 18 novembre 2026
        Les contributions, la méthode de traitement et les suites données.
        *Promo* [cliquez](https://mal.example) &lt;script&gt;alert(1)&lt;/script&gt; {{leave_url}}
        Un flux quelconque, 19 novembre 2026
        Un titre hostile reste des mots.
        Les conseils de quartier passent au format hybride
        Décider ensemble, 19 novembre 2026
        Logiciel libre : la commune de Brest partage son outil
        Décider ensemble, 20 novembre 2026
        Qui sont les absents des consultations en ligne ? Une enquête menée auprès de trois mille habitants de douze agglomérations, de la méthode aux résultats détaillés
        Revue de sociologie, 20 novembre 2026
        L’étude distingue l’accès, le temps et la confiance.
        Rendez-vous
        Rencontre nationale de la participation
        Jeudi 3 décembre 2026 de 18 h à 20 h 30 (heure de Paris), Nantes, Cité des congrès – Agenda de la coalition
        Présentation du baromètre et ateliers.
        Atelier budgets participatifs
        Mardi 8 décembre 2026 à 10 h (heure de La Réunion), Saint-Denis – Agenda de la coalition
        Journées des civic tech
        Annulé – Du 10 au 11 décembre 2026 – Agenda de la coalition
        Comment cette édition a été faite
        Elle porte sur ce qui a été vu du dimanche 15 novembre 2026 à 7 h (heure de Paris) au dimanche 22 novembre 2026 à 7 h (heure de Paris).
        Elle a été préparée avec la version 2 du fichier de la lettre.
        Sources
        SourcesSourceCe qui a été demandéÉlémentsÉtatDécider ensembletout ce qu’elle publie3lue le dimanche 22 novembre 2026 à 6 h 45 (heure de Paris)Agenda de la coalition2026-11-22 – 2026-12-273lue le dimanche 22 novembre 2026 à 6 h 45 (heure de Paris)Données du baromètredataset barometre-2018, version 32lue le samedi 21 novembre 2026 à 6 h 45 (heure de Paris)Un flux quelconquetout ce qu’elle publie1en panne lors de la préparation, lue pour la dernière fois le jeudi 19 novembre 2026 à 6 h 45 (heure de Paris)
        Vérifier cette édition
        Empreinte SHA-256 de l’édition envoyée : …
        Cette commande doit afficher la même empreinte :
        curl -s https://crieur.example.org/digests/2.json | jq -j .canonical | sha256sum
        L’édition en JSON · Flux Atom de la lettre · Toutes les éditions
        ");
    }

    #[tokio::test]
    async fn strangers_words_are_words_and_foreign_ones_say_so() {
        let bench = town(703).await;
        let page = body_of(edition_page(&visit(&bench, Locale::Fr), PUBLISHED).await.unwrap().unwrap());
        assert!(
            page.contains("*Promo* [cliquez](https://mal.example) &lt;script&gt;alert(1)&lt;/script&gt;"),
            "{page}"
        );
        assert!(page.contains(
            "<h3 lang=\"en-GB\"><a href=\"https://example.com/budgets?a=1&amp;b=2\" rel=\"noopener nofollow\">"
        ));
        assert!(page.contains("costs &amp; &lt;reach&gt;"));
    }

    #[tokio::test]
    async fn pages_need_no_script_and_no_inline_style_and_their_headings_are_in_order() {
        let bench = town(704).await;
        for locale in Locale::ALL {
            let visit = visit(&bench, locale);
            let pages = [
                super::super::list_page(&visit).await.unwrap(),
                edition_page(&visit, CORRECTED).await.unwrap().unwrap(),
                edition_page(&visit, PUBLISHED).await.unwrap().unwrap(),
            ];
            for page in pages.map(body_of) {
                assert!(page.starts_with("<!DOCTYPE html>") && page.contains(&format!("<html lang=\"{locale}\">")));
                for forbidden in ["<script", "style=\"", "<style", "onclick", "href=\"javascript:"] {
                    assert!(!page.contains(forbidden), "{forbidden} in\n{page}");
                }
                let levels: Vec<u32> = page
                    .split("<h")
                    .skip(1)
                    .filter_map(|rest| rest.chars().next().and_then(|sign| sign.to_digit(10)))
                    .collect();
                assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
                assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
                let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
                let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
                assert_eq!(unique.len(), ids.len(), "{ids:?}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_of_a_draft_is_public() {
        let bench = town(705).await;
        let visit = visit(&bench, Locale::Fr);
        for number in [DRAFT, 99, u32::MAX] {
            assert_eq!(edition_page(&visit, number).await.unwrap(), None);
            assert_eq!(super::super::edition_json(&visit, number).await.unwrap(), None);
        }
    }
}
