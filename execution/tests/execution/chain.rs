//! A chain of one validator, and a diary of what is passed on the way.

use std::sync::{Arc, Mutex};

use execution::{Point, Stopped, Watch};
use storage::{Memory, Store};
use types::genesis::GenesisValidator;
use types::{
    AppHash, Block, BlockOutcome, ChainId, ChainState, ConsensusParams, Genesis, Height,
    PrivateKey, Time, VotingPower,
};
use zeroize::Zeroizing;

pub fn key() -> PrivateKey {
    PrivateKey::from_seed(&Zeroizing::new([7; 32]))
}

pub fn genesis() -> Genesis {
    let validator = GenesisValidator {
        public_key: key().public_key(),
        power: VotingPower(10),
        name: String::new(),
    };
    Genesis {
        genesis_time: Time::from_unix(1_000, 0).expect("within the calendar"),
        chain_id: ChainId::new("execution").expect("short enough"),
        initial_height: Height(1),
        params: ConsensusParams::default(),
        validators: vec![validator],
        app_hash: AppHash::default(),
        app_state: String::new(),
    }
}

/// The state before the first block.
pub fn first_state() -> Arc<ChainState> {
    let state = ChainState::after_init_chain(&genesis(), &[], None, AppHash::default(), 1);
    Arc::new(state.expect("one validator makes a set"))
}

pub fn disk() -> (Arc<Memory>, Store) {
    let memory = Arc::new(Memory::default());
    let store = Store::in_memory(Arc::clone(&memory)).expect("it is empty");
    (memory, store)
}

/// Notes what is passed, and ends the node at one place.
#[derive(Default)]
pub struct Diary {
    entries: Mutex<Vec<&'static str>>,
    end: Option<Point>,
}

impl Diary {
    pub fn ending(end: Point) -> Self {
        Self { end: Some(end), ..Self::default() }
    }

    pub fn note(&self, entry: &'static str) {
        self.entries.lock().unwrap().push(entry);
    }

    pub fn entries(&self) -> Vec<&'static str> {
        self.entries.lock().unwrap().clone()
    }
}

impl Watch for Diary {
    fn pass(&self, point: Point) -> Result<(), Stopped> {
        self.note(point.name());
        if self.end == Some(point) { Err(Stopped { point }) } else { Ok(()) }
    }

    fn synced(&self) {
        self.note("synced");
    }

    fn executed(&self, _: &Block, _: &BlockOutcome) {
        self.note("executed");
    }
}
