//! What all members share: the time, the queue, the network, the judges, and the counts.

use std::sync::Arc;

use consensus::{Input, Question, Recipients};
use types::{Genesis, Message, Offence, PeerId, PublicKey};

use crate::application::Needed;
use crate::byzantine::{Adversary, Said, Scene, Sent};
use crate::curves::Curves;
use crate::judges::Judges;
use crate::member::light::Word;
use crate::model::Modelling;
use crate::model::workshop::Parcel;
use crate::moment::{Clock, Moment};
use crate::network::{Network, scores, size};
use crate::plan::Plan;
use crate::queue::Queue;
use crate::report::{Counts, Digest};
use crate::trace::{Trace, words};
use crate::workload::{Errand, Ticket};

/// Something that happens.
#[derive(Debug)]
pub enum Happening {
    /// A message arrives.
    Arrive {
        /// From whom.
        from: usize,
        /// At whom.
        to: usize,
        /// On which of their connections.
        connection: u32,
        /// What. In a box, so that queues have small things to move.
        message: Box<Message>,
    },
    /// A message comes to the line of a modelled member.
    Reach {
        /// From whom.
        from: usize,
        /// At whom.
        to: usize,
        /// On which of their connections.
        connection: u32,
        /// What, and how many bytes it has.
        message: Parcel,
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
        message: Box<Message>,
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
    /// A client of modelled members sends the next transaction.
    Submit,
    /// Bytes arrive that are no message.
    Garbage {
        /// From whom.
        from: usize,
        /// At whom.
        to: usize,
        /// On which of their connections.
        connection: u32,
    },
    /// A member cuts a peer and lets it in no more for a while.
    Ban {
        /// Who.
        member: usize,
        /// Whom.
        peer: usize,
    },
    /// A ban is over.
    Forgive {
        /// Who.
        member: usize,
        /// Whom.
        peer: usize,
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
    /// A modelled verifier looks for something to check.
    Look,
    /// A modelled verifier has checked this.
    Checked(PeerId, Parcel),
    /// And these.
    AllChecked(Vec<(PeerId, Parcel)>),
    /// The modelled network is given what the replica has said.
    Speak(Vec<(Recipients, Parcel)>),
    /// Modelled admission tells peers of transactions.
    Gossip,
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
    /// Who stands between Byzantine members and the world; empty if all are honest.
    pub adversaries: Vec<Option<Box<Adversary>>>,
    /// Who looks on.
    pub judges: Judges,
    /// Clients and measures, if members are modelled.
    pub modelling: Option<Box<Modelling>>,
    /// What members want done.
    pub notes: Vec<Note>,
    /// What applications may not have forgotten.
    pub needed: Needed,
    /// What was counted.
    pub counts: Counts,
    /// Names the history.
    pub digest: Digest,
    /// Tells the history, if somebody wants to read it.
    pub trace: Option<Trace>,
}

impl Outside {
    /// A member holds something against a peer, as the node's network counts it.
    pub fn penalise(&mut self, member: usize, peer: usize, offence: Offence, reason: &str) {
        self.judges.blamed(member, peer, offence, reason);
        self.tell(|| format!("n{member} blames n{peer}: {reason}"));
        let link = (member, peer);
        if self.network.scores.add(link, offence, self.now) && self.network.scores.ban(link) {
            self.judges.banned(member, peer);
            self.counts.bans += 1;
            self.queue.push(self.now, Happening::Ban { member, peer });
            let over = self.now.after(scores::BAN);
            self.queue.push(over, Happening::Forgive { member, peer });
        }
    }

    /// Puts a message on its way from one member to another.
    pub fn send(&mut self, at: Moment, from: usize, to: usize, message: &Message) {
        let speak = |it: &mut Adversary, scene: &Scene<'_>, said: &mut Said| {
            it.speak(scene, to, message, said)
        };
        match self.with_adversary(from, speak) {
            None => self.carry(at, from, to, message),
            Some(said) => self.say(at, from, said),
        }
    }

    /// A Byzantine member hears a message before its replica does, and may answer it.
    pub fn overhear(&mut self, from: usize, to: usize, message: &Message) {
        let hear = |it: &mut Adversary, scene: &Scene<'_>, said: &mut Said| {
            it.hear(scene, from, message, said)
        };
        if let Some(said) = self.with_adversary(to, hear) {
            self.say(self.now, to, said);
        }
    }

    /// Puts a modelled member's message on its way; there are no adversaries among them.
    pub fn send_parcel(&mut self, at: Moment, (from, to): (usize, usize), message: &Parcel) {
        let Some(connection) = self.network.connection(from, to) else { return };
        self.counts.sent(&message.message);
        self.judges.sent(from, &message.message);
        let arrivals = self.network.route(at, (from, to), message.bytes);
        for at in arrivals.into_iter().flatten() {
            let message = message.clone();
            self.queue.push(at, Happening::Reach { from, to, connection, message });
        }
    }

    /// The adversary of a member, if it has one.
    pub fn adversary(&mut self, member: usize) -> Option<&mut Adversary> {
        self.adversaries.get_mut(member)?.as_deref_mut()
    }

    /// Lets the adversary of a member act, if it has one.
    fn with_adversary(
        &mut self,
        member: usize,
        act: impl FnOnce(&mut Adversary, &Scene<'_>, &mut Said),
    ) -> Option<Said> {
        let mut adversary = self.adversaries.get_mut(member)?.take()?;
        let scene = Scene {
            curves: &self.curves,
            chain_id: &self.genesis.chain_id,
            peers: self.network.peers(member),
            time: Clock::default().read(self.now),
        };
        let mut said = Said::default();
        act(&mut adversary, &scene, &mut said);
        self.adversaries[member] = Some(adversary);
        Some(said)
    }

    /// Carries what an adversary says, as bytes: what cannot be read is no message.
    fn say(&mut self, at: Moment, from: usize, said: Said) {
        for vice in said.acts {
            self.counts.acted(vice);
        }
        for Sent { to, message, after_nanos } in said.sent {
            let at = at.after_nanos(after_nanos);
            match Message::decode(message.channel(), message.encode()) {
                Ok(message) => self.carry(at, from, to, &message),
                Err(_) => {
                    let Some(connection) = self.network.connection(from, to) else { continue };
                    for at in self.network.route(at, (from, to), 1).into_iter().flatten() {
                        self.queue.push(at, Happening::Garbage { from, to, connection });
                    }
                }
            }
        }
    }

    fn carry(&mut self, at: Moment, from: usize, to: usize, message: &Message) {
        let Some(connection) = self.network.connection(from, to) else { return };
        self.counts.sent(message);
        self.judges.sent(from, message);
        let taken = self.network.takes((from, to), message);
        let route = |network: &mut Network| network.route(at, (from, to), size::of(message));
        let mut arrivals = if taken { [None, None] } else { route(&mut self.network) };
        // Who asked and was answered is owed nothing more: that a transport doubles it would only
        // look like a lie.
        if matches!(message, Message::BlockRequest(_) | Message::BlockResponse { .. }) {
            arrivals[1] = None;
        }
        if arrivals == [None, None] {
            self.tell(|| format!("n{from} -> n{to} lost: {}", words::message(message)));
        }
        // A stream does not repeat itself. Gossip bears that all the same; whoever gets an answer
        // twice rightly holds it against its peer.
        let copies = if matches!(message, Message::BlockResponse { .. }) { 1 } else { 2 };
        for at in arrivals.into_iter().flatten().take(copies) {
            let message = Box::new(message.clone());
            self.queue.push(at, Happening::Arrive { from, to, connection, message });
        }
    }

    /// The light application's answer. What comes of a block is the same everywhere, so that it is
    /// found out but once where there are many members and large blocks.
    pub fn answer(&mut self, question: Question, key: Option<PublicKey>) -> Input {
        let (Some(modelling), Question::Execute { block, id, .. }) =
            (&mut self.modelling, &question)
        else {
            return self.word.answer(question, key);
        };
        let known = modelling.outcome.take().filter(|(hash, _)| *hash == id.hash);
        let (hash, outcome) =
            known.unwrap_or_else(|| (id.hash, Arc::new(self.word.outcome(block, &id.hash))));
        modelling.outcome = Some((hash, Arc::clone(&outcome)));
        Input::Executed { height: block.header.height, outcome }
    }

    /// The next transaction of modelled clients is sent at its time.
    pub fn submit_later(&mut self) {
        let next = self.modelling.as_mut().and_then(|it| it.load.next_at());
        if let Some(at) = next {
            self.queue.push(at, Happening::Submit);
        }
    }

    /// Whether all that was to be measured is.
    pub fn is_measured(&self) -> bool {
        self.modelling.as_ref().is_some_and(|it| it.meter.is_over())
    }

    /// Tells what happens now, if somebody wants to read it.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.tell(self.now, &what());
        }
    }

    /// Tells what happens now, if it is worth a line and somebody wants to read it.
    pub fn tell_some(&mut self, what: impl FnOnce() -> Option<String>) {
        if let Some(trace) = &mut self.trace
            && let Some(what) = what()
        {
            trace.tell(self.now, &what);
        }
    }
}
