//! Pages of long lists: 30 entries, 100 at most. spec: `rpc/core/env.go`.

use crate::error::RpcError;
use crate::params::Arguments;

/// Entries of a page if nothing is said.
pub const PER_PAGE: usize = 30;
/// Most entries of a page.
pub const PER_PAGE_MAX: usize = 100;

/// Part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    from: usize,
    to: usize,
}

impl Page {
    /// The page that the arguments ask for, of a list with `total` entries.
    ///
    /// # Errors
    /// If there is no such page.
    pub fn of(arguments: &Arguments, total: usize) -> Result<Self, RpcError> {
        let per_page = per_page(arguments.int("per_page"));
        let pages = total.div_ceil(per_page).max(1);
        let asked = arguments.int("page").unwrap_or(1);
        let page = usize::try_from(asked).ok().filter(|&page| 0 < page && page <= pages);
        let page = page.ok_or_else(|| {
            RpcError::internal(format!("page should be within [1, {pages}] range, given {asked}"))
        })?;
        let from = (page - 1) * per_page;
        Ok(Self { from, to: (from + per_page).min(total) })
    }

    /// The entries of the page.
    pub fn cut<'a, T>(&self, list: &'a [T]) -> &'a [T] {
        list.get(self.from..self.to).unwrap_or_default()
    }
}

/// How many entries a page has: too many are capped, none or less means the default.
pub fn per_page(asked: Option<i64>) -> usize {
    match asked.and_then(|asked| usize::try_from(asked).ok()) {
        None | Some(0) => PER_PAGE,
        Some(asked) => asked.min(PER_PAGE_MAX),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::params::{Kind, param};

    fn page(given: serde_json::Value, total: usize) -> Result<(usize, usize), String> {
        let params = [param("page", Kind::Int), param("per_page", Kind::Int)];
        let arguments = Arguments::from_json(&params, Some(&given)).unwrap();
        Page::of(&arguments, total).map(|it| (it.from, it.to)).map_err(|error| error.data)
    }

    #[test]
    fn pages_follow_the_reference() {
        assert_eq!(page(json!({}), 0), Ok((0, 0)));
        assert_eq!(page(json!({}), 50), Ok((0, 30)));
        assert_eq!(page(json!({"page": 2}), 50), Ok((30, 50)));
        assert_eq!(page(json!({"page": "2", "per_page": 10}), 50), Ok((10, 20)));
        assert_eq!(page(json!({"per_page": 1000}), 500), Ok((0, 100)));
        assert_eq!(page(json!({"per_page": -1}), 500), Ok((0, 30)));
        let error = "page should be within [1, 2] range, given 3".to_owned();
        assert_eq!(page(json!({"page": 3}), 50), Err(error));
        let error = "page should be within [1, 2] range, given 0".to_owned();
        assert_eq!(page(json!({"page": 0}), 50), Err(error));
    }
}
