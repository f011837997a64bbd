//! The transactions that a load sends: pairs that the kvstore takes, each with the name of the run,
//! a number of its own and the time at which it was sent.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use types::Time;

/// How the key begins. Never `val`, which would be a change of the validators.
const PREFIX: &str = "load-";
/// Hex digits of a run's name, of a number, and of a time in nanoseconds.
const RUN_DIGITS: usize = 8;
const NUMBER_DIGITS: usize = 10;
const TIME_DIGITS: usize = 16;
/// Bytes of the key with its two dashes and the `=` after it.
const HEAD_BYTES: usize = PREFIX.len() + RUN_DIGITS + 1 + NUMBER_DIGITS + 1 + TIME_DIGITS + 1;
/// Random bytes that the letters of values are made of.
const RANDOM_BYTES: usize = 192 * 1024;

/// Fewest bytes of a transaction: its key, and one letter of a value.
pub const BYTES_MIN: usize = HEAD_BYTES + 1;
/// Most bytes of a transaction: a whole block by default.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most transactions of a run: what became of each is remembered.
pub const TRANSACTIONS_MAX: u64 = 10_000_000;

const _: () = assert!(TRANSACTIONS_MAX < 1 << (4 * NUMBER_DIGITS));

/// What a transaction says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its number within the run.
    pub number: u64,
    /// When it was sent, by the sender's clock.
    pub sent_at: Time,
}

/// Makes the transactions of one run, and knows them again in blocks.
pub struct Mint {
    run: [u8; RUN_DIGITS / 2],
    size: usize,
    /// Letters that do not compress, of which values are pieces.
    letters: Vec<u8>,
}

impl Mint {
    /// A run of a random name, with transactions of so many bytes.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn new(size: usize) -> Result<Self, getrandom::Error> {
        let mut run = [0; RUN_DIGITS / 2];
        getrandom::fill(&mut run)?;
        let mut random = vec![0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        // Neither `=` nor `:` is among these letters, so that the pair stays one.
        let letters = URL_SAFE_NO_PAD.encode(random).into_bytes();
        Ok(Self { run, size, letters })
    }

    /// The name of the run.
    pub fn run(&self) -> String {
        hex::encode(self.run)
    }

    /// The transaction with this stamp.
    pub fn transaction(&self, stamp: Stamp) -> Vec<u8> {
        let (run, number) = (self.run(), stamp.number);
        // Between 1970 and 2554 this loses nothing.
        let nanos = u64::try_from(stamp.sent_at.unix_nanos()).unwrap_or(0);
        let head = format!("{PREFIX}{run}-{number:010x}-{nanos:016x}=");
        let mut tx = head.into_bytes();
        assert_eq!(tx.len(), HEAD_BYTES, "numbers are below their limit");
        // Another piece each time, so that neighbours in a block do not resemble each other.
        let count = u64::try_from(self.letters.len()).expect("a length fits 64 bits");
        let first = usize::try_from(number.wrapping_mul(8_191) % count).expect("it is an index");
        let letters = self.letters[first..].iter().chain(self.letters.iter().cycle());
        tx.extend(letters.take(self.size.saturating_sub(HEAD_BYTES)));
        tx
    }

    /// What a transaction in a block says of itself; none if it is not of this run.
    pub fn read(&self, tx: &[u8]) -> Option<Stamp> {
        let head = std::str::from_utf8(tx.get(..HEAD_BYTES)?).ok()?;
        let mut fields = head.strip_prefix(PREFIX)?.strip_suffix('=')?.split('-');
        let (run, number, nanos) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() || run != self.run() || number.len() != NUMBER_DIGITS {
            return None;
        }
        let number = u64::from_str_radix(number, 16).ok()?;
        let nanos = u64::from_str_radix(nanos, 16).ok()?;
        Some(Stamp { number, sent_at: Time::from_unix_nanos(nanos.into())? })
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").field("run", &self.run()).field("size", &self.size).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        let sent_at = Time::parse_rfc3339("2026-11-26T10:00:00.123456789Z").unwrap();
        Stamp { number, sent_at }
    }

    #[test]
    fn what_is_written_is_read_again_at_any_size() {
        for size in [BYTES_MIN, 100, 250, 1024, 300_000] {
            let mint = Mint::new(size).unwrap();
            for number in [0, 1, 77_777, TRANSACTIONS_MAX] {
                let tx = mint.transaction(stamp(number));
                assert_eq!(tx.len(), size);
                assert_eq!(mint.read(&tx), Some(stamp(number)));
            }
        }
    }

    #[test]
    fn every_transaction_is_one_pair_and_no_two_are_the_same() {
        let mint = Mint::new(300).unwrap();
        let first = mint.transaction(stamp(1));
        let second = mint.transaction(stamp(2));
        assert_ne!(first[HEAD_BYTES..], second[HEAD_BYTES..]);
        for tx in [first, second] {
            assert_eq!(tx.iter().filter(|&&byte| byte == b'=').count(), 1);
            assert!(!tx.contains(&b':') && !tx.starts_with(b"val"));
        }
    }

    #[test]
    fn strangers_are_not_taken_for_ours() {
        let mint = Mint::new(100).unwrap();
        let other = Mint { run: [!mint.run[0], 0, 0, 0], size: 100, letters: vec![b'x'; 99_991] };
        let ours = String::from_utf8(mint.transaction(stamp(3))).unwrap();
        for tx in [
            other.transaction(stamp(3)),
            b"a=b".to_vec(),
            vec![],
            ours.replacen('=', ":", 1).into_bytes(),
            ours.replacen("load", "road", 1).into_bytes(),
            ours.replacen(&mint.run(), "zzzzzzzz", 1).into_bytes(),
            "-".repeat(100).into_bytes(),
            vec![0xff; 100],
        ] {
            assert_eq!(mint.read(&tx), None);
        }
    }
}
