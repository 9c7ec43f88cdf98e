//! The demonstration: an organisation with consultations to answer, a closed one to read, and a digest.

use anyhow::Context as _;
use bot_core::ids::{ContactId, PluginId};
use bot_core::plugin::{AddressDigest, Context, HandlerError, KnownAddress};
use bot_core::service::DEFAULT_ORGANISATION;
use micro_consultations::answer::{Answer, Answers};
use micro_consultations::ballot::{self, CastOutcome, Paper, Voter};
use micro_consultations::definition_file::{DefinitionError, parse};
use micro_consultations::operations::{self, OperationError};
use micro_consultations::store::Consultation;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};

use crate::App;

pub const TITLE: &str = "Observatoire de la démocratie locale – démonstration";

const CLOSED: &str = include_str!("barometre-2016.toml");
/// Of a hundred made-up ballots, how many choose each option. The published percentages (edition 2016) are 80.1 %
/// yes, 51 % satisfied or very satisfied, and 34 % yes; the rest is spread freely.
const SHARES: [&[u8]; 3] = [&[80, 12, 8], &[14, 35, 40, 11], &[34, 66]];
const BALLOTS: usize = 100;

/// Why the demonstration could not be filled.
#[derive(Debug, thiserror::Error)]
enum SeedError {
    #[error("a consultation of the demonstration is wrong: {0}")]
    Definition(#[from] DefinitionError),
    #[error("{0}")]
    Operation(#[from] OperationError),
    #[error("{0}")]
    Handler(#[from] HandlerError),
    #[error("a ballot of the demonstration was not taken ({0:?})")]
    NotTaken(CastOutcome),
}

/// Fills an organisation that has no consultation or no digest yet, each all at once or not at all. A second start keeps
/// what is there.
pub(crate) async fn seed(app: &App) -> anyhow::Result<()> {
    let core = app.core();
    let organisation = core
        .organisations()
        .find(|organisation| organisation.name == DEFAULT_ORGANISATION)
        .context("there is no organisation to fill")?;
    let plugin: PluginId = "micro-consultations".parse()?;
    core.perform(organisation, &plugin, fill).await?.context("the demonstration could not be filled")?;
    // What the consultations told of themselves arrives before the edition that tells of them is drafted.
    app.service().quiet().await?;
    let plugin: PluginId = "barometer-digests".parse()?;
    let filled = core.perform(organisation, &plugin, barometer_digests::demo::fill).await?;
    filled.context("the digest of the demonstration could not be filled")
}

async fn fill(cx: &mut Context) -> Result<(), SeedError> {
    let organisation = cx.organisation.id;
    if !operations::list(cx.sql(), organisation).await?.is_empty() {
        return Ok(());
    }
    let closed = operations::create(cx, parse(CLOSED)?).await?;
    let closed = operations::open(cx, closed.id).await?;
    vote(cx, &closed).await?;
    operations::close(cx, closed.id).await?;
    for definition in micro_consultations::demo::definitions()? {
        let consultation = operations::create(cx, definition).await?;
        operations::open(cx, consultation.id).await?;
    }
    Ok(())
}

/// Casts the made-up ballots, each by a participant of its own.
async fn vote(cx: &mut Context, consultation: &Consultation) -> Result<(), SeedError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let mut random = StdRng::from_rng(&mut cx.random);
    let rating = |question: usize| question == 1;
    let mut columns: Vec<Vec<Answer>> = Vec::new();
    for (question, shares) in SHARES.into_iter().enumerate() {
        let mut column = Vec::new();
        for (option, &share) in (0u8..).zip(shares) {
            let answer = if rating(question) { Answer::Rating(option) } else { Answer::Single(option) };
            column.extend(std::iter::repeat_n(answer, share.into()));
        }
        column.shuffle(&mut random);
        columns.push(column);
    }
    for index in 0..BALLOTS {
        let answers = Answers(columns.iter().map(|column| column.get(index).cloned()).collect());
        let mut digest = [0; 32];
        random.fill_bytes(&mut digest);
        let assurances = [bot_core::adapter::Assurance::Session, bot_core::adapter::Assurance::Account];
        let address = KnownAddress { digest: AddressDigest(digest), assurance: assurances[index % 2] };
        let voter = Voter { contact: ContactId(uuid::Uuid::from_u128(random.random())), addresses: vec![address] };
        let paper = Paper { answers: &answers, consent: None };
        let outcome = ballot::cast(cx.sql(), &mut random, organisation, consultation, &voter, paper, now).await?;
        if outcome != CastOutcome::Recorded {
            return Err(SeedError::NotTaken(outcome));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_answered_by_a_hundred() {
        let definition = parse(CLOSED).unwrap();
        assert_eq!(definition.questions.len(), SHARES.len());
        for (question, shares) in definition.questions.iter().zip(SHARES) {
            assert_eq!(question.kind.labels().len(), shares.len());
            assert_eq!(shares.iter().map(|&share| usize::from(share)).sum::<usize>(), BALLOTS);
        }
    }
}
