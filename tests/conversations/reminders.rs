//! A campaign of reminders, from the list of contacts to the report: with a file, a clock that moves, and people.

use bot_core::contacts::ContactSet;
use bot_core::people::invitation;
use chrono::{DateTime, TimeDelta, Utc};
use survey_reminders::operations::{self, Kind};
use survey_reminders::store::{MessageState, RespondentState};

use crate::citizen::Citizen;
use crate::town::Crieur;

/// Two of one commune, one of another, as a French spreadsheet writes them.
const CONTACTS: &str = "identifiant;nom;collectivité;type;code insee;population;rang\r\n\
    c1;Claire Martin;Nantes;commune;44109;320732;1\r\n\
    c2;Paul Le Goff;Nantes;commune;44109;320732;2\r\n\
    c3;Zoé Petit;Saint-Denis;commune;97411;153810;1\r\n";

/// An invitation on Tuesday the 8th, a reminder two weeks later to everybody, a last one to the first contact.
const CAMPAIGN: &str = r#"slug = "barometre-2026"
title = { fr = "Baromètre 2026", en = "Barometer 2026" }
sender = "L’équipe de l’observatoire"
to = "everyone"
opens_at = 2026-09-07T09:00:00
deadline = 2026-11-13T18:00:00
reminders_max = 2
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
wording = "Bonjour {{nom}}, merci de répondre pour {{collectivite}} : [le questionnaire]({{lien}})"

[[steps]]
key = "relance"
from = "opening"
days = 15
hour = 10
kind = "reminder"
to = "everyone"
wording = "Bonjour {{nom}}, {{collectivite}} n’a pas encore répondu : [répondre]({{lien}})"

[[steps]]
key = "derniere"
from = "deadline"
days = -3
hour = 9
kind = "reminder"
to = "first"
wording = "Dernier rappel pour {{collectivite}} : [répondre]({{lien}})"
"#;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A town whose three contacts have come by their invitations, and whose campaign is approved.
async fn town() -> (Crieur, [Citizen; 3]) {
    let crieur = Crieur::starts().await;
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    // As Excel saves it in France.
    std::fs::write(file.path(), encoded(CONTACTS)).unwrap();
    let imported = crieur.command(&["contacts", "import", file.path().to_str().unwrap(), "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert!(imported.status.success(), "{told:#}");
    assert_eq!((&told["created"], &told["collectivites_created"]), (&3.into(), &2.into()), "{told:#}");

    let codes = codes(&crieur).await;
    let mut people = crieur.citizens(3).await;
    for ((code, name), person) in codes.iter().zip(&mut people) {
        person.says(&format!("/invitation {code}")).await;
        person.hears(&format!("Êtes-vous {name}")).await;
        person.taps("Oui, c’est moi").await;
        person.hears("C’est fait, merci !").await;
    }
    let summary = crieur
        .operates_as("survey-reminders", async |cx| {
            let campaign = operations::create(cx, CAMPAIGN, "claire").await?;
            let name = operations::propose(cx, campaign.id, Kind::Whole).await?.name();
            operations::approve(cx, campaign.id, Kind::Whole, &name, "paul").await
        })
        .await;
    assert_eq!(summary.messages, 7, "two invitations, three reminders, two last ones");
    let people: Result<[Citizen; 3], _> = people.try_into();
    (crieur, people.unwrap_or_else(|_| unreachable!("there are three")))
}

/// In Windows-1252.
fn encoded(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// Each contact's code and name, by identifier.
async fn codes(crieur: &Crieur) -> Vec<(String, String)> {
    let mut connection = crieur.database.pool().acquire().await.unwrap();
    let (organisation, now, everyone) = (crieur.organisation(), crieur.clock.now(), ContactSet::Everyone);
    let life = TimeDelta::days(60);
    let issued = invitation::issue(&mut connection, organisation.view.id, now, &everyone, life).await.unwrap();
    assert_eq!(issued.issued, 3);
    let mut entries = invitation::entries(&mut connection, organisation, &[], now, &everyone).await.unwrap();
    entries.sort_by(|one, other| one.invited.external_id.cmp(&other.invited.external_id));
    entries.into_iter().map(|entry| (entry.code.clone(), entry.invited.name.clone().unwrap())).collect()
}

pub async fn moves_to(crieur: &Crieur, moment: &str) {
    crieur.clock.set(at(moment));
    crieur.quiet().await;
    // What stood in the outbox is asked for a minute later.
    crieur.clock.advance(TimeDelta::minutes(2));
    crieur.quiet().await;
}

/// How often somebody was written to with these words.
pub async fn times(person: &mut Citizen, words: &str) -> usize {
    person.sees_everything().await.iter().filter(|message| message.text.contains(words)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_reminds_until_a_commune_has_answered_and_never_after() {
    let (crieur, [mut claire, mut paul, mut zoe]) = town().await;
    // Two in the night: nobody is written to before nine, and on La Réunion nine comes two hours earlier.
    moves_to(&crieur, "2026-09-08T04:00:00Z").await;
    assert_eq!(times(&mut zoe, "merci de répondre pour Saint-Denis").await, 0);
    moves_to(&crieur, "2026-09-08T05:30:00Z").await;
    zoe.hears("Bonjour Zoé Petit, merci de répondre pour Saint-Denis").await;
    assert_eq!(times(&mut claire, "merci de répondre").await, 0);
    moves_to(&crieur, "2026-09-08T07:30:00Z").await;
    let invited = claire.hears("Bonjour Claire Martin, merci de répondre pour Nantes").await;
    assert!(invited.buttons.iter().any(|button| button.label == "Déjà répondu"), "{invited:?}");
    assert_eq!(times(&mut paul, "merci de répondre").await, 0, "the deputy is not asked first");

    // Zoé wants it later; the reminder of the 22nd waits for her, and for nobody else.
    zoe.taps("Me le rappeler plus tard").await;
    zoe.taps("Une autre date").await;
    zoe.says("30/09").await;
    zoe.hears("C’est noté").await;
    moves_to(&crieur, "2026-09-22T09:00:00Z").await;
    paul.hears("Bonjour Paul Le Goff, Nantes n’a pas encore répondu").await;
    claire.hears("Bonjour Claire Martin, Nantes n’a pas encore répondu").await;
    assert_eq!(times(&mut zoe, "n’a pas encore répondu").await, 0);
    moves_to(&crieur, "2026-09-30T09:00:00Z").await;
    zoe.hears("Bonjour Zoé Petit, Saint-Denis n’a pas encore répondu").await;

    // The deputy says that Nantes has answered: from then on nobody there is reminded.
    paul.taps("Déjà répondu").await;
    paul.hears("a déjà répondu").await;
    crieur.quiet().await;
    moves_to(&crieur, "2026-11-10T10:00:00Z").await;
    zoe.hears("Dernier rappel pour Saint-Denis").await;
    for person in [&mut claire, &mut paul] {
        assert_eq!(times(person, "Dernier rappel").await, 0);
    }
    moves_to(&crieur, "2026-11-13T18:00:00Z").await;
    let summary = crieur
        .operates_as("survey-reminders", async |cx| {
            let campaign = operations::show(cx, "barometre-2026").await?;
            Ok::<_, operations::OperationError>(operations::summary(cx, &campaign).await?)
        })
        .await;
    assert_eq!(summary.messages.get(&MessageState::Sent), Some(&6), "{:?}", summary.messages);
    assert_eq!(summary.messages.values().sum::<i64>(), 7, "{:?}", summary.messages);
    assert_eq!(summary.respondents.get(&RespondentState::Answered), Some(&1));

    let mut organiser = crieur.organiser().await;
    organiser.says("/campagnes barometre-2026").await;
    organiser.hears("Baromètre 2026").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_reminders_on_the_spot_and_a_crash_sends_none_twice() {
    let (mut crieur, [mut claire, _, mut zoe]) = town().await;
    moves_to(&crieur, "2026-09-08T07:30:00Z").await;
    claire.hears("merci de répondre pour Nantes").await;
    claire.says("STOP").await;
    claire.hears("je ne vous écrirai plus en premier").await;
    crieur.clock.set(at("2026-09-22T09:00:00Z"));
    crieur.crash_and_restart().await;
    crieur.settles().await;
    assert_eq!(times(&mut claire, "n’a pas encore répondu").await, 0);
    assert_eq!(times(&mut zoe, "n’a pas encore répondu").await, 1);
    assert_eq!(times(&mut zoe, "merci de répondre").await, 1);
}
