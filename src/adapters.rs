//! Every adapter of this build: the one list, and how each is made.

use std::sync::Arc;

use axum::Router;
use bot_core::Locale;
use bot_core::adapter::{Adapter, AdapterContext};

use crate::config::{AccountSettings, Config};

/// Where the service is reached, and in whose name it speaks.
#[allow(dead_code, reason = "a build may have no adapter that serves pages")]
pub(crate) struct Place {
    pub organisation_title: String,
    pub locale: Locale,
    pub public_url: String,
    pub trusted_proxies: Vec<String>,
}

impl Place {
    pub fn of(config: &Config, public_url: String) -> Self {
        Self {
            organisation_title: config.organisation.title.clone(),
            locale: config.organisation.default_locale,
            public_url,
            trusted_proxies: config.http.public.trusted_proxies.clone(),
        }
    }
}

/// An adapter, and the routes it wants on the public listener.
pub(crate) struct Connected {
    pub adapter: Arc<dyn Adapter>,
    pub routes: Option<Router>,
}

#[allow(unused_variables, reason = "a build may have no adapter, or none that serves pages")]
pub(crate) fn connect(settings: &AccountSettings, place: &Place, context: AdapterContext) -> anyhow::Result<Connected> {
    match *settings {
        #[cfg(feature = "discord")]
        AccountSettings::Discord(ref settings) => {
            Ok(Connected { adapter: adapter_discord::Discord::new(settings.clone(), context), routes: None })
        }
        #[cfg(feature = "matrix")]
        AccountSettings::Matrix(ref settings) => {
            Ok(Connected { adapter: adapter_matrix::Matrix::new(settings.clone(), context), routes: None })
        }
        #[cfg(feature = "telegram")]
        AccountSettings::Telegram(ref settings) => {
            let telegram = adapter_telegram::Telegram::new(settings.clone(), place.public_url.clone(), context);
            let routes = telegram.router();
            Ok(Connected { adapter: telegram, routes })
        }
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
