//! Honest members hold nothing against each other that only a liar or a broken node does, and never
//! ban each other. An answer that bad weather has swallowed is no lie.

use std::collections::BTreeMap;

use types::Offence;

/// Who blames whom.
type Link = (usize, usize);

/// What honest members hold against each other.
#[derive(Debug, Default)]
pub struct Blame {
    grudges: BTreeMap<Link, BTreeMap<String, u64>>,
}

impl Blame {
    /// An honest member holds something against another.
    ///
    /// # Errors
    /// If no weather excuses it.
    pub fn blamed(&mut self, link: Link, offence: Offence, reason: &str) -> Result<(), String> {
        let (member, peer) = link;
        let grudges = self.grudges.entry(link).or_default();
        *grudges.entry(format!("{offence}, {reason}")).or_default() += 1;
        match offence {
            Offence::Silent | Offence::Flood => Ok(()),
            Offence::Malformed
            | Offence::Oversized
            | Offence::BadSignature
            | Offence::BadPart
            | Offence::BadBlock
            | Offence::Lie => Err(format!("{member} blames honest {peer}: {offence}, {reason}")),
        }
    }

    /// An honest member bans another.
    ///
    /// # Errors
    /// Always.
    pub fn banned(&self, link: Link) -> Result<(), String> {
        let (member, peer) = link;
        Err(format!("{member} bans honest {peer}: {:?}", self.grudges.get(&link)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weather_excuses_silence_and_repetition_but_no_lie_and_no_ban() {
        let mut judge = Blame::default();
        assert_eq!(judge.blamed((0, 1), Offence::Silent, "no block"), Ok(()));
        assert_eq!(judge.blamed((0, 1), Offence::Flood, "twice"), Ok(()));
        for offence in [Offence::Lie, Offence::BadPart, Offence::BadSignature, Offence::BadBlock] {
            assert!(judge.blamed((0, 1), offence, "why").unwrap_err().contains("honest 1"));
        }
        assert!(judge.banned((0, 1)).unwrap_err().contains("no block"));
    }
}
