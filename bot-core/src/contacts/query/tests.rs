use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::contacts::view::{Collectivite, CollectiviteKind, Reach};
use crate::ids::{CollectiviteId, ContactId, Platform};
use crate::locale::Locale;
use crate::plugin::Purpose;

fn nantes() -> ContactView {
    ContactView {
        id: ContactId(Uuid::nil()),
        number: 1,
        external_id: Some("m-1".to_owned()),
        name: Some("Ève Œuillet".to_owned()),
        locale: Some(Locale::Fr),
        time_zone: None,
        quiet_hours: None,
        collectivite: Some(Collectivite {
            id: CollectiviteId(1),
            kind: CollectiviteKind::Commune,
            name: "Nantes".to_owned(),
            insee: Some("44109".to_owned()),
            siren: Some("214401093".to_owned()),
            population: Some(325_070),
            departement: Some("44".to_owned()),
            region: Some("52".to_owned()),
        }),
        rank: Some(1),
        fields: json!({ "email": "eve@example.org", "score": 4.5, "since": "2026-09-01" }).as_object().unwrap().clone(),
        groups: vec!["pilotes".to_owned(), "ouest".to_owned()],
        stopped: false,
        consents: vec![Purpose::Reminder],
        reach: Reach { last_used: Some(Platform::new("matrix")), ..Reach::default() },
    }
}

fn nobody() -> ContactView {
    ContactView {
        external_id: None,
        name: None,
        locale: None,
        collectivite: None,
        rank: None,
        fields: serde_json::Map::new(),
        groups: Vec::new(),
        consents: Vec::new(),
        reach: Reach::default(),
        ..nantes()
    }
}

fn meant(query: &str) -> (bool, bool) {
    let query: Query = query.parse().unwrap_or_else(|error| panic!("{query}: {error}"));
    (query.matches(&nantes()), query.matches(&nobody()))
}

#[test]
fn the_question_of_an_organiser_is_understood() {
    let query = "type = commune and population >= 10000 and region in (52, 53) and field.email != \"\" and bound = yes \
                 and consent = reminder and rank = 1";
    assert_eq!(meant(query), (true, false));
    assert_eq!(meant(&format!("{query} and not group = \"pilotes\"")), (false, false));
}

#[test]
fn it_may_be_asked_in_french() {
    assert_eq!(meant("département = 44 et rang = 1 et non groupe = est"), (true, false));
    assert_eq!(meant("type = mairie ou joint = non"), (true, true));
    assert_eq!(meant("accord = rappel et désinscrit = non et réseau = matrix"), (true, false));
    assert_eq!(meant("nom ~ « oeuil »"), (true, false));
    assert_eq!(meant("champ.since > 2026-08-31 et champ.score >= 4.5"), (true, false));
}

#[test]
fn what_is_not_there_is_empty_and_has_no_order() {
    assert_eq!(meant("field.email = \"\""), (false, true));
    assert_eq!(meant("group = \"\""), (false, true));
    assert_eq!(meant("group != pilotes"), (false, true));
    assert_eq!(meant("population < 1 or population >= 1"), (true, false));
    assert_eq!(meant("field.email > 3"), (false, false));
    assert_eq!(meant("region = 1 or departement = 1"), (false, false));
}

#[test]
fn what_is_wrong_is_told_with_its_column() {
    let wrong = |query: &str| query.parse::<Query>().unwrap_err().to_string();
    insta::assert_snapshot!(wrong(""), @"column 1: the query ends here; write a condition, such as type = commune: id, name, collectivite, type, population, departement, region, insee, siren, rank, group, language, zone, consent, network, bound, stopped or field.NAME");
    insta::assert_snapshot!(wrong("type = village"), @"column 8: found `village`; write commune, epci, departement, region or other");
    insta::assert_snapshot!(wrong("type < commune"), @"column 6: found `<`; write =, != or in (…) after `type`");
    insta::assert_snapshot!(wrong("région in (52 53)"), @"column 15: found `53`; write `,` and another value, or `)`");
    insta::assert_snapshot!(wrong("(type = commune"), @"column 16: the query ends here; write `)`, and, or");
    insta::assert_snapshot!(wrong("group = \"pilotes"), @"column 9: this quotation mark is never closed; write `\"` after the text");
    insta::assert_snapshot!(wrong("e-mail = x"), @"column 1: found `e-mail`; write id, name, collectivite, type, population, departement, region, insee, siren, rank, group, language, zone, consent, network, bound, stopped or field.NAME");
    insta::assert_snapshot!(wrong("bound = maybe"), @"column 9: found `maybe`; write yes or no");
    insta::assert_snapshot!(wrong("type = commune rank = 1"), @"column 16: found `rank`; write and, or, or nothing more");
    insta::assert_snapshot!(wrong("name = a; drop"), @"column 9: `;` has no meaning here; write texts with such signs between quotation marks");
    assert!(wrong(&"(".repeat(40)).contains("at most 32 conditions"));
    assert!(wrong(&"not ".repeat(900)).contains("at most 32 conditions"));
    assert!(wrong(&"x".repeat(5000)).contains("more than 4000 bytes"));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé]{1,6}", "[ a-z\"\\\\«»(),=]{0,8}", Just("and".to_owned()), Just("pilotes".to_owned())]
}

fn test() -> impl Strategy<Value = Query> {
    let number = (0..400_000_u32).prop_map(|number| number.to_string());
    let named = prop_oneof![Just(Key::Name), Just(Key::Group), Just(Key::Field("email".to_owned()))];
    prop_oneof![
        (named.clone(), text()).prop_map(|(key, value)| Test { key, comparison: Comparison::Equal(value) }),
        (named.clone(), text()).prop_map(|(key, value)| Test { key, comparison: Comparison::NotEqual(value) }),
        (named, proptest::collection::vec(text(), 1..4))
            .prop_map(|(key, values)| Test { key, comparison: Comparison::In(values) }),
        text().prop_map(|value| Test { key: Key::Name, comparison: Comparison::Contains(value) }),
        number.clone().prop_map(|value| Test { key: Key::Population, comparison: Comparison::Less(value) }),
        number.prop_map(|value| Test { key: Key::Population, comparison: Comparison::GreaterOrEqual(value) }),
        prop_oneof![Just("yes"), Just("no")]
            .prop_map(|value| Test { key: Key::Bound, comparison: Comparison::Equal(value.to_owned()) }),
    ]
    .prop_map(Query::Test)
}

fn query() -> impl Strategy<Value = Query> {
    test().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Query::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Query::Or),
            inner.prop_map(|query| Query::Not(Box::new(query))),
        ]
    })
}

fn contact() -> impl Strategy<Value = ContactView> {
    (proptest::option::of(text()), proptest::collection::vec(text(), 0..3), proptest::option::of(0..400_000_u32))
        .prop_map(|(name, groups, population)| {
            let mut contact = nantes();
            (contact.name, contact.groups) = (name, groups);
            contact.collectivite = contact.collectivite.map(|body| Collectivite { population, ..body });
            contact
        })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_to_the_same(query in query()) {
        let printed = query.to_string();
        prop_assert_eq!(printed.parse::<Query>(), Ok(query), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "[a-z=!<>~(),\"\\\\« »é.0-9]{0,60}") {
        let _ = text.parse::<Query>();
    }

    #[test]
    fn not_both_is_one_of_them_not(one in query(), other in query(), contact in contact()) {
        let not = |query: &Query| Query::Not(Box::new(query.clone()));
        let both = not(&Query::And(vec![one.clone(), other.clone()]));
        prop_assert_eq!(both.matches(&contact), Query::Or(vec![not(&one), not(&other)]).matches(&contact));
        let either = not(&Query::Or(vec![one.clone(), other.clone()]));
        prop_assert_eq!(either.matches(&contact), Query::And(vec![not(&one), not(&other)]).matches(&contact));
    }
}
