//! Contacts as a table that [`super::import`] reads again.

use std::io::{self, Write};

use crieur_spreadsheets::{CsvWriter, french_date};
use serde_json::Value;

use super::directory::{Directory, DirectoryError};
use super::fields::{Field, FieldKind};
use super::view::{self, ContactSet, ContactView};

/// What stands before the declared fields: names that an import knows.
const COLUMNS: [&str; 13] = [
    "identifiant",
    "nom",
    "collectivité",
    "type",
    "code insee",
    "siren",
    "population",
    "département",
    "région",
    "rang",
    "langue",
    "fuseau",
    "groupes",
];

impl Directory<'_> {
    /// Writes the contacts of `set` as CSV; gives back how many. A contact without an external id has none in the file:
    /// an import refuses its row until it gets one.
    ///
    /// # Errors
    /// When the set names what is not there, the database refuses, or `into` cannot be written to.
    pub async fn export_csv(&mut self, set: &ContactSet, into: impl Write) -> Result<u64, DirectoryError> {
        let fields = self.fields().await?;
        let mut writer = CsvWriter::new(into);
        let header = COLUMNS.iter().copied().chain(fields.iter().map(|field| field.label.as_str()));
        let mut written: io::Result<u64> = writer.row(header).map(|()| 0);
        let take = |contact: ContactView| {
            if let Ok(count) = written {
                written = writer.row(cells(&contact, &fields)).map(|()| count + 1);
            }
        };
        view::each(self.sql, self.organisation, set, take).await?;
        let count = written.and_then(|count| writer.finish().map(|_| count));
        count.map_err(|error| DirectoryError::Refused(format!("the file cannot be written: {error}")))
    }
}

fn cells(contact: &ContactView, fields: &[Field]) -> Vec<String> {
    let body = contact.collectivite.as_ref();
    let mut cells = vec![
        contact.external_id.clone().unwrap_or_default(),
        contact.name.clone().unwrap_or_default(),
        body.map(|body| body.name.clone()).unwrap_or_default(),
        body.map(|body| body.kind.as_str().to_owned()).unwrap_or_default(),
        body.and_then(|body| body.insee.clone()).unwrap_or_default(),
        body.and_then(|body| body.siren.clone()).unwrap_or_default(),
        body.and_then(|body| body.population).map(|count| count.to_string()).unwrap_or_default(),
        body.and_then(|body| body.departement.clone()).unwrap_or_default(),
        body.and_then(|body| body.region.clone()).unwrap_or_default(),
        contact.rank.map(|rank| rank.to_string()).unwrap_or_default(),
        contact.locale.map(|locale| locale.as_str().to_owned()).unwrap_or_default(),
        contact.time_zone.clone().unwrap_or_default(),
        contact.groups.join(", "),
    ];
    cells.extend(fields.iter().map(|field| match (contact.fields.get(&field.key), &field.kind) {
        (None | Some(Value::Null), _) => String::new(),
        (Some(Value::Number(number)), _) => number.to_string().replace('.', ","),
        (Some(Value::String(text)), FieldKind::Date) => french_date(text),
        (Some(Value::String(text)), _) => text.clone(),
        (Some(other), _) => other.to_string(),
    }));
    cells
}
