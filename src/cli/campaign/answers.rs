//! `campaign answers`: answers that match nobody, matched by hand or dismissed, and what was answered in chat as a
//! file.

use std::process::ExitCode;

use bot_core::ids::PluginId;
use bot_core::plugin::Context;
use clap::Subcommand;
use serde_json::json;
use survey_reminders::answers::{self, NewsId};
use survey_reminders::operations;
use survey_reminders::store::CampaignId;

use super::answers_export::{self, ExportArguments};
use crate::cli::arguments::PlaceArguments;
use crate::cli::operator::Operator;
use crate::cli::output::{Output, moment, table};

#[derive(Subcommand, Debug)]
pub(in crate::cli) enum AnswersCommand {
    /// List answers that match nobody, each with the reason
    #[command(after_help = "Example:\n  crieur campaign answers list barometre-2026")]
    List {
        /// The campaign, by name or number
        campaign: String,
    },
    /// Say whose answer it is
    #[command(after_help = "Example:\n  crieur campaign answers match barometre-2026 3 44109")]
    Match {
        /// The campaign, by name or number
        campaign: String,
        /// Its number in the list
        answer: i64,
        /// The respondent: a token, an INSEE code, a SIREN number, or its key (c12)
        whose: String,
    },
    /// Say that an answer belongs to nobody
    #[command(after_help = "Example:\n  crieur campaign answers dismiss barometre-2026 3")]
    Dismiss {
        /// The campaign, by name or number
        campaign: String,
        /// Its number in the list
        answer: i64,
    },
    /// Export what was answered in chat, as LimeSurvey exports responses
    #[command(after_help = "Examples:\n  crieur campaign answers export barometre-2026 --csv answers.csv\n  \
                      crieur campaign answers export barometre-2026 --format limesurvey --labels > answers.csv")]
    Export(ExportArguments),
}

pub(super) async fn run(place: &PlaceArguments, command: AnswersCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        AnswersCommand::Export(arguments) => return answers_export::run(place, &arguments, output).await,
        AnswersCommand::List { campaign } => {
            let listed = perform(place, &campaign, async |cx, id| Ok(answers::unmatched(cx, id).await?)).await?;
            output.answer(&listed, || {
                let rows = listed.iter().map(|one| {
                    let keys = [("token", &one.keys.token), ("insee", &one.keys.insee), ("siren", &one.keys.siren)];
                    let keys = keys.iter().filter_map(|(name, key)| key.as_ref().map(|key| format!("{name} {key}")));
                    [
                        one.number.to_string(),
                        one.source.clone(),
                        one.completeness.clone(),
                        one.answered_at.map_or_else(|| moment(one.heard_at), moment),
                        keys.collect::<Vec<_>>().join(", "),
                        one.why.to_string(),
                    ]
                });
                table(["number", "source", "answer", "when", "by", "why"], rows, "Every answer is somebody's.")
            })?;
        }
        AnswersCommand::Match { campaign, answer, whose } => {
            let matched = perform(place, &campaign, async |cx, id| {
                Ok(answers::match_by_hand(cx, id, NewsId(answer), &whose).await?)
            });
            let key = matched.await?;
            output.answer(&json!({ "number": answer, "respondent": key }), || {
                format!("Answer {answer} is that of {key}.")
            })?;
        }
        AnswersCommand::Dismiss { campaign, answer } => {
            perform(place, &campaign, async |cx, id| Ok(answers::dismiss(cx, id, NewsId(answer)).await?)).await?;
            output
                .answer(&json!({ "number": answer, "dismissed": true }), || format!("Answer {answer} is dismissed."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn perform<T>(
    place: &PlaceArguments,
    campaign: &str,
    work: impl AsyncFnOnce(&mut Context, CampaignId) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let plugin: PluginId = "survey-reminders".parse()?;
    let all = async |cx: &mut Context| {
        let id = operations::show(cx, campaign).await?.id;
        work(cx, id).await
    };
    Operator::run(place, async |operator| operator.perform(&plugin, all).await).await
}
