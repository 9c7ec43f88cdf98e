//! A campaign and its people, for the tests of this plugin.

use bot_core::contacts::{Collectivite, CollectiviteKind, ContactView, Reach};
use bot_core::plugin::Purpose;
use bot_core::{CollectiviteId, ContactId, Platform};

use crate::definition::Definition;
use crate::definition_file::parse;

/// An invitation, two reminders, the deputy, and the organisers.
pub(crate) const BAROMETER: &str = r#"slug = "barometre-2026"
title = { fr = "Baromètre 2026", en = "Barometer 2026" }
sender = "L’équipe de l’observatoire"
to = "everyone"
time_zone = "Europe/Paris"
opens_at = 2026-09-07T09:00:00
deadline = 2026-11-13T18:00:00
reminders_max = 3
days_between_min = 7

[questionnaire]
link = "https://enquetes.example.org/index.php/12345?token={{token}}"

[sending]
hours = "mon-fri 09:00-18:00"
working_days_only = true

[[steps]]
key = "invitation"
from = "opening"
days = 1
hour = 9
kind = "invitation"
to = "first"
misfire = "send_late"
wording = { fr = "Bonjour {{nom}}, {{titre}} : [répondre]({{lien}})", en = "Hello {{nom}}, {{titre}}: [answer]({{lien}})" }

[[steps]]
key = "relance-1"
from = "opening"
days = 28
hour = "09:30"
kind = "reminder"
to = "everyone"
only_if = "not_started"
misfire = { send_if_within_hours = 12 }
wording = """
Bonjour {{nom}}, {{collectivite}} n’a pas encore répondu : il reste {{jours_restants}} jours.

[Répondre]({{lien}}) avant le {{date_limite}}
"""

[[steps]]
key = "relance-commencee"
from = "opening"
days = 28
hour = 10
kind = "reminder"
to = "everyone"
only_if = "started"
misfire = "skip"
wording = "Bonjour {{nom}}, votre réponse est commencée : [la terminer]({{lien}})"

[[steps]]
key = "adjoint"
from = "deadline"
days = -14
hour = 9
kind = "invitation"
to = "deputy"
wording = "Bonjour {{nom}}, {{collectivite}} n’a pas répondu : [répondre]({{lien}})"

[[steps]]
key = "derniere"
from = "deadline"
days = -3
hour = 9
kind = "reminder"
to = "first"
misfire = "skip"
wording = "Dernier rappel : [répondre]({{lien}}) avant le {{date_limite}}"

[[steps]]
key = "silence"
from = "deadline"
days = -7
hour = 8
kind = "reminder"
to = "organisers"
wording = "{{silencieuses}} sur {{total}} n’ont pas répondu :\n\n{{#each liste}}- {{this}}\n{{/each}}"
"#;

pub(crate) fn definition() -> Definition {
    parse(BAROMETER).unwrap()
}

/// A first contact of collectivité `number`, who can be written to and agreed to it.
pub(crate) fn somebody(number: i64) -> ContactView {
    let kind = CollectiviteKind::Commune;
    ContactView {
        id: ContactId(uuid::Uuid::from_u128(number.unsigned_abs().into())),
        number,
        external_id: Some(format!("contact-{number}")),
        name: Some(format!("Contact {number}")),
        locale: None,
        time_zone: None,
        quiet_hours: None,
        collectivite: Some(Collectivite {
            id: CollectiviteId(number),
            kind,
            name: format!("Commune {number}"),
            insee: None,
            siren: None,
            population: Some(1200),
            departement: Some("44".to_owned()),
            region: Some("52".to_owned()),
        }),
        rank: Some(1),
        fields: serde_json::Map::new(),
        groups: Vec::new(),
        stopped: false,
        consents: vec![Purpose::Reminder],
        reach: Reach { last_used: Some(Platform::new("webchat")), ..Reach::default() },
    }
}
