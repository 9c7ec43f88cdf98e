//! What is said of each entry: crieur's own templates, the organiser's in their place, and the linter of both.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use bot_core::message::template::{self, TemplateError};
use bot_core::message::{Block, Document};
use bot_core::{Locale, Wording};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::definition::Templates;

/// A template by its name in the digest file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Name {
    Opening,
    Figure,
    Consultation,
    Campaign,
    News,
    Event,
    Closing,
    Nothing,
}

/// What a template may name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Variable {
    pub name: &'static str,
    /// In French, for the organisers who write templates, and in English.
    pub meaning: [&'static str; 2],
    /// What it could hold.
    pub example: &'static str,
    /// To be gone through with `{{#each …}}`.
    pub is_list: bool,
}

const fn variable(name: &'static str, meaning: [&'static str; 2], example: &'static str) -> Variable {
    Variable { name, meaning, example, is_list: false }
}

/// In every template.
const EVERYWHERE: [Variable; 3] = [
    variable("lettre", ["le titre de la lettre", "the digest’s title"], "La lettre de l’observatoire"),
    variable("periode", ["la semaine ou le mois", "the week or month"], "semaine du 16 au 22 novembre 2026"),
    variable("numero", ["le numéro de l’édition", "the edition’s number"], "12"),
];

const FIGURE: [Variable; 9] = [
    variable("nom", ["le nom de l’indicateur", "the indicator’s name"], "Outils doublés de réunions"),
    variable("valeur", ["la valeur, avec son unité", "the value with its unit"], "61 %"),
    variable("edition", ["l’édition du baromètre", "the barometer’s edition"], "2018"),
    variable("strate", ["qui est compté ; vide : tous", "who is counted; empty: everybody"], "régions"),
    variable("base", ["sur combien de réponses", "out of how many"], "base : 157"),
    variable(
        "evolution",
        ["ce qui a changé ; vide sans édition précédente", "what changed; empty without an edition before"],
        "+ 4 points",
    ),
    variable("edition_precedente", ["l’édition comparée", "the edition it is compared with"], "2017"),
    variable("base_precedente", ["la base de celle-ci", "the base of that one"], "base : 98"),
    variable(
        "lien",
        [
            "la ligne des données ouvertes ; vide sans site public",
            "its row of the open data; empty without public site",
        ],
        "https://crieur.example.org/digests/data/barometre/3#row-12",
    ),
];

const CONSULTATION: [Variable; 5] = [
    variable("titre", ["le titre", "the title"], "La place du marché"),
    variable("etat", ["ouverte, bientôt close ou close, avec la date", "open, closing or closed, and when"], "ouverte"),
    variable(
        "bulletins",
        ["combien de bulletins ; vide si non publié", "ballots; empty unless public"],
        "412 bulletins",
    ),
    Variable {
        name: "resultats",
        meaning: ["une phrase par question, une fois close", "a sentence for each question, once closed"],
        example: "Halle couverte en tête",
        is_list: true,
    },
    variable(
        "lien",
        ["sa page ; vide sans site public", "its page; empty without public site"],
        "https://crieur.example.org/consultations/place-du-marche",
    ),
];

const CAMPAIGN: [Variable; 6] = [
    variable("titre", ["le titre", "the title"], "Baromètre 2026"),
    variable("etat", ["ouverte, bientôt close ou close, avec la date", "open, closing or closed, and when"], "ouverte"),
    variable(
        "participation",
        ["les trois suivantes en une phrase", "the next three in one phrase"],
        "98 réponses sur 157 (62,4 %)",
    ),
    variable("reponses", ["combien ont répondu", "how many answered"], "98"),
    variable("sollicites", ["combien ont été sollicités", "how many were asked"], "157"),
    variable("taux", ["le taux de réponse ; vide si personne n’est sollicité", "the response rate, if any"], "62,4 %"),
];

const NEWS: [Variable; 5] = [
    variable("titre", ["le titre", "the title"], "Un guide des budgets participatifs"),
    variable(
        "resume",
        ["le résumé ; vide dans la version courte", "the summary; empty in the short form"],
        "Le guide…",
    ),
    variable("source", ["d’où elle vient", "where it is from"], "Décider ensemble"),
    variable("jour", ["le jour de parution", "the day it appeared"], "18 novembre 2026"),
    variable("lien", ["son adresse ; vide si elle n’en a pas", "its address, if any"], "https://example.org/guide"),
];

const EVENT: [Variable; 7] = [
    variable("titre", ["le titre", "the title"], "Rencontre nationale"),
    variable("resume", ["le résumé ; vide dans la version courte", "the summary; empty in the short form"], "Une…"),
    variable(
        "quand",
        ["le jour, l’heure et le fuseau", "day, hour and zone"],
        "jeudi 3 décembre 2026 à 18 h (heure de Paris)",
    ),
    variable("lieu", ["le lieu ; vide si non dit", "the place, if said"], "Nantes"),
    variable("source", ["d’où il vient", "where it is from"], "Agenda de la coalition"),
    variable("lien", ["son adresse ; vide s’il n’en a pas", "its address, if any"], "https://example.org/rencontre"),
    variable("annule", ["« annulé » s’il l’est, sinon vide", "“cancelled” if it is, else empty"], "annulé"),
];

const ENDS: [Variable; 1] = [variable(
    "lien",
    ["la page publique de l’édition ; vide sans site public", "the edition’s public page; empty without public site"],
    "https://crieur.example.org/digests/12",
)];

impl Name {
    pub const ALL: [Self; 8] = [
        Self::Opening,
        Self::Figure,
        Self::Consultation,
        Self::Campaign,
        Self::News,
        Self::Event,
        Self::Closing,
        Self::Nothing,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Figure => "figure",
            Self::Consultation => "consultation",
            Self::Campaign => "campaign",
            Self::News => "news",
            Self::Event => "event",
            Self::Closing => "closing",
            Self::Nothing => "nothing",
        }
    }

    /// What it may name, and nothing else.
    pub fn variables(self) -> Vec<Variable> {
        let own: &[Variable] = match self {
            Self::Opening => &[],
            Self::Figure => &FIGURE,
            Self::Consultation => &CONSULTATION,
            Self::Campaign => &CAMPAIGN,
            Self::News => &NEWS,
            Self::Event => &EVENT,
            Self::Closing | Self::Nothing => &ENDS,
        };
        own.iter().chain(&EVERYWHERE).copied().collect()
    }

    /// Crieur's own wording.
    pub fn own(self, locale: Locale) -> &'static str {
        match (self, locale) {
            (Self::Opening, _) => "# {{lettre}} – {{periode}}",
            (Self::Figure, Locale::Fr) => {
                "**{{nom}}**{{#if strate}} ({{strate}}){{/if}}\u{a0}: {{#if lien}}[{{valeur}}]({{lien}}){{else}}{{valeur}}{{/if}} \
                 en {{edition}} ({{base}}){{#if evolution}}, {{evolution}} depuis {{edition_precedente}} \
                 ({{base_precedente}}){{/if}}"
            }
            (Self::Figure, Locale::En) => {
                "**{{nom}}**{{#if strate}} ({{strate}}){{/if}}: {{#if lien}}[{{valeur}}]({{lien}}){{else}}{{valeur}}{{/if}} \
                 in {{edition}} ({{base}}){{#if evolution}}, {{evolution}} since {{edition_precedente}} \
                 ({{base_precedente}}){{/if}}"
            }
            (Self::Consultation, _) => {
                "{{#if lien}}[{{titre}}]({{lien}}){{else}}**{{titre}}**{{/if}} – {{etat}}{{#if bulletins}}, \
                 {{bulletins}}{{/if}}{{#each resultats}}\\\n{{this}}{{/each}}"
            }
            (Self::Campaign, _) => "**{{titre}}** – {{etat}}{{#if participation}}, {{participation}}{{/if}}",
            (Self::News, _) => {
                "{{#if lien}}[{{titre}}]({{lien}}){{else}}**{{titre}}**{{/if}} – {{source}}, \
                 {{jour}}{{#if resume}}\\\n{{resume}}{{/if}}"
            }
            (Self::Event, _) => {
                "{{#if annule}}**{{annule}}** – {{/if}}{{#if lien}}[{{titre}}]({{lien}}){{else}}**{{titre}}**{{/if}} – \
                 {{quand}}{{#if lieu}}, {{lieu}}{{/if}} – {{source}}{{#if resume}}\\\n{{resume}}{{/if}}"
            }
            (Self::Closing, Locale::Fr) => {
                "{{#if lien}}[Cette lettre sur le web]({{lien}}), avec ses sources, ses tableaux et ses données.{{/if}}"
            }
            (Self::Closing, Locale::En) => {
                "{{#if lien}}[This digest on the web]({{lien}}), with its sources, tables and data.{{/if}}"
            }
            (Self::Nothing, Locale::Fr) => {
                "**{{lettre}} – {{periode}}**\n\nRien de nouveau sur vos sujets cette \
                 fois-ci.{{#if lien}} [Voir toute la lettre]({{lien}}){{/if}}"
            }
            (Self::Nothing, Locale::En) => {
                "**{{lettre}} – {{periode}}**\n\nNothing new on your topics this \
                 time.{{#if lien}} [See the whole digest]({{lien}}){{/if}}"
            }
        }
    }

    /// The organiser's wording in its place.
    pub fn of(self, templates: &Templates) -> Option<&str> {
        let found = match self {
            Self::Opening => &templates.opening,
            Self::Figure => &templates.figure,
            Self::Consultation => &templates.consultation,
            Self::Campaign => &templates.campaign,
            Self::News => &templates.news,
            Self::Event => &templates.event,
            Self::Closing => &templates.closing,
            Self::Nothing => &templates.nothing,
        };
        found.as_deref()
    }

    /// Above and below an edition nothing may be said; of an entry something must be.
    fn may_be_empty(self) -> bool {
        matches!(self, Self::Opening | Self::Closing)
    }

    fn examples(self) -> Map<String, Value> {
        let example = |variable: Variable| match variable.is_list {
            true => json!([variable.example]),
            false => json!(variable.example),
        };
        self.variables().into_iter().map(|variable| (variable.name.to_owned(), example(variable))).collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no template: write one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// The linter: whether a template can be read, names only what is there, and says something when filled with examples.
///
/// # Errors
/// The first thing that is wrong, with its line and column and what to write instead.
pub fn check(name: Name, markdown: &str) -> Result<(), TemplateError> {
    let variables = name.variables();
    let known: Vec<&str> = variables.iter().map(|variable| variable.name).collect();
    template::check(markdown, &known)?;
    if filled(markdown, &name.examples())?.is_empty() && !name.may_be_empty() {
        let problem = format!("the template `{name}` says nothing: write a sentence, or leave it out of the file");
        return Err(TemplateError::Syntax { line: 1, column: 1, problem });
    }
    Ok(())
}

/// The organiser's template filled with `values`, or crieur's own where there is none or it cannot be filled.
pub(crate) fn say(name: Name, locale: Locale, theirs: Option<&Templates>, values: &Map<String, Value>) -> Vec<Block> {
    let theirs = theirs.and_then(|templates| name.of(templates));
    let said = theirs.and_then(|markdown| filled(markdown, values).ok());
    match said.filter(|blocks| name.may_be_empty() || !blocks.is_empty()) {
        Some(blocks) => blocks,
        // A test holds that crieur's own can be filled from any values.
        None => filled(name.own(locale), values).unwrap_or_default(),
    }
}

fn filled(markdown: &str, values: &Map<String, Value>) -> Result<Vec<Block>, TemplateError> {
    let document = Document::new().block(Block::Template { markdown: markdown.to_owned() });
    Ok(template::fill(&document, values)?.blocks)
}

/// A template as whoever writes another one needs to know it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Described {
    pub name: &'static str,
    /// Crieur's own wording.
    pub own: Wording,
    pub variables: Vec<Variable>,
}

/// Every template, with crieur's own wording and what it may name.
pub fn described() -> Vec<Described> {
    let described = |name: Name| Described {
        name: name.as_str(),
        own: Wording { fr: name.own(Locale::Fr).to_owned(), en: Some(name.own(Locale::En).to_owned()) },
        variables: name.variables(),
    };
    Name::ALL.map(described).into()
}

/// Crieur's wording as the part of a digest file to start from, with what each template may name.
pub fn as_toml() -> String {
    let mut toml = "# Gardez ce que vous changez, effacez le reste : ce qui manque est dit avec les mots de crieur.\n\
                    # Keep what you change, delete the rest: what is missing is said in crieur’s own words.\n"
        .to_owned();
    for locale in Locale::ALL {
        let _ = write!(toml, "\n[wording.{locale}]\n");
        for name in Name::ALL {
            for variable in name.variables() {
                let each = if variable.is_list { "#each " } else { "" };
                let meaning = match locale {
                    Locale::Fr => format!("# {{{{{each}{}}}}} : {}", variable.name, variable.meaning[0]),
                    Locale::En => format!("# {{{{{each}{}}}}}: {}", variable.name, variable.meaning[1]),
                };
                let _ = writeln!(toml, "{meaning}");
            }
            // No template of ours holds three apostrophes.
            let _ = writeln!(toml, "{name} = '''{}'''\n", name.own(locale));
        }
    }
    toml
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bot_core::message::layout::words_of;
    use proptest::prelude::*;

    use super::*;

    fn words(blocks: &[Block]) -> String {
        blocks.iter().map(words_of).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn our_own_wording_passes_the_linter_and_reads_well() {
        let mut read = String::new();
        for name in Name::ALL {
            for locale in Locale::ALL {
                assert_eq!(check(name, name.own(locale)), Ok(()), "{name} in {locale}");
                let said = words(&say(name, locale, None, &name.examples()));
                let _ = writeln!(read, "{locale} {name}: {said}");
            }
        }
        insta::assert_snapshot!(read.replace('\u{a0}', " "), @"
        fr opening: La lettre de l’observatoire – semaine du 16 au 22 novembre 2026
        en opening: La lettre de l’observatoire – semaine du 16 au 22 novembre 2026
        fr figure: Outils doublés de réunions (régions) : 61 % (https://crieur.example.org/digests/data/barometre/3#row-12) en 2018 (base : 157), + 4 points depuis 2017 (base : 98)
        en figure: Outils doublés de réunions (régions): 61 % (https://crieur.example.org/digests/data/barometre/3#row-12) in 2018 (base : 157), + 4 points since 2017 (base : 98)
        fr consultation: La place du marché (https://crieur.example.org/consultations/place-du-marche) – ouverte, 412 bulletins
        Halle couverte en tête
        en consultation: La place du marché (https://crieur.example.org/consultations/place-du-marche) – ouverte, 412 bulletins
        Halle couverte en tête
        fr campaign: Baromètre 2026 – ouverte, 98 réponses sur 157 (62,4 %)
        en campaign: Baromètre 2026 – ouverte, 98 réponses sur 157 (62,4 %)
        fr news: Un guide des budgets participatifs (https://example.org/guide) – Décider ensemble, 18 novembre 2026
        Le guide…
        en news: Un guide des budgets participatifs (https://example.org/guide) – Décider ensemble, 18 novembre 2026
        Le guide…
        fr event: annulé – Rencontre nationale (https://example.org/rencontre) – jeudi 3 décembre 2026 à 18 h (heure de Paris), Nantes – Agenda de la coalition
        Une…
        en event: annulé – Rencontre nationale (https://example.org/rencontre) – jeudi 3 décembre 2026 à 18 h (heure de Paris), Nantes – Agenda de la coalition
        Une…
        fr closing: Cette lettre sur le web (https://crieur.example.org/digests/12), avec ses sources, ses tableaux et ses données.
        en closing: This digest on the web (https://crieur.example.org/digests/12), with its sources, tables and data.
        fr nothing: La lettre de l’observatoire – semaine du 16 au 22 novembre 2026
        Rien de nouveau sur vos sujets cette fois-ci. Voir toute la lettre (https://crieur.example.org/digests/12)
        en nothing: La lettre de l’observatoire – semaine du 16 au 22 novembre 2026
        Nothing new on your topics this time. See the whole digest (https://crieur.example.org/digests/12)
        ");
    }

    #[test]
    fn what_an_organiser_writes_takes_its_place_and_is_never_markup_by_its_values() {
        let theirs = Templates { news: Some("> {{titre}} ({{source}})".to_owned()), ..Templates::default() };
        let mut values = Name::News.examples();
        values.insert("titre".to_owned(), json!("**Gras** [x](http://exemple.org) {{lien}}"));
        let said = say(Name::News, Locale::Fr, Some(&theirs), &values);
        assert_eq!(words(&said), "**Gras** [x](http://exemple.org) {{lien}} (Décider ensemble)");
    }

    #[test]
    fn a_template_that_cannot_be_filled_gives_way_to_ours() {
        for broken in
            ["{{inconnue}}", "{{#if titre}}", "{{#each titre}}{{this}}{{/each}}", "", "{{#unless titre}}x{{/unless}}"]
        {
            let theirs = Templates { news: Some(broken.to_owned()), ..Templates::default() };
            let values = Name::News.examples();
            let said = say(Name::News, Locale::Fr, Some(&theirs), &values);
            assert_eq!(said, say(Name::News, Locale::Fr, None, &values), "{broken}");
            assert!(check(Name::News, broken).is_err(), "{broken}");
        }
        let silent = Templates { opening: Some(String::new()), ..Templates::default() };
        assert_eq!(say(Name::Opening, Locale::Fr, Some(&silent), &Name::Opening.examples()), []);
        assert_eq!(check(Name::Opening, ""), Ok(()));
    }

    #[test]
    fn an_unknown_variable_is_told_with_its_place_and_those_there_are() {
        let error = check(Name::Campaign, "{{titre}}\nle {{date}}").unwrap_err();
        insta::assert_snapshot!(error, @"line 2, column 4: there is no variable `date` here: write one of titre, etat, participation, reponses, sollicites, taux, lettre, periode, numero");
        let error = check(Name::Event, "{{#if lieu}}").unwrap_err();
        assert!(error.to_string().starts_with("line 1, column "), "{error}");
    }

    #[test]
    fn the_printed_wording_is_a_part_of_a_digest_file() {
        #[derive(serde::Deserialize)]
        struct File {
            wording: BTreeMap<Locale, Templates>,
        }
        let toml = as_toml();
        let file: File = toml::from_str(&toml).unwrap();
        for locale in Locale::ALL {
            for name in Name::ALL {
                assert_eq!(name.of(&file.wording[&locale]), Some(name.own(locale)), "{name} in {locale}");
            }
        }
        for variable in Name::ALL.into_iter().flat_map(Name::variables) {
            assert!(toml.contains(variable.meaning[0]) && toml.contains(variable.meaning[1]), "{}", variable.name);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn our_own_wording_can_be_filled_from_any_words(value in any::<String>()) {
            for name in Name::ALL {
                let fill_with = |variable: Variable| (variable.name.to_owned(), match variable.is_list {
                    true => json!([value.clone(), value.clone()]),
                    false => json!(value.clone()),
                });
                let values: Map<String, Value> = name.variables().into_iter().map(fill_with).collect();
                for locale in Locale::ALL {
                    prop_assert!(filled(name.own(locale), &values).is_ok());
                }
            }
        }

        #[test]
        fn the_linter_never_panics(markdown in any::<String>()) {
            for name in Name::ALL {
                let _ = check(name, &markdown);
            }
        }
    }
}
