//! The reference population: all collectivités that an answer could come from, one row each, as a file.
//!
//! One row a collectivité, and no ready-made counts, so that a respondent can be found in it: coverage then never
//! counts somebody who is not of the population, and anybody can recount it.

use std::collections::BTreeMap;

use bot_core::OrganisationId;
use bot_core::contacts::CollectiviteKind;
use bot_core::plugin::{Context, HandlerError};
use bot_core::spreadsheets::{ReadError, Row, Spreadsheet, SpreadsheetError};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::strata::{Region, folded};
use crate::refusal::By;
use crate::store::CampaignId;

/// France has some 36,000 collectivités; a file that is much longer is another file.
pub const BODIES_MAX: usize = 100_000;
/// Problems that are told at once.
const PROBLEMS_TOLD: usize = 20;

/// A collectivité of the reference population.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReferenceBody {
    pub kind: CollectiviteKind,
    pub name: String,
    pub insee: Option<String>,
    pub siren: Option<String>,
    pub population: Option<u32>,
    /// The code of its région.
    pub region: Option<String>,
}

/// The reference population.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference {
    pub bodies: Vec<ReferenceBody>,
}

/// Why a file is no reference population.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    #[error(transparent)]
    File(#[from] SpreadsheetError),
    #[error(
        "the reference file has no column `{0}`: it needs `type`, `population`, `region`, and `insee` or `siren`, one row for \
         each collectivité"
    )]
    NoColumn(&'static str),
    #[error("the reference file has no row: write one for each collectivité")]
    Empty,
    #[error("the reference file has more than {BODIES_MAX} rows: keep the collectivités that the campaign is about")]
    TooMany,
    #[error("the reference file has {count} rows to correct:\n{}", told.join("\n"))]
    Rows { count: usize, told: Vec<String> },
}

/// What a column may be called, written as [`folded`] does.
const COLUMNS: [(&str, &[&str]); 6] = [
    ("type", &["type", "kind", "typedecollectivite", "categorie"]),
    ("population", &["population", "populationmunicipale", "populationtotale", "habitants"]),
    ("region", &["region", "coderegion", "nomregion"]),
    ("insee", &["insee", "codeinsee", "cog"]),
    ("siren", &["siren", "codesiren", "numerosiren"]),
    ("name", &["nom", "name", "libelle", "collectivite"]),
];

impl Reference {
    /// Reads the rows of a table. Columns may come in any order; others than those known are left alone.
    ///
    /// # Errors
    /// [`ReferenceError`]: all rows that are wrong at once, none of the file is used then.
    pub fn read(mut table: Spreadsheet) -> Result<Self, ReferenceError> {
        let header: Vec<String> = table.header().iter().map(|name| folded(name)).collect();
        let place = |wanted: &str| {
            let names = COLUMNS.iter().find(|(name, _)| *name == wanted).map_or(&[][..], |(_, names)| names);
            header.iter().position(|name| names.contains(&name.as_str()))
        };
        let needed = |name: &'static str| place(name).ok_or(ReferenceError::NoColumn(name));
        let (kind, population, region) = (needed("type")?, needed("population")?, needed("region")?);
        let columns =
            Columns { kind, population, region, insee: place("insee"), siren: place("siren"), name: place("name") };
        if columns.insee.is_none() && columns.siren.is_none() {
            return Err(ReferenceError::NoColumn("insee"));
        }

        let mut problems = Problems::default();
        let mut bodies = Vec::new();
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for row in &mut table {
            let row = match row {
                Ok(row) => row,
                Err(ReadError::Row(problem)) => {
                    problems.add(problem.to_string());
                    continue;
                }
                Err(ReadError::File(error)) => return Err(error.into()),
            };
            if bodies.len() == BODIES_MAX {
                return Err(ReferenceError::TooMany);
            }
            match columns.body(&row) {
                Ok(body) => {
                    let mut fresh = true;
                    for code in body.codes() {
                        if let Some(first) = seen.insert(code.clone(), row.line) {
                            let remedy = "keep one of the two rows";
                            problems.add(format!("line {}: {code} is on line {first} already: {remedy}", row.line));
                            fresh = false;
                        }
                    }
                    if fresh {
                        bodies.push(body);
                    }
                }
                Err(problem) => problems.add(format!("line {}: {problem}", row.line)),
            }
        }
        if problems.count > 0 {
            return Err(problems.told());
        }
        if bodies.is_empty() { Err(ReferenceError::Empty) } else { Ok(Self { bodies }) }
    }
}

impl ReferenceBody {
    /// The names by which it is found, the surest first.
    pub(crate) fn codes(&self) -> Vec<String> {
        let siren = self.siren.as_ref().map(|siren| format!("siren {siren}"));
        let insee = self.insee.as_ref().map(|insee| format!("{} {insee}", self.kind.as_str()));
        siren.into_iter().chain(insee).collect()
    }
}

/// Keeps the reference population of a campaign, for its page and for the chat. The one before is replaced.
///
/// # Errors
/// Those of the database.
pub async fn keep(cx: &mut Context, campaign: CampaignId, reference: &Reference) -> Result<(), HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    sqlx::query!(
        r#"
        INSERT INTO survey_reminders.reference (organisation_id, campaign_id, bodies, kept_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organisation_id, campaign_id) DO UPDATE SET bodies = EXCLUDED.bodies, kept_at = EXCLUDED.kept_at
        "#,
        organisation.0,
        campaign.0,
        Json(reference) as _,
        now,
    )
    .execute(cx.sql())
    .await?;
    let details = serde_json::json!({ "collectivites": reference.bodies.len() });
    By::whoever_asked(cx, None).did(cx, "campaign.reference_kept", campaign, details);
    Ok(())
}

/// The reference population that was kept.
pub(crate) async fn kept(
    sql: &mut PgConnection,
    organisation: OrganisationId,
    campaign: CampaignId,
) -> Result<Option<Reference>, HandlerError> {
    let kept = sqlx::query_scalar!(
        r#"
        SELECT bodies AS "bodies: Json<Reference>" FROM survey_reminders.reference
        WHERE organisation_id = $1 AND campaign_id = $2
        "#,
        organisation.0,
        campaign.0,
    )
    .fetch_optional(sql)
    .await?;
    Ok(kept.map(|kept| kept.0))
}

#[derive(Default)]
struct Problems {
    count: usize,
    told: Vec<String>,
}

impl Problems {
    fn add(&mut self, problem: String) {
        self.count += 1;
        if self.told.len() < PROBLEMS_TOLD {
            self.told.push(problem);
        }
    }

    fn told(mut self) -> ReferenceError {
        if let Some(more) = self.count.checked_sub(PROBLEMS_TOLD).filter(|more| *more > 0) {
            self.told.push(format!("… and {more} more"));
        }
        ReferenceError::Rows { count: self.count, told: self.told }
    }
}

struct Columns {
    kind: usize,
    population: usize,
    region: usize,
    insee: Option<usize>,
    siren: Option<usize>,
    name: Option<usize>,
}

impl Columns {
    fn body(&self, row: &Row) -> Result<ReferenceBody, String> {
        let cell = |index: usize| row.cells.get(index).map_or("", String::as_str);
        let optional = |index: Option<usize>| index.map(cell).filter(|text| !text.is_empty());
        let kind = read_kind(cell(self.kind))?;
        let insee = optional(self.insee).map(read_insee).transpose()?;
        let siren = optional(self.siren).map(read_siren).transpose()?;
        if insee.is_none() && siren.is_none() {
            return Err("there is neither an INSEE nor a SIREN code: write one of the two".to_owned());
        }
        let region = match cell(self.region) {
            "" => None,
            text => {
                let unknown = || format!("`{text}` is no région: write its code (`52`) or its name");
                Some(Region::read(text).ok_or_else(unknown)?.code().to_owned())
            }
        };
        let population = match cell(self.population) {
            "" => None,
            text => Some(read_population(text)?),
        };
        Ok(ReferenceBody {
            kind,
            name: optional(self.name).unwrap_or_default().to_owned(),
            insee,
            siren,
            population,
            region,
        })
    }
}

pub(crate) fn read_kind(text: &str) -> Result<CollectiviteKind, String> {
    Ok(match folded(text).as_str() {
        "commune" | "com" | "ville" | "mairie" => CollectiviteKind::Commune,
        "epci"
        | "intercommunalite"
        | "metropole"
        | "communautedecommunes"
        | "communautedagglomeration"
        | "communauteurbaine" => CollectiviteKind::Epci,
        "departement" => CollectiviteKind::Departement,
        "region" => CollectiviteKind::Region,
        "other" | "autre" => CollectiviteKind::Other,
        _ => {
            return Err(format!(
                "`{text}` is no type of collectivité: write commune, epci, departement, region or autre"
            ));
        }
    })
}

fn read_insee(text: &str) -> Result<String, String> {
    let code = crate::answers::insee(text);
    let is_fine = (2..=5).contains(&code.len()) && code.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A' | b'B'));
    let remedy = "write it with its zeros, such as `01004`, and format the column as text";
    if is_fine { Ok(code) } else { Err(format!("`{text}` is no INSEE code: {remedy}")) }
}

/// 9 digits with Luhn's check digit.
fn read_siren(text: &str) -> Result<String, String> {
    let code: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let digits: Option<Vec<u32>> = code.chars().map(|letter| letter.to_digit(10)).collect();
    let luhn = digits.filter(|digits| digits.len() == 9).map(|digits| {
        let doubled = digits.iter().rev().enumerate().map(|(place, digit)| {
            let value = if place % 2 == 1 { digit * 2 } else { *digit };
            if value > 9 { value - 9 } else { value }
        });
        doubled.sum::<u32>()
    });
    match luhn {
        Some(sum) if sum % 10 == 0 => Ok(code),
        Some(_) => Err(format!("`{text}` is no SIREN: its check digit is wrong, look it up again")),
        None => Err(format!("`{text}` is no SIREN: write its 9 digits")),
    }
}

pub(crate) fn read_population(text: &str) -> Result<u32, String> {
    let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    digits.parse().map_err(|_| format!("`{text}` is no number of inhabitants: write a whole number"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(text: &str) -> Result<Reference, ReferenceError> {
        Reference::read(Spreadsheet::read(Cursor::new(text.as_bytes().to_vec()), None).unwrap())
    }

    #[test]
    fn a_zero_that_a_spreadsheet_dropped_is_put_back() {
        let read = read("type;population;region;insee\ncommune;12;84;1004\n").unwrap();
        assert_eq!(read.bodies[0].insee.as_deref(), Some("01004"));
    }

    #[test]
    fn one_row_is_one_collectivite() {
        let read = read(
            "Code INSEE;Nom;Type;Population;Région;Remarque\r\n44109;Nantes;commune;325\u{a0}070;Pays de la Loire;x\r\n\
             52;Pays de la Loire;Région;3800000;52;\r\n97501;Miquelon;commune;;outre-mer;\r\n",
        )
        .unwrap();
        let said: Vec<String> = read
            .bodies
            .iter()
            .map(|body| format!("{:?} {:?} {:?} {}", body.kind, body.population, body.region, body.codes().join(" + ")))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        Commune Some(325070) Some("52") commune 44109
        Region Some(3800000) Some("52") region 52
        Commune None Some("outre-mer") commune 97501
        "#);
    }

    #[test]
    fn every_wrong_row_is_told_with_its_line() {
        let text = "type,population,region,siren,insee\ncommune,12,52,217800000,\nvillage,1,52,,44109\n\
                    commune,many,52,,44110\ncommune,1,Bretaña,,44111\ncommune,1,52,,\ncommune,1,52,,44112\ncommune,2,52,,44112\n";
        insta::assert_snapshot!(read(text).unwrap_err(), @r"
        the reference file has 6 rows to correct:
        line 2: `217800000` is no SIREN: its check digit is wrong, look it up again
        line 3: `village` is no type of collectivité: write commune, epci, departement, region or autre
        line 4: `many` is no number of inhabitants: write a whole number
        line 5: `Bretaña` is no région: write its code (`52`) or its name
        line 6: there is neither an INSEE nor a SIREN code: write one of the two
        line 8: commune 44112 is on line 7 already: keep one of the two rows
        ");
    }

    #[test]
    fn a_file_without_its_columns_is_refused() {
        insta::assert_snapshot!(read("type;region;siren\ncommune;52;1\n").unwrap_err(), @"the reference file has no column `population`: it needs `type`, `population`, `region`, and `insee` or `siren`, one row for each collectivité");
        assert!(matches!(read("type;population;region\ncommune;1;52\n"), Err(ReferenceError::NoColumn("insee"))));
        assert!(matches!(read("type;population;region;siren\n"), Err(ReferenceError::Empty)));
    }
}
