//! A range of seeds, as `--seeds` takes it.

use std::str::FromStr;

/// Seeds from one up to and without another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// The first.
    pub from: u64,
    /// The first that is not among them; none if they go on.
    pub to: Option<u64>,
}

impl Seeds {
    /// How many there are, if they end.
    pub fn count(self) -> Option<u64> {
        self.to.map(|to| to - self.from)
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write it as A..B, such as 0..1000";
        let (from, to) = text.split_once("..").ok_or(form)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| form.to_owned());
        let from = number(from)?;
        let to = if to.is_empty() { None } else { Some(number(to)?) };
        if to.is_some_and(|to| to <= from) {
            return Err("there are no seeds in it: B is to be above A".to_owned());
        }
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_first_seed_and_not_its_last() {
        assert_eq!("3..9".parse(), Ok(Seeds { from: 3, to: Some(9) }));
        assert_eq!("3..9".parse::<Seeds>().map(Seeds::count), Ok(Some(6)));
        assert_eq!("3..".parse(), Ok(Seeds { from: 3, to: None }));
        for text in ["", "3", "..9", "a..b", "9..3", "3..3", "3...9", "-1..2"] {
            assert!(text.parse::<Seeds>().is_err(), "{text}");
        }
    }
}
