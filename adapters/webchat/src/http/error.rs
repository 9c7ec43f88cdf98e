//! What a request is told when it is refused: a status, a code for programs, and a sentence in both languages.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bot_core::store::account_state::StateError;
use chrono::TimeDelta;
use serde_json::json;

/// `{"error":{"code","message_fr","message_en"}}`
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ApiError {
    /// Not JSON, not UTF-8, or not the fields the call takes.
    BadBody,
    NotJson,
    EmptyMessage,
    TextTooLong,
    BodyTooLarge,
    BadAction,
    BadId,
    BadPosition,
    NoSession,
    BadCsrf,
    NotFound,
    BadMethod,
    TooMany {
        after: TimeDelta,
    },
    TooManyStreams,
    /// Starting, stopping, or the database cannot be reached. Nothing was taken.
    TryAgain,
}

impl ApiError {
    #[rustfmt::skip]
    fn parts(&self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadBody => (S::BAD_REQUEST, "bad_body",
                "Le corps de la requête doit être un objet JSON en UTF-8 avec les champs documentés.",
                "The body must be a JSON object in UTF-8 with the documented fields."),
            Self::NotJson => (S::UNSUPPORTED_MEDIA_TYPE, "not_json",
                "Envoyez du JSON, avec l'en-tête « Content-Type: application/json ».",
                "Send JSON, with the header “Content-Type: application/json”."),
            Self::EmptyMessage => (S::BAD_REQUEST, "empty_message",
                "Écrivez un texte ou choisissez un bouton : l'un des deux, pas les deux.",
                "Write a text or press a button: one of the two, not both."),
            Self::TextTooLong => (S::PAYLOAD_TOO_LARGE, "text_too_long",
                "Le message est trop long : 4000 caractères au plus.",
                "The message is too long: at most 4000 characters."),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body_too_large",
                "La requête est trop grande : 16 Ko au plus.",
                "The request is too large: at most 16 kB."),
            Self::BadAction => (S::BAD_REQUEST, "bad_action",
                "Cette action n'est pas celle d'un bouton reçu.",
                "This action does not come from a button you were sent."),
            Self::BadId => (S::BAD_REQUEST, "bad_id",
                "« id » doit compter de 1 à 64 caractères ASCII visibles.",
                "“id” must be 1 to 64 visible ASCII characters."),
            Self::BadPosition => (S::BAD_REQUEST, "bad_position",
                "« Last-Event-ID » ou « after » doit être le numéro d'un événement reçu.",
                "“Last-Event-ID” or “after” must be the number of an event you received."),
            Self::NoSession => (S::UNAUTHORIZED, "no_session",
                "La session manque ou a pris fin : ouvrez-en une nouvelle.",
                "The session is missing or has ended: open a new one."),
            Self::BadCsrf => (S::FORBIDDEN, "bad_csrf",
                "L'en-tête « X-CSRF-Token » manque ou ne va pas avec cette session.",
                "The “X-CSRF-Token” header is missing or does not belong to this session."),
            Self::NotFound => (S::NOT_FOUND, "not_found",
                "Il n'y a rien ici.",
                "There is nothing here."),
            Self::BadMethod => (S::METHOD_NOT_ALLOWED, "bad_method",
                "Cette adresse n'accepte pas cette méthode.",
                "This address does not take this method."),
            Self::TooMany { .. } => (S::TOO_MANY_REQUESTS, "too_many",
                "Trop de messages d'un coup : attendez un instant, puis réessayez.",
                "Too many at once: wait a moment, then try again."),
            Self::TooManyStreams => (S::TOO_MANY_REQUESTS, "too_many_streams",
                "Cette conversation est déjà ouverte dans trop d'onglets : fermez-en un.",
                "This conversation is already open in too many tabs: close one."),
            Self::TryAgain => (S::SERVICE_UNAVAILABLE, "try_again",
                "Le service est momentanément indisponible : réessayez. Rien n'a été enregistré.",
                "The service is briefly unavailable: try again. Nothing was recorded."),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, message_fr, message_en) = self.parts();
        let body = json!({ "error": { "code": code, "message_fr": message_fr, "message_en": message_en } });
        let mut response = (status, Json(body)).into_response();
        let retry_seconds = match self {
            // Rounded up: earlier would be refused again.
            Self::TooMany { after } => Some((after.num_milliseconds() + 999) / 1000),
            Self::TryAgain => Some(2),
            _ => None,
        };
        if let Some(seconds) = retry_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        tracing::warn!(error = %error, "The webchat cannot reach its transcripts");
        Self::TryAgain
    }
}
