//! Faults that look at messages: partitions that change from round to round, and messages that are
//! taken one by one.

use types::Message;

use super::{Link, Network};
use crate::plan::FaultClass;

impl Network {
    /// Whether a fault takes this message. Notes on the way where its sender is.
    pub fn takes(&mut self, (from, to): Link, message: &Message) -> bool {
        if let Message::NewRoundStep { height, round, .. } = message {
            self.places[from] = (height.0, u64::from(round.0));
        }
        if !self.weather.is_picky() {
            return false;
        }
        let taken = if self.weather.rules.iter().any(|rule| rule.takes((from, to), message)) {
            Some(FaultClass::Withhold)
        } else {
            self.weather.is_apart((from, to), self.places[from]).then_some(FaultClass::ByRound)
        };
        if let Some(class) = taken {
            self.hit(class);
        }
        taken.is_some()
    }
}
