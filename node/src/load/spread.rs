//! How a figure is spread: its quantiles, by the nearest rank.

use serde::Serialize;

/// The quantiles of many values, in milliseconds or whatever they were in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many there were.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// Half of them are no larger.
    pub p50: f64,
    /// Nine of ten are no larger.
    pub p90: f64,
    /// All but one of a hundred are no larger.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of some values; none if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let count = values.len();
        Some(Self {
            count,
            min,
            mean: values.iter().sum::<f64>() / count as f64,
            p50: quantile(&values, 50),
            p90: quantile(&values, 90),
            p99: quantile(&values, 99),
            max,
        })
    }
}

/// The smallest of sorted values that so many percent are not larger than.
///
/// # Panics
/// If there are none, or more than all are asked for.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    assert!(!sorted.is_empty() && percent <= 100);
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let spread = Spread::of(hundred).unwrap();
        assert_eq!(spread.count, 100);
        assert_eq!((spread.p50, spread.p90, spread.p99), (50.0, 90.0, 99.0));
        assert_eq!((spread.min, spread.max, spread.mean), (1.0, 100.0, 50.5));
        let one = Spread::of(vec![-3.0]).unwrap();
        assert_eq!((one.min, one.p50, one.p99, one.max), (-3.0, -3.0, -3.0, -3.0));
        let three = Spread::of(vec![1.0, 2.0, 10.0]).unwrap();
        assert_eq!((three.p50, three.p90, three.p99), (2.0, 10.0, 10.0));
    }

    #[test]
    fn nothing_has_no_spread() {
        assert_eq!(Spread::of(vec![]), None);
    }
}
