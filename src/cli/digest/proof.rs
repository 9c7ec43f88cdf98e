//! `digest proof`: whether everybody an edition was for is accounted for, here and in the outbox.

use std::process::ExitCode;

use barometer_digests::sending::proof::{self, Proof};
use barometer_digests::sending::state::DigestState;
use bot_core::Locale;

use super::perform;
use crate::cli::EXIT_FAILED;
use crate::cli::arguments::PlaceArguments;
use crate::cli::output::{Output, table};

/// Shows the sums of edition `number` as they are now. Fails where they do not come out.
pub(super) async fn run(place: &PlaceArguments, number: u32, output: Output) -> anyhow::Result<ExitCode> {
    let proof = perform(place, async |cx| proof::read(cx, number).await).await?;
    output.answer(&proof, || words(&proof))?;
    Ok(if proof.adds_up { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

fn words(proof: &Proof) -> String {
    let of = |count: Option<&u64>| count.copied().unwrap_or_default().to_string();
    let rows = DigestState::ALL.into_iter().map(|state| {
        let deliveries = match state {
            DigestState::Waiting => String::new(),
            // Whatever the outbox calls it on its way.
            DigestState::Handed => {
                let ended = |state: &str| state.parse::<DigestState>().is_ok_and(DigestState::is_final);
                let under_way = proof.deliveries_by_state.iter().filter(|(state, _)| !ended(state));
                under_way.map(|(_, count)| count).sum::<u64>().to_string()
            }
            state => of(proof.deliveries_by_state.get(state.as_str())),
        };
        let handed = if state == DigestState::Waiting { String::new() } else { of(proof.handed_by_state.get(&state)) };
        [state.to_string(), of(proof.by_state.get(&state)), handed, deliveries]
    });
    let sums = table(["state", "readers", "by the outbox", "in the outbox"], rows, "");
    let found: u64 = proof.by_state.values().sum();
    let verdict = if proof.adds_up {
        format!("It adds up: {} expected, {found} accounted for.", proof.expected)
    } else {
        let problems: Vec<String> =
            proof.problems.iter().map(|problem| format!("✗ {}", problem.words(Locale::En))).collect();
        format!("It does not add up.\n{}", problems.join("\n"))
    };
    format!("Edition {}\n\n{sums}\n\n{verdict}", proof.edition)
}

#[cfg(test)]
mod tests {
    use barometer_digests::sending::proof::Problem;

    use super::*;

    #[test]
    fn the_sums_stand_side_by_side() {
        let proof = Proof {
            edition: 12,
            expected: 9,
            by_state: [(DigestState::Handed, 1), (DigestState::Sent, 5), (DigestState::Suppressed, 2)].into(),
            handed_by_state: [(DigestState::Handed, 1), (DigestState::Sent, 5)].into(),
            deliveries_by_state: [("queued".to_owned(), 1), ("sent".to_owned(), 5)].into(),
            adds_up: false,
            problems: vec![Problem::Digests { expected: 9, found: 8 }],
        };
        insta::assert_snapshot!(words(&proof), @r"
        Edition 12

        state       readers  by the outbox  in the outbox
        waiting     0
        handed      1        1              1
        sent        5        5              5
        unknown     0        0              0
        failed      0        0              0
        expired     0        0              0
        suppressed  2        0              0
        cancelled   0        0              0

        It does not add up.
        ✗ 9 readers were expected, 8 rows are there.
        ");
    }
}
