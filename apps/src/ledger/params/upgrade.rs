//! A new version of the rules, at a height that was agreed on.

use borsh::{BorshDeserialize, BorshSerialize};
use types::params::VersionParams;

use super::{Params, ParamsError};
use crate::framework::{Effects, Frame, FrameworkError, Item, Refusal, State, event};

/// The upgrade that was agreed on, until it is done.
const UPGRADE: Item<Upgrade> = Item::new("params/upgrade");
/// Of the rules that the chain goes by.
const VERSION: Item<u64> = Item::new("params/version");

/// Which version takes over, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Upgrade {
    /// The first block by the new rules.
    pub height: u64,
    /// Of the new rules.
    pub version: u64,
}

/// Where the upgrade is in the state.
pub fn key() -> Vec<u8> {
    UPGRADE.key()
}

/// Where the version is in the state.
pub fn version_key() -> Vec<u8> {
    VERSION.key()
}

impl Params {
    /// A chain begins with the rules of the software that begins it.
    pub(super) fn begin_with_version(self, state: &mut State) {
        VERSION.set(state, &self.version);
    }

    pub(super) fn check_upgrade(
        self,
        state: &State,
        frame: &Frame,
        upgrade: &Upgrade,
    ) -> Result<(), ParamsError> {
        let height = frame.height.0;
        let is_ahead = height < upgrade.height && upgrade.height <= types::height::HEIGHT_MAX;
        let is_later = VERSION.get(state).unwrap_or(0) < upgrade.version;
        if is_ahead && is_later { Ok(()) } else { Err(ParamsError::Upgrade { height }) }
    }

    /// Notes an upgrade that was agreed on; it replaces one that is still ahead.
    pub(super) fn schedule(
        self,
        state: &mut State,
        frame: &Frame,
        upgrade: &Upgrade,
    ) -> Result<(), ParamsError> {
        self.check_upgrade(state, frame, upgrade)?;
        UPGRADE.set(state, upgrade);
        Ok(())
    }

    /// Takes over at the height of the upgrade, or stops if this software is not of the version
    /// that this block needs.
    pub(super) fn meet_upgrade(self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        let known = VERSION.get(state).unwrap_or(self.version);
        let due = UPGRADE.get(state).filter(|it| it.height <= frame.height.0);
        let needed = due.map_or(known, |it| it.version);
        let height = frame.height;
        if needed != self.version {
            let version = self.version;
            let reason = match needed < version {
                true => format!(
                    "block {height} goes by version {needed} of the rules, this software has \
                     version {version}: run the earlier software until the upgrade"
                ),
                false => format!(
                    "block {height} goes by version {needed} of the rules, this software has \
                     version {version}: install the software of the upgrade and start again"
                ),
            };
            return Err(FrameworkError::Halt { reason }.into());
        }
        if due.is_some() {
            state.remove(key());
            VERSION.set(state, &needed);
            state.emit(event("params.upgrade", &[("version", &needed)]));
        }
        Ok(())
    }

    /// Tells the chain of the version of the block that comes next, which its header must show.
    pub(super) fn announce_version(self, state: &State, frame: &Frame, effects: &mut Effects) {
        let next = frame.height.next().0;
        if let Some(upgrade) = UPGRADE.get(state).filter(|it| it.height == next) {
            let update = effects.params_update.get_or_insert_default();
            update.version = Some(VersionParams { app: upgrade.version });
        }
    }
}
