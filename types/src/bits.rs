//! Which of n things somebody has: parts of a block, votes of validators.

/// A fixed number of bits, all clear at first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitArray {
    count: usize,
    words: Vec<u64>,
}

impl BitArray {
    /// `count` clear bits. The caller has checked `count` against its limit.
    pub fn new(count: usize) -> Self {
        Self { count, words: vec![0; count.div_ceil(64)] }
    }

    /// Bits from the wire; bits beyond `count` are cleared, missing words are clear.
    pub fn from_words(count: usize, words: &[u64]) -> Self {
        let mut bits = Self::new(count);
        for (own, &given) in bits.words.iter_mut().zip(words) {
            *own = given;
        }
        bits.clear_tail();
        bits
    }

    /// The words, bit 0 lowest, as on the wire.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many bits there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the bit is set; false beyond the end.
    pub fn has(&self, index: usize) -> bool {
        index < self.count && self.words[index / 64] & (1 << (index % 64)) != 0
    }

    /// Sets a bit; nothing happens beyond the end. Returns whether it was clear.
    pub fn set(&mut self, index: usize) -> bool {
        if self.count <= index || self.has(index) {
            return false;
        }
        self.words[index / 64] |= 1 << (index % 64);
        true
    }

    /// Clears a bit; nothing happens beyond the end.
    pub fn clear(&mut self, index: usize) {
        if index < self.count {
            self.words[index / 64] &= !(1 << (index % 64));
        }
    }

    /// Sets all bits that `other` has set, as far as this array goes.
    pub fn add(&mut self, other: &BitArray) {
        for (own, &theirs) in self.words.iter_mut().zip(&other.words) {
            *own |= theirs;
        }
        self.clear_tail();
    }

    /// Indices set here and not in `other`, ascending.
    pub fn minus<'a>(&'a self, other: &'a BitArray) -> impl Iterator<Item = usize> + 'a {
        self.ones().filter(move |&index| !other.has(index))
    }

    /// Indices that are set, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.count).filter(move |&index| self.has(index))
    }

    /// How many bits are set.
    pub fn ones_count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether all bits are set.
    pub fn is_full(&self) -> bool {
        self.ones_count() == self.count
    }

    fn clear_tail(&mut self) {
        let used = self.count % 64;
        if let (Some(last), true) = (self.words.last_mut(), used != 0) {
            *last &= (1 << used) - 1;
        }
    }
}
