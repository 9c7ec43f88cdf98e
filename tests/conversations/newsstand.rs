//! A server with feeds and calendars, of which a test decides what they say.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;

/// Content type and body, by path.
type Shelf = Arc<Mutex<HashMap<String, (&'static str, String)>>>;

pub struct Newsstand {
    address: SocketAddr,
    shelf: Shelf,
}

impl Newsstand {
    pub async fn opens() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shelf) = (listener.local_addr().unwrap(), Shelf::default());
        let router = Router::new().fallback(hands_out).with_state(Arc::clone(&shelf));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shelf }
    }

    /// Host and port, as `[fetch] allow` names them.
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    pub fn puts(&self, path: &str, content_type: &'static str, body: &str) {
        self.shelf.lock().unwrap().insert(path.to_owned(), (content_type, body.to_owned()));
    }
}

async fn hands_out(State(shelf): State<Shelf>, uri: Uri) -> Response {
    match shelf.lock().unwrap().get(uri.path()) {
        Some((content_type, body)) => ([(header::CONTENT_TYPE, *content_type)], body.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
