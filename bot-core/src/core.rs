//! What every part of a running service shares.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::sync::{Notify, watch};

use crate::action::ActionSealer;
use crate::adapter::{Adapter, AdapterContext, Assurance};
use crate::clock::{Clock, Random};
use crate::ids::{AccountId, Address, OrganisationId, Platform, PluginId, RunnerId};
use crate::intake::{Intake, KeyDigest, Settled};
use crate::locale::Locale;
use crate::plugin::{AddressDigest, KnownAddress, OrganisationView};
use crate::plugin_host::PluginHost;
use crate::redacted::Redacted;
use crate::store::account_state::AccountState;
use crate::store::media::MediaStore;

/// A tenant with its keys.
#[derive(Clone, Debug)]
pub struct Organisation {
    pub view: OrganisationView,
    pub name: String,
    pub(crate) sealer: ActionSealer,
    key: Redacted<[u8; 32]>,
}

impl Organisation {
    pub(crate) fn new(view: OrganisationView, name: String, key: [u8; 32]) -> Self {
        Self { view, name, sealer: ActionSealer::new(key), key: Redacted::new(key) }
    }

    /// The digest by which plugins know an address (see [`AddressDigest`]).
    pub fn digest(&self, address: &Address) -> AddressDigest {
        AddressDigest(self.keyed_hash("address", address.expose().as_bytes()))
    }

    /// The digest under which an external id is remembered once its contact erased themselves.
    pub(crate) fn external_digest(&self, external_id: &str) -> [u8; 32] {
        self.keyed_hash("external id", external_id.as_bytes())
    }

    /// HMAC-SHA-256 under this organisation's key; `purpose` keeps the uses apart.
    pub(crate) fn keyed_hash(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose()).expect("any key length fits");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }
}

/// A configured bot connection that this process knows.
#[derive(Clone)]
pub struct Account {
    pub organisation: OrganisationId,
    pub id: AccountId,
    pub name: String,
    pub adapter: Arc<dyn Adapter>,
}

/// Shared by the dispatcher, the runners and the command line.
pub struct Core {
    pub pool: PgPool,
    pub clock: Clock,
    pub random: Random,
    pub runner: RunnerId,
    /// Where the public pages are, without a trailing slash.
    pub public_url: Option<String>,
    organisations: BTreeMap<OrganisationId, Organisation>,
    pub(crate) plugins: BTreeMap<PluginId, PluginHost>,
    accounts: RwLock<HashMap<AccountId, Account>>,
    /// Assurance by platform, from the adapters. A platform nobody speaks for is trusted least.
    assurances: RwLock<HashMap<Platform, Assurance>>,
    pub(crate) settled: Settled,
    pub(crate) wake: Wake,
    /// Moves whenever a runner has done something: what waits for quiet looks again.
    pub(crate) activity: watch::Sender<u64>,
}

/// Wakes the loops of this process.
#[derive(Default)]
pub(crate) struct Wake {
    pub inbox: Notify,
    pub delivery: Notify,
    pub fire: Notify,
    pub fetch: Notify,
    pub plugin: Notify,
}

impl Wake {
    pub fn all(&self) {
        for notify in [&self.inbox, &self.delivery, &self.fire, &self.fetch, &self.plugin] {
            notify.notify_waiters();
            notify.notify_one();
        }
    }
}

impl Core {
    pub(crate) fn new(
        pool: PgPool,
        clock: Clock,
        random: Random,
        runner: RunnerId,
        public_url: Option<String>,
        organisations: Vec<Organisation>,
        plugins: Vec<PluginHost>,
    ) -> Arc<Self> {
        Arc::new(Self {
            pool,
            clock,
            random,
            runner,
            public_url,
            organisations: organisations.into_iter().map(|organisation| (organisation.view.id, organisation)).collect(),
            plugins: plugins.into_iter().map(|host| (host.manifest().id.clone(), host)).collect(),
            accounts: RwLock::default(),
            assurances: RwLock::default(),
            settled: Settled::default(),
            wake: Wake::default(),
            activity: watch::Sender::new(0),
        })
    }

    pub fn organisations(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.values()
    }

    pub(crate) fn organisation(&self, id: OrganisationId) -> Option<&Organisation> {
        self.organisations.get(&id)
    }

    /// The manifests of the loaded plugins, in the order of their ids.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginHost> {
        self.plugins.values()
    }

    /// What an adapter of `account` is given when it is built.
    pub fn adapter_context(&self, organisation: OrganisationId, account: AccountId) -> AdapterContext {
        AdapterContext {
            account,
            state: AccountState::new(self.pool.clone(), organisation, account, self.clock.clone()),
            media: MediaStore::new(self.pool.clone(), organisation),
            clock: self.clock.clone(),
            random: self.random.clone(),
        }
    }

    pub(crate) fn add_account(&self, account: Account) {
        let mut assurances = self.assurances.write().unwrap_or_else(PoisonError::into_inner);
        assurances.insert(account.adapter.platform(), account.adapter.assurance());
        self.accounts.write().unwrap_or_else(PoisonError::into_inner).insert(account.id, account);
    }

    /// The accounts of this process.
    pub fn accounts(&self) -> Vec<Account> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn intake(&self, account: &Account) -> Intake {
        let organisation = self.organisation(account.organisation).cloned();
        let digest = move |key: &str| match &organisation {
            Some(organisation) => URL_SAFE_NO_PAD.encode(organisation.keyed_hash("dedupe", key.as_bytes())),
            // An account belongs to an organisation of this process, so this is never met.
            None => URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes())),
        };
        Intake::new(
            self.pool.clone(),
            account.organisation,
            account.id,
            self.clock.clone(),
            self.random.clone(),
            self.settled.clone(),
            KeyDigest(Arc::new(digest)),
        )
    }

    pub(crate) fn known_address(&self, organisation: &Organisation, address: &Address) -> KnownAddress {
        let assurances = self.assurances.read().unwrap_or_else(PoisonError::into_inner);
        KnownAddress {
            digest: organisation.digest(address),
            assurance: assurances.get(&address.scheme).copied().unwrap_or(Assurance::Session),
        }
    }

    /// The language of somebody who chose none.
    pub(crate) fn default_locale(&self, organisation: OrganisationId) -> Locale {
        self.organisation(organisation).map(|organisation| organisation.view.default_locale).unwrap_or_default()
    }

    pub(crate) fn did_something(&self) {
        self.activity.send_modify(|count| *count = count.wrapping_add(1));
    }
}
