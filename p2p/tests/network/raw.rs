//! A peer that we did not write: plain libp2p with `libp2p-stream`, one stream for each message,
//! which knows none of our own protocols. So does the reference's transport.

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::{Behaviour, Control, IncomingStreams};
use tokio::sync::oneshot;

use crate::kit::DEADLINE;

/// A plain libp2p peer; ends when dropped.
pub struct RawPeer {
    pub id: PeerId,
    pub address: Multiaddr,
    pub control: Control,
    _running: oneshot::Sender<()>,
}

/// The protocol of a channel, spelt out as the reference does.
pub fn protocol(number: u8) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/p2p/cometbft/1.0.0/channel/0x{number:02x}"))
        .expect("it begins with a slash")
}

impl RawPeer {
    /// Starts a peer that listens on TCP, and dials `peer` if there is one.
    pub async fn start(peer: Option<String>) -> Self {
        let mut swarm: Swarm<Behaviour> = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .expect("Noise takes any key")
            .with_quic()
            .with_behaviour(|_| Behaviour::new())
            .expect("it cannot fail")
            .with_swarm_config(|it| it.with_idle_connection_timeout(DEADLINE))
            .build();
        let listen = "/ip4/127.0.0.1/tcp/0".parse().expect("a multiaddress");
        swarm.listen_on(listen).expect("any port is free");
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        if let Some(peer) = peer {
            let peer: Multiaddr = peer.parse().expect("a multiaddress");
            swarm.dial(peer).expect("it can be dialed");
        }
        let (id, control) = (*swarm.local_peer_id(), swarm.behaviour().new_control());
        let (running, mut stopped) = oneshot::channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    _ = &mut stopped => return,
                }
            }
        });
        Self { id, address, control, _running: running }
    }

    /// Opens a stream on a channel, writes these bytes, and closes it. False if that fails.
    pub async fn write(&mut self, peer: PeerId, number: u8, bytes: &[u8]) -> bool {
        let Ok(mut stream) = self.control.open_stream(peer, protocol(number)).await else {
            return false;
        };
        stream.write_all(bytes).await.is_ok() && stream.close().await.is_ok()
    }
}

/// The bytes of the next stream that a peer opens, to its end.
pub async fn read_next(incoming: &mut IncomingStreams) -> Vec<u8> {
    let read = async {
        let (_, mut stream) = incoming.next().await.expect("the peer runs");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("the stream ends well");
        bytes
    };
    tokio::time::timeout(DEADLINE, read).await.expect("a stream comes in time")
}
