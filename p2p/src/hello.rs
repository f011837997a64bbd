//! `/lockstep/hello/1`: two nodes tell each other who they are, and whether they get along.
//!
//! Both sides do the same on one stream, which the dialer opens: say hello, read the other's,
//! say the verdict on it, read the other's. So whoever refuses, both know why.

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use types::{ChainId, Hash};

use crate::stream::{read_note, write_note};

/// Largest hello or verdict in bytes.
const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Longest name, version or reason that is kept of a peer's, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Most listening addresses that are kept of a peer's hello.
const ADDRESSES_MAX: usize = 8;

/// What this node is. Everything but the last two fields must agree between peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The chain.
    pub chain_id: ChainId,
    /// Hash of the genesis that the chain began with.
    pub genesis_hash: Hash,
    /// Version of the block format. spec: `version.BlockProtocol`.
    pub block_protocol: u64,
    /// Version of what is said between peers. spec: `version.P2PProtocol`.
    pub p2p_protocol: u64,
    /// The operator's name for the node.
    pub moniker: String,
    /// Name and version of the software.
    pub version: String,
}

/// What a peer said about itself. Its texts are cut to a sane length and printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Its chain; ours, or it would not be connected.
    pub chain_id: String,
    /// Version of the block format.
    pub block_protocol: u64,
    /// Version of what is said between peers.
    pub p2p_protocol: u64,
    /// Its operator's name for it.
    pub moniker: String,
    /// Name and version of its software.
    pub version: String,
    /// Where it says it can be dialed, as multiaddresses.
    pub listen_addresses: Vec<String>,
    /// Whether it takes one long-lived stream for each class of messages.
    pub class_streams: bool,
}

/// Why two nodes do not get along.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Mismatch {
    #[error("chain is `{theirs}`, expected `{ours}`")]
    Chain { theirs: String, ours: ChainId },
    #[error("genesis is {theirs}, expected {ours}")]
    Genesis { theirs: String, ours: Hash },
    #[error("block protocol is {theirs}, expected {ours}")]
    BlockProtocol { theirs: u64, ours: u64 },
    #[error("p2p protocol is {theirs}, expected {ours}")]
    P2pProtocol { theirs: u64, ours: u64 },
}

/// How an exchange of hellos can fail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error("refused by us: its {0}")]
    RefusedByUs(Mismatch),
    #[error("refused by the peer: {0}")]
    RefusedByPeer(String),
    #[error("hello failed: {0}")]
    Stream(#[from] std::io::Error),
}

#[derive(Clone, PartialEq, prost::Message)]
struct HelloNote {
    #[prost(string, tag = "1")]
    chain_id: String,
    #[prost(bytes = "vec", tag = "2")]
    genesis_hash: Vec<u8>,
    #[prost(uint64, tag = "3")]
    block_protocol: u64,
    #[prost(uint64, tag = "4")]
    p2p_protocol: u64,
    #[prost(string, tag = "5")]
    moniker: String,
    #[prost(string, tag = "6")]
    version: String,
    #[prost(string, repeated, tag = "7")]
    listen_addresses: Vec<String>,
    #[prost(bool, tag = "8")]
    class_streams: bool,
}

/// Empty means welcome.
#[derive(Clone, PartialEq, prost::Message)]
struct VerdictNote {
    #[prost(string, tag = "1")]
    refusal: String,
}

/// Says and hears hello on a fresh stream.
///
/// # Errors
/// If either side refuses the other, or the stream fails.
pub(crate) async fn exchange<S>(
    stream: &mut S,
    local: &Local,
    listen_addresses: Vec<String>,
) -> Result<Hello, HelloError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    write_note(stream, &local.note(listen_addresses)).await?;
    let theirs: HelloNote = read_note(stream, NOTE_BYTES_MAX).await?;
    let judged = local.judge(&theirs);
    let refusal = judged.as_ref().err().map(Mismatch::to_string).unwrap_or_default();
    let said = write_note(stream, &VerdictNote { refusal }).await;
    // Their verdict is awaited even when we refuse: then ours has reached them.
    let verdict: Result<VerdictNote, _> = read_note(stream, NOTE_BYTES_MAX).await;
    // Our own reason comes before what the stream says: a peer that refused us may be gone already.
    judged.map_err(HelloError::RefusedByUs)?;
    said?;
    let refusal = printable(&verdict?.refusal);
    if !refusal.is_empty() {
        return Err(HelloError::RefusedByPeer(refusal));
    }
    stream.close().await?;
    Ok(theirs.into())
}

impl Local {
    fn note(&self, listen_addresses: Vec<String>) -> HelloNote {
        HelloNote {
            chain_id: self.chain_id.to_string(),
            genesis_hash: self.genesis_hash.0.to_vec(),
            block_protocol: self.block_protocol,
            p2p_protocol: self.p2p_protocol,
            moniker: self.moniker.clone(),
            version: self.version.clone(),
            listen_addresses,
            class_streams: true,
        }
    }

    /// Whether a peer that says this is one of us.
    fn judge(&self, theirs: &HelloNote) -> Result<(), Mismatch> {
        if theirs.chain_id != self.chain_id.as_str() {
            let theirs = printable(&theirs.chain_id);
            return Err(Mismatch::Chain { theirs, ours: self.chain_id.clone() });
        }
        if theirs.genesis_hash != self.genesis_hash.as_bytes() {
            let hash = <[u8; 32]>::try_from(theirs.genesis_hash.as_slice());
            let theirs = hash.map_or("no hash".to_owned(), |it| Hash(it).to_string());
            return Err(Mismatch::Genesis { theirs, ours: self.genesis_hash });
        }
        if theirs.block_protocol != self.block_protocol {
            let (theirs, ours) = (theirs.block_protocol, self.block_protocol);
            return Err(Mismatch::BlockProtocol { theirs, ours });
        }
        if theirs.p2p_protocol != self.p2p_protocol {
            let (theirs, ours) = (theirs.p2p_protocol, self.p2p_protocol);
            return Err(Mismatch::P2pProtocol { theirs, ours });
        }
        Ok(())
    }
}

impl From<HelloNote> for Hello {
    fn from(note: HelloNote) -> Self {
        let addresses = note.listen_addresses.iter().take(ADDRESSES_MAX);
        Self {
            chain_id: printable(&note.chain_id),
            block_protocol: note.block_protocol,
            p2p_protocol: note.p2p_protocol,
            moniker: printable(&note.moniker),
            version: printable(&note.version),
            listen_addresses: addresses.map(|it| printable(it)).collect(),
            class_streams: note.class_streams,
        }
    }
}

/// A foreign text as it may stand in our logs and answers: short, without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use prost::Message as _;

    use super::*;
    use crate::framing::put_varint;

    fn local() -> Local {
        Local {
            chain_id: ChainId::new("chain-a").expect("a short name"),
            genesis_hash: Hash([1; 32]),
            block_protocol: 11,
            p2p_protocol: 8,
            moniker: "one".to_owned(),
            version: "lockstep 0.1.0".to_owned(),
        }
    }

    /// A missing key inside another message of the handshake made others panic. Whatever comes in
    /// place of a hello or of the verdict on it, there is an error or a hello cut to size.
    #[test]
    fn advisory_07_no_bytes_in_place_of_a_hello_do_harm() {
        let mut good = Vec::new();
        put_varint(local().note(vec![]).encoded_len(), &mut good);
        local().note(vec![]).encode_raw(&mut good);
        let whole = [&good[..], &[0]].concat();
        assert!(answer_to(&whole).is_ok());
        let mut numbers = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                numbers = numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (place, byte) = ((numbers >> 33) as usize, (numbers >> 25) as u8);
                match byte % 3 {
                    0 => bytes.truncate(place % (bytes.len() + 1)),
                    1 => bytes.insert(place % (bytes.len() + 1), byte),
                    _ if bytes.is_empty() => {}
                    _ => {
                        let place = place % bytes.len();
                        bytes[place] = byte;
                    }
                }
            }
            if let Ok(hello) = answer_to(&bytes) {
                assert!(hello.moniker.chars().count() <= TEXT_CHARS_MAX);
                assert!(hello.listen_addresses.len() <= ADDRESSES_MAX);
            }
        }
        for length in [NOTE_BYTES_MAX + 1, 1 << 20, usize::MAX >> 1] {
            let mut claim = Vec::new();
            put_varint(length, &mut claim);
            assert!(answer_to(&claim).is_err(), "{length}");
        }
    }

    /// What comes of a peer that says these bytes and then nothing.
    fn answer_to(bytes: &[u8]) -> Result<Hello, HelloError> {
        let mut stream = Said { bytes: bytes.to_vec(), read: 0 };
        futures::executor::block_on(exchange(&mut stream, &local(), vec![]))
    }

    /// A stream on which the other side has said all it says, and takes whatever we say.
    struct Said {
        bytes: Vec<u8>,
        read: usize,
    }

    impl AsyncRead for Said {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            let rest = &self.bytes[self.read..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.read += count;
            Poll::Ready(Ok(count))
        }
    }

    impl AsyncWrite for Said {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn each_fact_that_must_agree_is_compared() {
        let note = local().note(Vec::new());
        assert_eq!(local().judge(&note), Ok(()));
        let refuse = |change: fn(&mut HelloNote)| {
            let mut note = note.clone();
            change(&mut note);
            local().judge(&note).expect_err("must be refused").to_string()
        };
        let chain = refuse(|it| it.chain_id = "chain-b\n".to_owned());
        assert_eq!(chain, "chain is `chain-b`, expected `chain-a`");
        assert!(refuse(|it| it.genesis_hash[0] = 9).starts_with("genesis is 09"));
        assert!(refuse(|it| it.genesis_hash.clear()).starts_with("genesis is no hash"));
        assert_eq!(refuse(|it| it.block_protocol = 10), "block protocol is 10, expected 11");
        assert_eq!(refuse(|it| it.p2p_protocol = 9), "p2p protocol is 9, expected 8");
    }

    #[test]
    fn foreign_texts_are_cut_and_printable() {
        let mut note = local().note(vec!["x".to_owned(); 100]);
        note.moniker = format!("evil\n\u{1b}[31m{}", "z".repeat(1000));
        let hello = Hello::from(note);
        assert!(hello.moniker.starts_with("evil[31mzzz"));
        assert_eq!(hello.moniker.chars().count(), TEXT_CHARS_MAX);
        assert_eq!(hello.listen_addresses.len(), ADDRESSES_MAX);
    }
}
