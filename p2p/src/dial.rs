//! Dialing peers that an operator names while the node runs: which texts are peers, and how many.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use crate::address::{AddressError, NetworkId, PeerAddress, socket};
use crate::config::Transport;
use crate::handle::{Command, Handle};

/// Most peers named by one call.
pub const DIALED_AT_ONCE_MAX: usize = 64;
/// Most peers named while the node runs, as persistent, unconditional or private: these are kept.
const NAMED_MAX: usize = 1024;

const _: () = assert!(DIALED_AT_ONCE_MAX <= NAMED_MAX);

/// What a named peer is to be besides dialed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Dialed again whenever it is gone, past all limits, and never banned.
    pub persistent: bool,
    /// Let in past all limits, and never banned.
    pub unconditional: bool,
    /// Not told to other peers until the node stops, nor kept in the address book's file.
    pub private: bool,
}

impl Terms {
    fn are_kept(self) -> bool {
        self.persistent || self.unconditional || self.private
    }
}

/// Why nobody is dialed. The operator's fault, but for the last.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DialError {
    /// A text is no address of a peer.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An address at which nobody can be.
    #[error("`{text}` is no place that can be dialed")]
    Nowhere {
        /// What was given.
        text: String,
    },
    /// More than [`DIALED_AT_ONCE_MAX`].
    #[error("{count} peers are too many for one call; at most {DIALED_AT_ONCE_MAX}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// So many were named since the start that no more are remembered.
    #[error("{NAMED_MAX} peers were named since the start; write more into config.toml")]
    Full,
    /// The network has too much to do, or has ended.
    #[error("the network is busy; try again later")]
    Busy,
}

impl Handle {
    /// Dials peers, written as in the config, now. Persistent peers are dialed for ever, others
    /// later as any peer of the address book; the limits and the bans hold for those that are
    /// neither persistent nor unconditional.
    ///
    /// # Errors
    /// If one of them cannot be dialed; then none is.
    pub fn dial(&self, texts: &[String], terms: Terms) -> Result<(), DialError> {
        if DIALED_AT_ONCE_MAX < texts.len() {
            return Err(DialError::TooMany { count: texts.len() });
        }
        let mut peers: Vec<PeerAddress> = Vec::new();
        for text in texts {
            let named = peer(text, self.directory.preferred)?;
            // A peer may be named once for each of its addresses.
            match peers.iter_mut().find(|it| it.id == named.id) {
                Some(same) => same.addresses.extend(named.addresses),
                None => peers.push(named),
            }
        }
        let place = self.commands.try_reserve().map_err(|_| DialError::Busy)?;
        if terms.are_kept() {
            self.remember(peers.iter().map(|it| it.id).collect())?;
        }
        place.send(Command::Dial { peers, terms });
        Ok(())
    }

    /// Counts who was named, since what is kept of them has to end somewhere.
    fn remember(&self, ids: BTreeSet<NetworkId>) -> Result<(), DialError> {
        let mut named = self.directory.named.lock().unwrap_or_else(PoisonError::into_inner);
        if NAMED_MAX < named.union(&ids).count() {
            return Err(DialError::Full);
        }
        named.extend(ids);
        Ok(())
    }
}

fn peer(text: &str, preferred: Transport) -> Result<PeerAddress, DialError> {
    let peer = PeerAddress::parse(text, preferred)?;
    let places = peer.addresses.iter().filter_map(socket);
    if places.into_iter().any(|it| it.ip().is_unspecified() || it.port() == 0) {
        return Err(DialError::Nowhere { text: text.to_owned() });
    }
    Ok(peer)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::handle::Directory;

    const ID: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

    #[tokio::test]
    async fn what_cannot_be_dialed_is_refused_and_named() {
        let (commands, mut taken) = tokio::sync::mpsc::channel(1);
        let handle = Handle { directory: Arc::new(Directory::default()), commands };
        let good = format!("{ID}@127.0.0.1:1");
        for bad in ["x", &format!("{ID}@0.0.0.0:1"), &format!("{ID}@127.0.0.1:0")] {
            let error = handle.dial(&[good.clone(), bad.to_owned()], Terms::default());
            assert!(error.expect_err("it is wrong").to_string().contains(bad), "{bad}");
        }
        let many = vec![good.clone(); DIALED_AT_ONCE_MAX + 1];
        let count = many.len();
        let refused = handle.dial(&many, Terms::default());
        assert_eq!(refused, Err(DialError::TooMany { count }));
        assert!(taken.try_recv().is_err(), "none of these is dialed");
        assert_eq!(handle.dial(std::slice::from_ref(&good), Terms::default()), Ok(()));
        assert_eq!(handle.dial(&[good], Terms::default()), Err(DialError::Busy));
    }

    #[test]
    fn the_named_are_counted_once_and_limited() {
        let (commands, _) = tokio::sync::mpsc::channel(1);
        let handle = Handle { directory: Arc::new(Directory::default()), commands };
        let ids: BTreeSet<_> = (0..NAMED_MAX).map(|_| NetworkId::random()).collect();
        assert_eq!(handle.remember(ids.clone()), Ok(()));
        assert_eq!(handle.remember(ids), Ok(()));
        assert_eq!(handle.remember([NetworkId::random()].into()), Err(DialError::Full));
    }
}
