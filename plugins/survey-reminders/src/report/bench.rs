//! Facts and bodies for the tests of this report.

use bot_core::Wording;
use bot_core::contacts::CollectiviteKind;
use proptest::prelude::*;

use super::bodies::{Body, Reminding};
use super::facts::{Facts, MessageCount, MessagesTo, Respondent, StepFacts, Strata, WishCount};
use super::funnel::Progress;
use super::reference::{Reference, ReferenceBody};
use super::strata::Region;
use crate::definition::{Rung, StepKind};
use crate::store::{CampaignId, MessageState, RespondentKey, RespondentState, State};

pub(crate) fn step(key: &str, kind: StepKind, to: Rung) -> StepFacts {
    StepFacts { key: key.to_owned(), kind, to }
}

/// A campaign with three steps, and nobody in it.
pub(crate) fn facts() -> Facts {
    Facts {
        campaign: CampaignId(1),
        slug: "barometre-2026".to_owned(),
        title: Wording { fr: "Baromètre <2026>".to_owned(), en: Some("Barometer <2026>".to_owned()) },
        state: State::Approved,
        opens_at: "2026-09-01T06:00:00Z".parse().unwrap(),
        deadline: "2026-10-15T16:00:00Z".parse().unwrap(),
        read_at: "2026-09-20T08:30:00Z".parse().unwrap(),
        redirect: false,
        steps: vec![
            step("invitation", StepKind::Invitation, Rung::First),
            step("relance-1", StepKind::Reminder, Rung::Everyone),
            step("appel", StepKind::Reminder, Rung::Organisers),
        ],
        messages: Vec::new(),
        respondents: Vec::new(),
        wishes: Vec::new(),
        messages_to_organisers: 0,
        unmatched_news: 0,
    }
}

/// A silent commune to which nothing was planned.
pub(crate) fn respondent(number: i64) -> Respondent {
    Respondent {
        key: RespondentKey::Collectivite(number),
        facts: Strata {
            kind: Some("commune".to_owned()),
            name: Some(format!("Commune {number}")),
            ..Strata::default()
        },
        state: RespondentState::Silent,
        declared: false,
        contacts: 1,
        opened: false,
        wants_quiet: false,
        messages: MessagesTo::default(),
        answered_after: None,
    }
}

/// Nantes (by SIREN and INSEE code), Rennes (by INSEE code), Bretagne, and a commune that nobody asked.
pub(crate) fn reference() -> Reference {
    let body = |kind, name: &str, insee: Option<&str>, siren: Option<&str>, population, region: &str| ReferenceBody {
        kind,
        name: name.to_owned(),
        insee: insee.map(str::to_owned),
        siren: siren.map(str::to_owned),
        population,
        region: Some(region.to_owned()),
    };
    let commune = CollectiviteKind::Commune;
    Reference {
        bodies: vec![
            body(commune, "Nantes", Some("44109"), Some("214401093"), Some(325_070), "52"),
            body(commune, "Rennes", Some("35238"), None, Some(225_081), "53"),
            body(CollectiviteKind::Region, "Bretagne", Some("53"), None, Some(3_394_567), "53"),
            body(commune, "Trifouilly", Some("35999"), None, None, "53"),
        ],
    }
}

fn any_strata() -> impl Strategy<Value = Strata> {
    let siren = prop_oneof![3 => Just(None), 1 => Just(Some("214401093".to_owned()))];
    let insee = proptest::option::of(prop::sample::select(vec!["44109", "35238", "53", "01004"]));
    let kind = proptest::option::of(prop::sample::select(vec!["commune", "epci", "departement", "region", "other"]));
    let region = proptest::option::of(prop::sample::select(vec!["52", "53", "94", "01"]));
    let population = proptest::option::of(prop::sample::select(vec![0, 1_999, 2_000, 49_999, 50_000, 100_000]));
    let name = proptest::option::of("[A-Za-zéè=+;\"-]{1,12}");
    (siren, insee, kind, region, population, name).prop_map(|(siren, insee, kind, region, population, name)| Strata {
        siren,
        insee: insee.map(str::to_owned),
        kind: kind.map(str::to_owned),
        region: region.map(str::to_owned),
        population,
        name,
        departement: None,
    })
}

/// Whatever rows there may be. Messages are drawn for each respondent, and counted by step as the database does.
pub(crate) fn any_facts() -> impl Strategy<Value = Facts> {
    let steps = prop::sample::select(vec!["invitation", "relance-1", "appel", "disparue"]);
    let reason = prop::sample::select(vec![None, Some("answered"), Some("no_consent"), Some("")]);
    let message = (steps.clone(), prop::sample::select(MessageState::ALL), reason);
    let after = proptest::option::of(prop_oneof![Just(String::new()), steps.prop_map(str::to_owned)]);
    let state = prop::sample::select(RespondentState::ALL);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), 0u32..3);
    let one = (any_strata(), state, flags, after, proptest::collection::vec(message, 0..4));
    (proptest::collection::vec(one, 0..30), any::<bool>()).prop_map(|(ones, redirect)| {
        let mut facts = Facts { redirect, ..facts() };
        for ((strata, state, (declared, opened, wants_quiet, contacts), answered_after, messages), number) in
            ones.into_iter().zip(1..)
        {
            let mut to = MessagesTo::default();
            for (step, state, reason) in messages {
                facts.messages.push(MessageCount {
                    step: step.to_owned(),
                    state,
                    reason: reason.map(str::to_owned),
                    count: 1,
                });
                if step == "appel" {
                    facts.messages_to_organisers += 1;
                    continue;
                }
                to.planned += 1;
                match state {
                    MessageState::Sent => to.sent += 1,
                    MessageState::Unknown => to.unknown += 1,
                    MessageState::Waiting | MessageState::Handed => to.to_come += 1,
                    MessageState::Cancelled => to.cancelled += 1,
                    _ => {}
                }
            }
            let declared = declared && state == RespondentState::Answered;
            facts.respondents.push(Respondent {
                facts: strata,
                state,
                declared,
                contacts,
                opened,
                wants_quiet,
                messages: to,
                answered_after,
                ..respondent(number)
            });
        }
        facts
    })
}

pub(crate) fn any_bodies() -> impl Strategy<Value = Vec<Body>> {
    let kind = proptest::option::of(prop::sample::select(&CollectiviteKind::ALL[..]));
    let population = proptest::option::of(prop::sample::select(vec![10, 1_500, 2_000, 60_000, 100_000]));
    let region = proptest::option::of(prop::sample::select(vec!["52", "53", "94"]));
    let progress = proptest::option::of(prop::sample::select(&Progress::ALL[..]));
    let one = (kind, population, region, any::<bool>(), progress, 0u32..4, any::<bool>());
    proptest::collection::vec(one, 0..40).prop_map(|ones| {
        let mut bodies = Vec::new();
        for (index, (kind, population, region, counted, progress, messages, reminded)) in ones.into_iter().enumerate() {
            let open =
                progress.is_some_and(|progress: Progress| !progress.is_answered() && progress != Progress::Refused);
            bodies.push(Body {
                // So that the order by code is another one than that of the list.
                code: format!("{:03}", (index * 37) % 101),
                name: format!("Collectivité {index}"),
                kind,
                population,
                region: region.and_then(Region::read),
                counted: counted || progress.is_none(),
                progress,
                messages,
                reminding: match (open, reminded) {
                    (false, _) => Reminding::No,
                    (true, true) => Reminding::InChat,
                    (true, false) => Reminding::Otherwise,
                },
            });
        }
        bodies
    })
}

/// A small report with something in every table.
pub(crate) fn told() -> super::Report {
    let mut facts = Facts { redirect: true, unmatched_news: 1, ..facts() };
    let count = |step: &str, state, reason: Option<&str>, count| MessageCount {
        step: step.to_owned(),
        state,
        reason: reason.map(str::to_owned),
        count,
    };
    facts.messages = vec![
        count("appel", MessageState::Waiting, None, 1),
        count("invitation", MessageState::Sent, None, 2),
        count("invitation", MessageState::Unknown, Some("outbox"), 1),
        count("relance-1", MessageState::Cancelled, Some("answered"), 1),
        count("relance-1", MessageState::Sent, None, 1),
        count("relance-1", MessageState::Waiting, Some("calendar"), 1),
    ];
    facts.messages_to_organisers = 1;
    facts.wishes = vec![WishCount { kind: "later".to_owned(), times: 3, people: 2 }];
    let messages =
        |planned, sent, unknown, to_come, cancelled| MessagesTo { planned, sent, unknown, to_come, cancelled };
    let mut nantes = respondent(1);
    nantes.facts.siren = Some("214401093".to_owned());
    (nantes.state, nantes.answered_after) = (RespondentState::Answered, Some("invitation".to_owned()));
    nantes.messages = messages(2, 1, 0, 0, 1);
    let mut rennes = respondent(2);
    rennes.facts.insee = Some("35238".to_owned());
    (rennes.opened, rennes.messages) = (true, messages(2, 1, 1, 0, 0));
    let mut bretagne = respondent(3);
    (bretagne.facts.kind, bretagne.facts.insee) = (Some("region".to_owned()), Some("53".to_owned()));
    bretagne.facts.name = Some("=Région <Bretagne>".to_owned());
    bretagne.messages = messages(2, 1, 0, 1, 0);
    let mut elsewhere = respondent(4);
    (elsewhere.state, elsewhere.declared, elsewhere.answered_after) =
        (RespondentState::Answered, true, Some(String::new()));
    facts.respondents = vec![nantes, rennes, bretagne, elsewhere];
    super::Report::of(&facts, Some(&reference()), chrono_tz::Europe::Paris, 10)
}
