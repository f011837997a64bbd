//! What all members share: the time, the queue, the network, the judges, and the counts.

use types::{Genesis, Message};

use crate::curves::Curves;
use crate::judges::Judges;
use crate::member::light::Word;
use crate::moment::Moment;
use crate::network::{Network, size};
use crate::plan::Plan;
use crate::queue::Queue;
use crate::report::{Counts, Digest};
use crate::workload::{Errand, Ledger, Ticket};

/// Something that happens.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are messages; a box would cost each")]
pub enum Happening {
    /// A message arrives.
    Arrive {
        /// From whom.
        from: usize,
        /// At whom.
        to: usize,
        /// On which of their connections.
        connection: u32,
        /// What.
        message: Message,
    },
    /// A message that had to wait for its receiver's line is through it.
    Land {
        /// From whom.
        from: usize,
        /// At whom.
        to: usize,
        /// On which of their connections.
        connection: u32,
        /// What.
        message: Message,
    },
    /// Something happens to a member in one of its lives.
    Inside {
        /// Whose.
        member: usize,
        /// Which of its lives; in another one it means nothing.
        life: u32,
        /// What.
        event: Inside,
    },
    /// Something happens to a client.
    Errand {
        /// Whom it concerns, and what that one waits for.
        ticket: Ticket,
        /// What.
        errand: Errand,
    },
    /// A fault of the plan begins.
    Begin(usize),
    /// A fault of the plan that comes and goes is there, or not.
    Toggle(usize),
    /// A fault of the plan ends.
    End(usize),
    /// Peers find out that a member has stopped in this life, or does not run.
    Notice {
        /// Who.
        member: usize,
        /// In which of its lives.
        life: u32,
    },
}

/// What the world has to do for a member that cannot do it itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It has stopped, because of a fault of the plan.
    Stopped {
        /// Who.
        member: usize,
        /// Which fault; none if it was no fault of the plan.
        fault: Option<usize>,
    },
    /// It follows the chain without voting, and may vote again once it is restarted.
    MayVote {
        /// Who.
        member: usize,
    },
}

/// What happens inside a member.
#[derive(Debug)]
pub enum Inside {
    /// An alarm rings.
    Ring(consensus::Timeout),
    /// The application, the signer or the store has an answer.
    Answer(Box<consensus::Input>),
    /// It has time for what has come meanwhile.
    Wake,
    /// The application's thread takes the next question.
    Execute,
    /// The admission thread looks.
    Admit,
}

/// What all members share.
pub struct Outside {
    /// All that chance decided before.
    pub plan: Plan,
    /// How the chain begins.
    pub genesis: Genesis,
    /// The time.
    pub now: Moment,
    /// What will happen.
    pub queue: Queue<Happening>,
    /// Who hears whom.
    pub network: Network,
    /// All keys.
    pub curves: Curves,
    /// What the light application says, the same at every member.
    pub word: Word,
    /// Who looks on.
    pub judges: Judges,
    /// What members want done.
    pub notes: Vec<Note>,
    /// What was decided, as clients know it.
    pub ledger: Ledger,
    /// What was counted.
    pub counts: Counts,
    /// Names the history.
    pub digest: Digest,
}

impl Outside {
    /// Puts a message on its way from one member to another.
    pub fn send(&mut self, at: Moment, from: usize, to: usize, message: &Message) {
        let Some(connection) = self.network.connection(from, to) else { return };
        self.counts.sent(message);
        self.judges.sent(from, message);
        for at in self.network.route(at, (from, to), size::of(message)).into_iter().flatten() {
            let message = message.clone();
            self.queue.push(at, Happening::Arrive { from, to, connection, message });
        }
    }
}
