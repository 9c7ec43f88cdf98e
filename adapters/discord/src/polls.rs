//! Native polls: closed here, and counted from what Discord says (docs: Poll Resource).

use std::collections::HashSet;

use bot_core::adapter::{ConversationRef, PollCounts, RemoteIds, Verdict};
use reqwest::Method;
use serde_json::Value;

use crate::Discord;
use crate::messages::{channel_of, message_of, not_ours};
use crate::rest::{Call, Trouble, code};

/// The most voters that Discord names at once (docs: Get Answer Voters).
const PAGE: usize = 100;

impl Discord {
    pub(crate) async fn close_and_count(
        &self,
        conversation: &ConversationRef,
        sent: &RemoteIds,
    ) -> Verdict<PollCounts> {
        let (Some(channel), Some(message)) = (channel_of(conversation), message_of(sent)) else { return not_ours() };
        match self.close_and_count_at(channel, message).await {
            Ok(Some(counts)) => Verdict::Sent(counts),
            Ok(None) => Verdict::Rejected { reason: "the message holds no poll".to_owned() },
            // Closing and counting twice does the same.
            Err(Trouble::Lost(reason)) => Verdict::Retry { reason },
            Err(trouble) => trouble.verdict(),
        }
    }

    async fn close_and_count_at(&self, channel: u64, message: u64) -> Result<Option<PollCounts>, Trouble> {
        let expire = format!("/polls/{message}/expire");
        let closed = self.rest.call(Call::on_channel(Method::POST, "POST expire", channel, &expire)).await;
        let message_now = match closed {
            Err(Trouble::Refused { code: code::POLL_EXPIRED, .. }) => {
                let path = format!("/messages/{message}");
                self.rest.call(Call::on_channel(Method::GET, "GET message", channel, &path)).await?
            }
            closed => closed?,
        };
        let poll = &message_now["poll"];
        let Some(answers) = poll["answers"].as_array() else { return Ok(None) };
        // The ids of answers follow no rule that we may rely on; their order is the one they were asked in.
        let answers: Vec<u64> = answers.iter().filter_map(|answer| answer["answer_id"].as_u64()).collect();
        let several = poll["allow_multiselect"] == true;
        if let Some(options) = finished_counts(poll, &answers)
            && !several
        {
            let voters = options.iter().sum();
            return Ok(Some(PollCounts { options, voters: Some(voters) }));
        }
        // Discord counts in its own time, and counts no people: the voters are named, and only their number is kept.
        let (mut options, mut people) = (Vec::new(), HashSet::new());
        for answer in answers {
            let voters = self.voters(channel, message, answer).await?;
            options.push(u32::try_from(voters.len()).unwrap_or(u32::MAX));
            people.extend(voters);
        }
        let voters = u32::try_from(people.len()).ok();
        Ok(Some(PollCounts { options, voters }))
    }

    async fn voters(&self, channel: u64, message: u64, answer: u64) -> Result<HashSet<u64>, Trouble> {
        let (mut voters, mut after) = (HashSet::new(), 0u64);
        loop {
            let path = format!("/polls/{message}/answers/{answer}?after={after}&limit={PAGE}");
            let page = self.rest.call(Call::on_channel(Method::GET, "GET voters", channel, &path)).await?;
            let users = page["users"].as_array().map(Vec::as_slice).unwrap_or_default();
            let ids = users.iter().filter_map(|user| user["id"].as_str().and_then(crate::snowflake::parse));
            let before = voters.len();
            voters.extend(ids);
            after = voters.iter().copied().max().unwrap_or_default();
            if users.len() < PAGE || voters.len() == before {
                return Ok(voters);
            }
        }
    }
}

/// The final counts in the order of the answers; an answer that is not listed has none. `None` while Discord still
/// counts: until then its figures may be off.
fn finished_counts(poll: &Value, answers: &[u64]) -> Option<Vec<u32>> {
    let results = &poll["results"];
    if results["is_finalized"] != true {
        return None;
    }
    let counts = results["answer_counts"].as_array()?;
    let count = |answer: &u64| {
        let found = counts.iter().find(|count| count["id"].as_u64() == Some(*answer));
        found.and_then(|count| count["count"].as_u64()).and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
    };
    Some(answers.iter().map(count).collect())
}
