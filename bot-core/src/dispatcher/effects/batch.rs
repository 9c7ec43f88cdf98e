//! Many messages in few statements: a campaign writes thousands of rows, and one round trip each would be most of its
//! work.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::recipients::Target;
use super::{EffectError, EffectWriter, NewDelivery};
use crate::calendar::sending::SendingRule;
use crate::ids::{ContactId, ConversationId};
use crate::message::Document;
use crate::plugin::{Outgoing, Purpose, Recipient, SEND_EACH_MAX};

/// A document with its hash.
#[derive(Clone, Copy)]
struct Hashed<'d> {
    document: &'d Document,
    hash: [u8; 32],
}

impl<'d> Hashed<'d> {
    /// Many who get the same in a row cost one hash: telling that it is the same is far cheaper than writing it out.
    fn after(before: Option<Self>, document: &'d Document) -> Self {
        match before {
            Some(before) if std::ptr::eq(before.document, document) || before.document == document => before,
            _ => Self { document, hash: document.hash() },
        }
    }
}

impl EffectWriter<'_> {
    pub(super) async fn send_each(&mut self, messages: &[Outgoing]) -> Result<(), EffectError> {
        if messages.len() > SEND_EACH_MAX {
            let many = messages.len();
            return Err(EffectError::Refused(format!("{many} messages at once: at most {SEND_EACH_MAX} are allowed")));
        }
        if messages.iter().any(|message| message.coalesce_key.is_some() || message.reveals.is_some()) {
            return Err(EffectError::Refused("messages sent together neither coalesce nor reveal a choice".to_owned()));
        }
        // Those to a person are looked up together, for each purpose and way; and so are conversations.
        let mut people: HashMap<(Purpose, bool), Vec<ContactId>> = HashMap::new();
        let mut places: Vec<ConversationId> = Vec::new();
        for message in messages {
            match message.to {
                Recipient::Contact(contact) => people.entry((message.purpose, false)).or_default().push(contact),
                Recipient::ContactElsewhere(contact) => {
                    people.entry((message.purpose, true)).or_default().push(contact);
                }
                Recipient::Conversation(conversation) => places.push(conversation),
                _ => {}
            }
        }
        let mut found: HashMap<(Purpose, bool), HashMap<ContactId, Target>> = HashMap::new();
        for ((purpose, elsewhere), contacts) in people {
            let targets = self.targets_of(&contacts, purpose, elsewhere).await?;
            found.insert((purpose, elsewhere), targets);
        }
        let places = if places.is_empty() { HashMap::new() } else { self.targets_in(&places).await? };
        let mut addressed: Vec<(&Outgoing, Target)> = Vec::with_capacity(messages.len());
        for message in messages {
            let of = |contact, elsewhere| found.get(&(message.purpose, elsewhere))?.get(&contact).cloned();
            let target = match message.to {
                Recipient::Contact(contact) => of(contact, false),
                Recipient::ContactElsewhere(contact) => of(contact, true),
                Recipient::Conversation(conversation) => places.get(&conversation).cloned(),
                _ => {
                    let targets = self.targets(message.to, message.purpose).await?;
                    addressed.extend(targets.into_iter().map(|target| (message, target)));
                    continue;
                }
            };
            addressed.extend(target.map(|target| (message, target)));
        }
        let deliveries = addressed.iter().map(|(message, target)| self.addressed(message, target)).collect();
        self.insert_many(deliveries).await
    }

    /// Writes new messages with two statements a thousand, in their order.
    pub(super) async fn insert_many(&mut self, deliveries: Vec<NewDelivery<'_>>) -> Result<(), EffectError> {
        let mut stored: HashSet<[u8; 32]> = HashSet::new();
        let mut before: Option<Hashed<'_>> = None;
        for chunk in deliveries.chunks(SEND_EACH_MAX) {
            let mut hashes = Vec::with_capacity(chunk.len());
            for delivery in chunk {
                let hashed = delivery.document.map(|document| Hashed::after(before, document));
                if let Some(Hashed { document, hash }) = hashed
                    && stored.insert(hash)
                {
                    self.store_document(document).await?;
                }
                hashes.push(hashed.map(|hashed| hashed.hash.to_vec()));
                before = hashed.or(before);
            }
            self.insert_chunk(chunk, &hashes).await?;
        }
        Ok(())
    }

    async fn insert_chunk(&mut self, chunk: &[NewDelivery<'_>], hashes: &[Option<Vec<u8>>]) -> Result<(), EffectError> {
        let text = |of: &dyn Fn(&NewDelivery<'_>) -> String| chunk.iter().map(of).collect::<Vec<String>>();
        let ids: Vec<Uuid> = chunk.iter().map(|_| self.core.random.uuid(self.now)).collect();
        let accounts: Vec<i32> = chunk.iter().map(|delivery| delivery.account).collect();
        let conversations: Vec<Option<Uuid>> = chunk.iter().map(|delivery| delivery.conversation).collect();
        let addresses: Vec<Option<i64>> = chunk.iter().map(|delivery| delivery.address).collect();
        let contacts: Vec<Option<Uuid>> = chunk.iter().map(|delivery| delivery.contact).collect();
        let scopes = text(&|delivery| delivery.scope.to_owned());
        let subjects = text(&|delivery| delivery.subject.to_owned());
        let keys: Vec<Option<String>> = chunk.iter().map(|delivery| delivery.message_key.map(str::to_owned)).collect();
        let purposes = text(&|delivery| delivery.purpose.as_str().to_owned());
        let lanes: Vec<i16> = chunk.iter().map(|delivery| delivery.lane as i16).collect();
        let due: Vec<_> = chunk.iter().map(|delivery| delivery.due_at).collect();
        let not_after: Vec<_> = chunk.iter().map(|delivery| delivery.not_after).collect();
        let rules: Vec<Option<Json<&SendingRule>>> =
            chunk.iter().map(|delivery| delivery.sending_rule.map(Json)).collect();
        let variables: Vec<Json<&Value>> = chunk.iter().map(|delivery| Json(&delivery.variables)).collect();
        let locales = text(&|delivery| delivery.locale.as_str().to_owned());
        let reports: Vec<bool> = chunk.iter().map(|delivery| delivery.report).collect();
        sqlx::query!(
            r#"
            INSERT INTO core.delivery (organisation_id, id, account_id, conversation_id, address_id, contact_id,
                plugin_id, scope, subject, kind, message_key, purpose, lane, state, due_at, not_after, sending_rule,
                document_hash, variables, locale, report, created_at)
            SELECT $1, new.id, new.account, new.conversation, new.address, new.contact, $2, new.scope, new.subject, 'send',
                new.message_key, new.purpose, new.lane, 'queued', new.due_at, new.not_after, new.rule, new.hash,
                new.variables, new.locale, new.report, $3
            FROM unnest($4::uuid[], $5::integer[], $6::uuid[], $7::bigint[], $8::uuid[], $9::text[], $10::text[],
                        $11::text[], $12::text[], $13::smallint[], $14::timestamptz[], $15::timestamptz[], $16::jsonb[],
                        $17::bytea[], $18::jsonb[], $19::text[], $20::boolean[])
                WITH ORDINALITY AS new (id, account, conversation, address, contact, scope, subject, message_key, purpose,
                                        lane, due_at, not_after, rule, hash, variables, locale, report, place)
            ORDER BY new.place
            "#,
            self.organisation_id(),
            self.plugin.as_str(),
            self.now,
            &ids,
            &accounts,
            &conversations as &[Option<Uuid>],
            &addresses as &[Option<i64>],
            &contacts as &[Option<Uuid>],
            &scopes,
            &subjects,
            &keys as &[Option<String>],
            &purposes,
            &lanes,
            &due,
            &not_after as _,
            &rules as &[Option<Json<&SendingRule>>],
            hashes as &[Option<Vec<u8>>],
            &variables as &[Json<&Value>],
            &locales,
            &reports,
        )
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_in_a_row_are_written_out_once() {
        let [first, same, other] = ["Bonjour", "Bonjour", "Bonsoir"].map(Document::says);
        let hashed = Hashed::after(None, &first);
        let again = Hashed::after(Some(hashed), &same);
        assert!(std::ptr::eq(again.document, &first), "it is the one before, not another with the same hash");
        assert_eq!(again.hash, same.hash());
        assert_eq!(Hashed::after(Some(again), &other).hash, other.hash());
    }
}
