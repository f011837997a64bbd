//! What a new network can run, and how its chain begins.

use crate::application::LEDGER;

/// The applications that a new network can begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum App {
    /// Keys and values (the default).
    #[default]
    Kvstore,
    /// Proof-of-stake, with funded accounts whose keys are public.
    Ledger,
}

impl App {
    /// The `proxy_app` of every config.
    pub fn proxy_app(self) -> &'static str {
        match self {
            App::Kvstore => "kvstore",
            App::Ledger => LEDGER,
        }
    }

    /// The `app_state` of the genesis file, as JSON text.
    pub fn app_state(self) -> String {
        match self {
            App::Kvstore => "{}".to_owned(),
            App::Ledger => format!("{:#}", apps::ledger::development::app_state()),
        }
    }
}
