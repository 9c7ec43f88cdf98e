//! Pictures and files. Telegram has no call that only stores a file: the first message carries it, and its `file_id`,
//! kept in the account's memory, stands for it in every message after that.

use bot_core::adapter::RemoteMediaId;
use bot_core::message::MediaHash;
use bot_core::store::account_state::StateEntry;
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Value, json};
use teloxide::requests::Payload;
use teloxide::types::{FileId, InputFile};

use crate::api::{ATTACHED, Attachment, Failure};
use crate::refusal::Refusal;
use crate::{Bot, Telegram};

/// How long others wait while the first message carries the file.
const FIRST_UPLOAD: TimeDelta = TimeDelta::seconds(2);

const MEMORY_OUT_OF_REACH: Failure = Failure::NotWritten("the database is out of reach");

/// Telegram names the same bytes differently as a picture and as a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileKind {
    Photo,
    Document,
}

impl FileKind {
    fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Document => "document",
        }
    }

    /// The name under which a sent message holds the file. Of a picture the largest size, the last, is the whole.
    fn file_id(self, message: &Value) -> Option<&str> {
        match self {
            Self::Photo => message.get("photo")?.as_array()?.last()?.get("file_id")?.as_str(),
            Self::Document => message.get("document")?.get("file_id")?.as_str(),
        }
    }
}

/// Bars others from carrying the same file at the same time.
struct FirstUpload<'t> {
    telegram: &'t Telegram,
    key: String,
}

impl<'t> FirstUpload<'t> {
    fn begin(telegram: &'t Telegram, key: &str) -> Option<Self> {
        telegram.now().uploading.insert(key.to_owned()).then(|| Self { telegram, key: key.to_owned() })
    }
}

impl Drop for FirstUpload<'_> {
    fn drop(&mut self) {
        self.telegram.now().uploading.remove(&self.key);
    }
}

impl Telegram {
    /// What stands for the file until a message has carried it.
    pub(crate) fn file_mark(hash: MediaHash) -> RemoteMediaId {
        RemoteMediaId(hash.to_string())
    }

    /// Makes the call that `payload` writes for the file's name, with the file itself the first time.
    pub(crate) async fn call_with_file<P: Payload + Serialize>(
        &self,
        bot: &Bot,
        kind: FileKind,
        hash: MediaHash,
        payload: impl Fn(InputFile) -> P,
    ) -> Result<Value, Failure> {
        let key = format!("file/{}/{}/{hash}", bot.token.bot_id(), kind.name());
        let known = self.context.state.get(&key).await.map_err(|_| MEMORY_OUT_OF_REACH)?;
        if let Some(file_id) = known.as_ref().and_then(Value::as_str) {
            let answer = bot.api.call(&payload(InputFile::file_id(FileId(file_id.to_owned())))).await;
            let forgotten = answer.as_ref().err().and_then(Failure::refusal) == Some(Refusal::UnknownFile);
            if !forgotten {
                return answer;
            }
            // The next try carries the file again.
            self.context.state.delete_prefix(&key).await.map_err(|_| MEMORY_OUT_OF_REACH)?;
            return Err(Failure::NotWritten("Telegram no longer knows the file: it is sent anew"));
        }
        let Some(_first) = FirstUpload::begin(self, &key) else { return Err(Failure::Busy { after: FIRST_UPLOAD }) };
        let media = self.context.media.read(hash).await.map_err(|_| MEMORY_OUT_OF_REACH)?;
        let media = media.ok_or(Failure::Impossible("the file is no longer stored"))?;
        let attachment =
            Attachment { content: media.content, file_name: media.file_name, content_type: media.content_type };
        let message = bot.api.upload(&payload(InputFile::file_id(FileId(ATTACHED.to_owned()))), attachment).await?;
        if let Some(file_id) = kind.file_id(&message)
            && self.context.state.put(&[StateEntry::new(key, json!(file_id))]).await.is_err()
        {
            tracing::warn!("the name of a file could not be kept: the next message carries it again");
        }
        Ok(message)
    }
}
