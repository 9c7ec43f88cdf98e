//! Groups, channels and rooms: what is told there, and what is counted there.

use crate::person::{Person, Room};
use crate::town::{Everywhere, LIBRARY, MARKET};

const EVENING: &str = r#"kind = "pulse"
slug = "ouverture-du-soir"
duration_hours = 48
question = "Faut-il ouvrir la médiathèque le soir ?"
options = ["Oui", "Non", "Sans avis"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_room_hears_and_answers_are_given_in_private() {
    let Some(town) = Everywhere::starts().await else { return };
    town.opens("place-du-marche", MARKET);
    town.opens("mediatheque", LIBRARY);
    let organisers = town.people(7001, "canary_zoe").await;
    let voters = town.people(7002, "canary_ana").await;
    let rooms = town.gathers(&organisers, &voters).await;
    let mut announce = vec!["consultation", "announce", "place-du-marche"];
    announce.extend(rooms.iter().flat_map(|(_, number)| ["--room", number.as_str()]));
    town.program.operates(&announce);
    assert_eq!(town.program.runs(&announce).status.code(), Some(1), "once a room");

    for (before, ((organiser, mut voter), (room, _))) in (0..).zip(organisers.iter().zip(voters).zip(&rooms)) {
        println!("On {}", organiser.network());
        let mut in_room = voter.within(room);
        let announcement = in_room.hears("« La place du marché »").await;
        assert!(announcement.text.contains("Les réponses se donnent en message privé"), "{}", announcement.text);

        town.program.operates(&["roles", "grant", "organiser", &organiser.address()]);
        let mut organiser = organiser.within(room);
        organiser.calls("annoncer", "mediatheque").await;
        organiser.hears("« La médiathèque »").await;
        organiser.calls("annoncer", "mediatheque").await;
        organiser.hears("déjà été annoncée").await;
        in_room.calls("annoncer", "mediatheque").await;
        in_room.hears("Cette commande n’est pas disponible ici").await;

        if organiser.network() == "matrix" {
            // No buttons there, and a number in a room answers nothing: the words beside the link do.
            in_room.says("1").await;
            assert!(announcement.text.contains("/repondre place-du-marche"), "{}", announcement.text);
            voter.says("/repondre place-du-marche").await;
        } else {
            let answer = announcement.buttons.iter().find(|button| button.label == "Répondre").unwrap();
            in_room.presses(answer).await;
            let goes_on = in_room.hears("la suite se passe en message privé").await;
            // Telegram lets no bot write first to somebody who never wrote to it.
            if organiser.network() == "telegram" {
                let link = "https://t.me/TrifouillyBot?start=repondre-place-du-marche";
                assert_eq!((&goes_on.links, &announcement.links), (&vec![link.to_owned()], &vec![link.to_owned()]));
                voter.says("/start repondre-place-du-marche").await;
            }
        }
        voter.hears("Que faire de la place").await;
        assert_eq!(town.program.ballots("place-du-marche"), before, "a press in a room is no ballot");
        voter.taps("Halle couverte").await;
        voter.taps("Déposer").await;
        voter.hears("Votre bulletin est enregistré").await;
        assert_eq!(town.program.ballots("place-du-marche"), before + 1);
        let told: String = in_room.sees().await.into_iter().map(|shown| shown.text).collect();
        assert!(!told.contains("Que faire de la place") && !told.contains("bulletin est enregistré"), "{told}");
    }
}

/// One that may be answered in a room.
fn named() -> String {
    MARKET
        .replace("place-du-marche", "la-halle")
        .replace("La place du marché", "La halle")
        .replace("\"anonymous\"", "\"named\"")
        .replace("results_from_ballots = 1\nresults_step = 1\n", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulse_on_each_network_is_counted_apart() {
    let Some(town) = Everywhere::starts().await else { return };
    town.opens("place-du-marche", MARKET);
    let mut anas = town.people(7001, "canary_ana").await;
    let mut bobs = town.people(7002, "canary_bob").await;
    anas[0].votes("Halle couverte").await;
    let rooms = town.gathers(&anas, &bobs).await;
    town.program.file("pulse.toml", EVENING);
    let mut create = vec!["pulse", "create", "pulse.toml", "--open"];
    create.extend(rooms.iter().flat_map(|(_, number)| ["--room", number.as_str()]));
    town.program.operates(&create);
    let choices = [(0, 0), (0, 1), (1, 1)];
    for ((ana, bob), ((room, _), choice)) in anas.iter().zip(&bobs).zip(rooms.iter().zip(choices)) {
        let (ana, bob) = (ana.within(room), bob.within(room));
        ana.hears("ce n’est pas un vote").await;
        ana.votes_natively("Faut-il ouvrir la médiathèque", choice.0).await;
        bob.votes_natively("Faut-il ouvrir la médiathèque", choice.1).await;
    }
    town.program.operates(&["pulse", "close", "ouverture-du-soir"]);
    for (ana, (room, _)) in anas.iter().zip(&rooms) {
        ana.within(room).hears("Résultat du sondage informel").await;
    }
    let results = town.program.asks(&["pulse", "results", "ouverture-du-soir"]);
    let expected = [("telegram", [2, 0, 0], 0), ("discord", [1, 1, 0], 1), ("matrix", [0, 2, 0], 2)];
    for (platform, votes, place) in expected {
        let counted = results["platforms"].as_array().unwrap().iter().find(|one| one["platform"] == platform).unwrap();
        assert_eq!(counted["votes"], serde_json::json!(votes), "{results:#}");
        let room = &counted["rooms"][0];
        assert_eq!(
            (room["room"].to_string(), &room["state"]),
            (rooms[place].1.clone(), &"counted".into()),
            "{results:#}"
        );
        assert_eq!(room["voters"], 2, "{results:#}");
    }
    assert_eq!(town.program.ballots("place-du-marche"), 1, "a pulse is no ballot");

    named_votes_on_matrix(&town, [&mut anas[2], &mut bobs[2]], &rooms[2]).await;
}

/// Where the network tells who voted, a named consultation takes it as a ballot, once its author agreed.
async fn named_votes_on_matrix(town: &Everywhere, [ana, bob]: [&mut Person; 2], (room, number): &(Room, String)) {
    town.opens("la-halle", &named());
    town.program.operates(&["consultation", "announce", "la-halle", "--room", number]);
    let mut ana_in_room = ana.within(room);
    let announcement = ana_in_room.hears("« La halle »").await;
    assert!(announcement.text.contains("3️⃣ Garder le parking"), "{}", announcement.text);
    ana_in_room.votes_natively("Que faire de la place", 1).await;
    bob.within(room).reacts(&announcement, "3️⃣").await;
    for person in [&mut *ana, bob] {
        person.hears("il me faut d’abord votre accord").await;
        person.taps("J’accepte").await;
        person.taps("Déposer").await;
        person.hears("Votre bulletin est enregistré").await;
    }
    assert_eq!(town.program.ballots("la-halle"), 2);
    ana_in_room.reacts(&announcement, "1️⃣").await;
    ana.hears("il remplace le précédent").await;
    assert_eq!(town.program.ballots("la-halle"), 2);
    town.program.operates(&["consultation", "close", "la-halle"]);
    let results = town.program.asks(&["consultation", "results", "la-halle"]);
    assert_eq!(results["counts"]["tally"]["questions"][0]["counts"], serde_json::json!([1, 0, 1]), "{results}");
}
