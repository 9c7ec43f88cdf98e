//! Every plugin: the one list.

use std::sync::Arc;

use bot_core::plugin::Plugin;
use micro_consultations::MicroConsultations;

pub(crate) fn all() -> anyhow::Result<Vec<Arc<dyn Plugin>>> {
    Ok(vec![Arc::new(MicroConsultations::new()?)])
}
