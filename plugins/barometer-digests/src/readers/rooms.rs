//! Rooms that subscribe, and what becomes of a subscription when its room moves or closes. Who decides for a room is the
//! core's to say ([`bot_core::plugin::Audience::Moderators`]).

use bot_core::ConversationId;
use bot_core::adapter::ConversationKind;
use bot_core::plugin::{Caller, Context, HandlerError, HandlerResult};

use super::store::{self, Place};
use super::under_way::{self, Withdrawn};

/// For whom a call subscribes. A room that was known by another name before it moved keeps its subscription.
///
/// # Errors
/// Those of the database.
pub(crate) async fn place_of(cx: &mut Context, caller: &Caller) -> Result<Place, HandlerError> {
    let conversation = caller.conversation.id;
    if caller.conversation.kind == ConversationKind::Direct {
        return Ok(Place::Person(caller.contact));
    }
    let former = cx.former_rooms(conversation).await?;
    if !former.is_empty() {
        move_in(cx, &former, conversation).await?;
    }
    Ok(Place::Room(conversation))
}

async fn move_in(cx: &mut Context, former: &[ConversationId], room: ConversationId) -> HandlerResult {
    let organisation = cx.organisation.id;
    let former: Vec<_> = former.iter().map(|room| room.0).collect();
    sqlx::query!(
        r#"
        UPDATE barometer_digests.reader SET conversation_id = $3
        WHERE organisation_id = $1
          AND id = (SELECT id FROM barometer_digests.reader
                    WHERE organisation_id = $1 AND conversation_id = ANY($2) ORDER BY state = 'active' DESC, id LIMIT 1)
          AND NOT EXISTS (SELECT FROM barometer_digests.reader
                          WHERE organisation_id = $1 AND conversation_id = $3)
        "#,
        organisation.0,
        &former,
        room.0,
    )
    .execute(cx.sql())
    .await?;
    Ok(())
}

/// Ends the subscriptions of rooms that are closed to us: nobody there could. Called when an edition is published.
/// Says how many.
///
/// # Errors
/// Those of the database.
pub async fn leave_closed(cx: &mut Context) -> Result<usize, HandlerError> {
    let (organisation, now) = (cx.organisation.id, cx.now);
    let rooms = sqlx::query_scalar!(
        r#"
        SELECT conversation_id AS "room!" FROM barometer_digests.reader
        WHERE organisation_id = $1 AND conversation_id IS NOT NULL AND state = 'active' ORDER BY id
        "#,
        organisation.0,
    )
    .fetch_all(cx.sql())
    .await?;
    let rooms: Vec<ConversationId> = rooms.into_iter().map(ConversationId).collect();
    let closed = cx.closed_rooms(&rooms).await?;
    for room in &closed {
        if let Some(reader) = store::find(cx.sql(), organisation, Place::Room(*room)).await? {
            store::leave(cx.sql(), organisation, reader.id, now).await?;
            under_way::cancel_waiting(cx.sql(), organisation, reader.id, Withdrawn::Left, now).await?;
        }
    }
    Ok(closed.len())
}
