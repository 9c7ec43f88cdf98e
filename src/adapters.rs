//! Every adapter of this build: the one list, and how each is made.

use std::sync::Arc;

use axum::Router;
use bot_core::Locale;
use bot_core::adapter::{Adapter, AdapterContext};

use crate::config::AccountSettings;

/// Where the service is reached, and in whose name it speaks.
#[cfg_attr(not(feature = "webchat"), allow(dead_code, reason = "for adapters that serve pages"))]
pub(crate) struct Place {
    pub organisation_title: String,
    pub locale: Locale,
    pub public_url: String,
    pub trusted_proxies: Vec<String>,
}

/// An adapter, and the routes it wants on the public listener.
pub(crate) struct Connected {
    pub adapter: Arc<dyn Adapter>,
    pub routes: Option<Router>,
}

#[cfg_attr(not(feature = "webchat"), allow(unused_variables, reason = "a build without adapters connects none"))]
pub(crate) fn connect(settings: &AccountSettings, place: &Place, context: AdapterContext) -> anyhow::Result<Connected> {
    match *settings {
        #[cfg(feature = "webchat")]
        AccountSettings::Webchat(ref settings) => {
            let site = adapter_webchat::Site {
                organisation_title: place.organisation_title.clone(),
                locale: place.locale,
                public_url: place.public_url.clone(),
                trusted_proxies: place.trusted_proxies.iter().map(|proxy| proxy.parse()).collect::<Result<_, _>>()?,
            };
            let webchat = adapter_webchat::Webchat::new(settings.clone(), site, context);
            let routes = Some(webchat.router());
            Ok(Connected { adapter: webchat, routes })
        }
    }
}
