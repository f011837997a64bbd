//! Which of n things somebody has: parts of a block, votes of validators.

/// A fixed number of bits, all clear at first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitArray {
    count: usize,
    /// All of them, if one word is enough: most are that few, and need no memory of their own.
    few: [u64; 1],
    /// All of them, if it is not.
    many: Vec<u64>,
}

/// Bits of a word.
const WORD_BITS: usize = 64;

impl BitArray {
    /// `count` clear bits. The caller has checked `count` against its limit.
    pub fn new(count: usize) -> Self {
        let many = if count <= WORD_BITS { Vec::new() } else { vec![0; count.div_ceil(WORD_BITS)] };
        Self { count, few: [0], many }
    }

    /// Bits from the wire; bits beyond `count` are cleared, missing words are clear.
    pub fn from_words(count: usize, words: &[u64]) -> Self {
        let mut bits = Self::new(count);
        for (own, &given) in bits.words_mut().iter_mut().zip(words) {
            *own = given;
        }
        bits.clear_tail();
        bits
    }

    /// The words, bit 0 lowest, as on the wire.
    pub fn words(&self) -> &[u64] {
        match self.count {
            0 => &[],
            1..=WORD_BITS => &self.few,
            _ => &self.many,
        }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        match self.count {
            0 => &mut [],
            1..=WORD_BITS => &mut self.few,
            _ => &mut self.many,
        }
    }

    /// How many bits there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the bit is set; false beyond the end.
    pub fn has(&self, index: usize) -> bool {
        let word = self.words().get(index / WORD_BITS);
        word.is_some_and(|word| word & (1 << (index % WORD_BITS)) != 0)
    }

    /// Sets a bit; nothing happens beyond the end. Returns whether it was clear.
    pub fn set(&mut self, index: usize) -> bool {
        if self.count <= index || self.has(index) {
            return false;
        }
        self.words_mut()[index / WORD_BITS] |= 1 << (index % WORD_BITS);
        true
    }

    /// Clears a bit; nothing happens beyond the end.
    pub fn clear(&mut self, index: usize) {
        if index < self.count {
            self.words_mut()[index / WORD_BITS] &= !(1 << (index % WORD_BITS));
        }
    }

    /// Sets all bits that `other` has set, as far as this array goes.
    pub fn add(&mut self, other: &BitArray) {
        for (own, &theirs) in self.words_mut().iter_mut().zip(other.words()) {
            *own |= theirs;
        }
        self.clear_tail();
    }

    /// Clears all bits that `other` has set.
    pub fn remove(&mut self, other: &BitArray) {
        for (own, &theirs) in self.words_mut().iter_mut().zip(other.words()) {
            *own &= !theirs;
        }
    }

    /// Indices set here and not in `other`, ascending.
    pub fn minus<'a>(&'a self, other: &'a BitArray) -> impl Iterator<Item = usize> + 'a {
        let theirs = other.words().iter().copied().chain(std::iter::repeat(0));
        let words = self.words().iter().zip(theirs).map(|(own, theirs)| own & !theirs);
        (0..).step_by(WORD_BITS).zip(words).flat_map(|(first, word)| ones_of(first, word))
    }

    /// Indices that are set, ascending.
    pub fn ones(&self) -> impl Iterator<Item = usize> + '_ {
        let words = self.words().iter().copied();
        (0..).step_by(WORD_BITS).zip(words).flat_map(|(first, word)| ones_of(first, word))
    }

    /// How many bits are set.
    pub fn ones_count(&self) -> usize {
        self.words().iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether all bits are set.
    pub fn is_full(&self) -> bool {
        self.ones_count() == self.count
    }

    fn clear_tail(&mut self) {
        let used = self.count % WORD_BITS;
        if let (Some(last), true) = (self.words_mut().last_mut(), used != 0) {
            *last &= (1 << used) - 1;
        }
    }
}

/// Which bits of a word are set, counted from `first`.
fn ones_of(first: usize, word: u64) -> impl Iterator<Item = usize> {
    let lowest = |&left: &u64| Some(left & (left - 1)).filter(|&left| left != 0);
    let lefts = std::iter::successors(Some(word).filter(|&word| word != 0), lowest);
    lefts.map(move |left| first + left.trailing_zeros() as usize)
}
