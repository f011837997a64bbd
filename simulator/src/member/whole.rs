//! The whole machine: the stores, the executor, the handshake, the mempool and the kvstore that a
//! node runs, on a simulated disk. What the light machine leaves out is here as it ships.

mod driving;
pub mod guarded;
pub mod life;
pub mod lookout;

use std::sync::Arc;

use apps::KvStore;
use consensus::{Decided, Input, Record, SignRequest, Start};
use execution::{HandshakeError, StartError, handshake, start};
use storage::{StorageError, Store};
use types::{BlockOutcome, ChainId, Genesis, Height};

use crate::application::{Simulated, Surroundings};
use crate::chance::Chance;
use crate::curves::Curves;
use crate::disk::Disk;
use crate::member::trouble::{Place, PlaceDoom, Stop};
use crate::outside::Outside;
use crate::plan::whole::WholePlan;
use crate::plan::{MemberPlan, Plan};

use guarded::Guarded;
pub use life::Life;
use lookout::Lookout;

/// A machine that survives its node.
pub struct Whole {
    number: usize,
    plan: WholePlan,
    rejects_permille: u64,
    liars: bool,
    /// The store's disk.
    pub disk: Arc<Disk>,
    /// The application's own disk holds this: what it has committed.
    kvstore: Arc<KvStore>,
    /// The signer, whose state is a file of its own.
    pub signer: Option<Guarded>,
    /// Who ends the node at a place.
    pub lookout: Arc<Lookout>,
    /// A fault of the plan that will end the node at some place.
    doom: Option<PlaceDoom>,
    /// Whether the chain has begun here.
    begun: bool,
    /// Whether the folder was wiped.
    wiped: bool,
    /// The last block that was shown to the judges.
    judged: Option<Height>,
    /// The last block whose outcome was.
    pub executed: Option<Height>,
    /// What is lost when the node ends.
    pub life: Option<Life>,
}

/// Why a node ends in the midst of what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A fault of the plan stops it.
    Fault(Stop),
    /// It cannot go on, it says, and no fault of the plan is to blame.
    Failed(String),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        End::Fault(stop)
    }
}

/// Why a node cannot begin.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error(transparent)]
    Store(#[from] StorageError),
    #[error(transparent)]
    Application(#[from] abci::ApplicationError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Whole {
    /// A machine that was never switched on.
    pub fn new(plan: &Plan, whole: &WholePlan, number: usize) -> Self {
        let own: &MemberPlan = &plan.members[number];
        let kvstore = KvStore::in_memory().retaining(whole.application.retain_blocks);
        Self {
            number,
            plan: whole.clone(),
            rejects_permille: plan.machine.rejects_permille,
            liars: (0..plan.members.len()).any(|member| !plan.is_honest(member)),
            disk: Arc::new(Disk::new()),
            kvstore: Arc::new(kvstore),
            signer: own.key.map(Guarded::new),
            lookout: Arc::default(),
            doom: None,
            begun: false,
            wiped: false,
            judged: None,
            executed: None,
            life: None,
        }
    }

    /// Begins as a node does: store, signer, application, handshake, replica.
    ///
    /// # Errors
    /// If it cannot, or is ended in the midst of it.
    pub fn begin(
        &mut self,
        outside: &Outside,
        chance: Chance,
    ) -> Result<(Start, Vec<Record>), End> {
        self.kvstore = Arc::new(self.kvstore.reopened());
        self.try_to_begin(outside, chance).map_err(|error| self.end_of(&error))
    }

    /// A fault of the plan ends the node where it watches, or in the midst of writing.
    pub fn doom(&mut self, doom: PlaceDoom) {
        match doom.place {
            Place::Point { point, passes } => self.lookout.doom(point, passes),
            Place::Write(cut) => self.disk.cut_power(Some(cut)),
        }
        self.doom = Some(doom);
    }

    /// A fault that has not come to pass is over.
    pub fn spare(&mut self, fault: usize) {
        if self.doom.is_some_and(|doom| doom.fault == fault) {
            self.doom = None;
            self.lookout.spare();
            self.disk.cut_power(None);
        }
    }

    fn try_to_begin(
        &mut self,
        outside: &Outside,
        chance: Chance,
    ) -> Result<(Start, Vec<Record>), BeginError> {
        let genesis: &Genesis = &outside.genesis;
        let store = Store::over(Arc::clone(&self.disk) as Arc<dyn storage::KeyValue>)?;
        // Whose folder was wiped runs without its key until the store is where the key has signed.
        let signed = self.signer.as_ref().and_then(Guarded::height);
        if !self.wiped {
            start::check_signed(&store, genesis, signed)?;
        }
        let wrong = self.plan.wrong.filter(|wrong| wrong.member == self.number);
        let around = Surroundings {
            rejects_permille: self.rejects_permille,
            liars: self.liars,
            needed: Arc::clone(&outside.needed),
        };
        let application = Simulated::new(
            Arc::clone(&self.kvstore) as Arc<dyn abci::Application>,
            &self.plan.application,
            wrong.map(|wrong| Height(wrong.from)),
            around,
            chance,
        )?;
        let life = Life::new(self, outside, store, application)?;
        let store = life.store.clone();
        let application = Arc::clone(&life.recorded);
        // From here on there is something to be drawn from, even if the handshake does not end.
        self.life = Some(life);
        let state = handshake::run(&*application, &store, genesis, &*self.lookout)?;
        self.begun = true;
        Ok(execution::start(&store, Arc::new(state))?)
    }

    /// Whether the chain has begun here: then InitChain need not come.
    pub fn has_begun(&self) -> bool {
        self.begun || self.kvstore_height().is_some()
    }

    fn kvstore_height(&self) -> Option<Height> {
        let info = abci::Application::info(&*self.kvstore, &abci::InfoRequest::default());
        info.ok().and_then(|info| info.last_block_height)
    }

    /// What an error means that the node cannot go on from.
    pub fn end_of(&self, error: &dyn std::fmt::Display) -> End {
        let ended = self.disk.is_dead() || self.lookout.has_ended();
        if let Some(PlaceDoom { ending, fault, .. }) = self.doom.filter(|_| ended) {
            return End::Fault(Stop { ending, fault });
        }
        let complaint = self.life.as_ref().and_then(|life| life.application.complaint());
        End::Failed(complaint.unwrap_or_else(|| error.to_string()))
    }

    /// Signs, or says why not.
    ///
    /// # Errors
    /// If the node is ended in the midst of it.
    pub fn sign(
        &mut self,
        curves: &Curves,
        chain_id: &ChainId,
        request: SignRequest,
    ) -> Result<Input, End> {
        let signer = self.signer.as_mut().expect("only who has a key is asked to sign");
        signer
            .sign(curves, chain_id, request, &*self.lookout)
            .map_err(|stopped| self.end_of(&stopped))
    }

    /// The node is gone. With the power, the disk loses all but the first `taken` of the writes
    /// that were not synced.
    pub fn end(&mut self, lost: Option<u64>, renamed: bool) {
        let done = self.disk.is_dead() || self.lookout.has_ended();
        let doom = self.doom.take().filter(|_| !done);
        self.life = None;
        self.lookout.spare();
        match lost {
            Some(taken) => self.disk.lose_power(taken),
            None => self.disk.revive(),
        }
        // What has not come to pass may still come when the node begins again.
        if let Some(doom) = doom {
            self.doom(doom);
        }
        if let Some(signer) = &mut self.signer {
            signer.settle(renamed);
        }
    }

    /// The data folder is wiped, and the application's with it; the signer's state only if so.
    pub fn wipe(&mut self, signer: bool) {
        assert!(self.life.is_none(), "a node that runs holds its folder");
        let ailment = self.disk.ailment();
        self.disk = Arc::new(Disk::new());
        self.disk.ail(ailment);
        if let Some(own) = self.signer.as_mut().filter(|_| signer) {
            own.forget();
        }
        let retain = self.plan.application.retain_blocks;
        self.kvstore = Arc::new(KvStore::in_memory().retaining(retain));
        (self.begun, self.wiped) = (false, true);
        (self.judged, self.executed) = (None, None);
    }

    /// The blocks on the disk that the judges were not shown, in order.
    pub fn unjudged(&mut self) -> Vec<Decided> {
        let Some(life) = &self.life else { return Vec::new() };
        let Ok(Some((base, tip))) = life.store.range() else { return Vec::new() };
        let mut height = self.judged.map_or(base, Height::next).max(base);
        let mut decided = Vec::new();
        while height <= tip {
            decided.extend(life.decided(height));
            height = height.next();
        }
        self.judged = Some(tip).max(self.judged);
        decided
    }

    /// What came of blocks that were executed on the way to here, and not shown to the judges.
    pub fn unjudged_outcomes(&mut self) -> Vec<(Height, BlockOutcome)> {
        let Some(life) = &self.life else { return Vec::new() };
        let Ok(Some((base, tip))) = life.store.range() else { return Vec::new() };
        let mut height = self.executed.map_or(base, Height::next).max(base);
        let mut outcomes = Vec::new();
        while height <= tip {
            if let Ok(Some(outcome)) = life.store.outcome(height) {
                outcomes.push((height, outcome));
            }
            height = height.next();
        }
        self.executed = Some(tip).max(self.executed);
        outcomes
    }

    /// The last block on the disk.
    pub fn tip(&self) -> Option<Height> {
        let store = Store::over(Arc::clone(&self.disk) as Arc<dyn storage::KeyValue>).ok()?;
        Some(store.range().ok()??.1)
    }
}
