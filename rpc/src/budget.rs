//! How many bytes an answer may have. A list is cut off with an error before it costs the memory;
//! what is large by itself, such as one block, always passes, since the chain limits it.

use serde_json::Value;

use crate::error::RpcError;

/// What punctuation a value costs, about.
const PUNCTUATION: usize = 4;

/// What is left for the next entry of a list, or the next answer of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    max: usize,
    used: usize,
}

impl Budget {
    /// Nothing is used yet.
    pub fn new(max: usize) -> Self {
        Self { max, used: 0 }
    }

    /// Counts an entry, if it passes. The first does, whatever its size.
    ///
    /// # Errors
    /// If it is one too many.
    pub fn charge(&mut self, entry: &Value) -> Result<(), RpcError> {
        let used = self.used.saturating_add(weight(entry));
        if self.max < used && self.used != 0 {
            let max = self.max;
            return Err(RpcError::internal(format!(
                "the answer would have more than {max} bytes; ask for less at a time"
            )));
        }
        self.used = used;
        Ok(())
    }
}

/// How many bytes a value has as JSON, about: texts are most of it, and are not escaped.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => PUNCTUATION,
        Value::String(text) => text.len() + PUNCTUATION,
        Value::Array(entries) => PUNCTUATION + entries.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| name.len() + PUNCTUATION + weight(value);
            PUNCTUATION + fields.iter().map(field).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_passes_and_what_follows_must_fit() {
        let block = Value::from("x".repeat(1000));
        let mut budget = Budget::new(100);
        assert_eq!(budget.charge(&block), Ok(()));
        let error = budget.charge(&json!(1)).unwrap_err();
        assert_eq!(error.code, -32603);
        assert!(error.data.contains("more than 100 bytes"), "{}", error.data);
        let mut budget = Budget::new(2020);
        assert_eq!((budget.charge(&block), budget.charge(&block)), (Ok(()), Ok(())));
        assert!(budget.charge(&block).is_err());
        assert_eq!(budget.charge(&json!(1)), Ok(()), "what still fits");
    }

    #[test]
    fn weights_are_about_the_bytes_that_are_sent() {
        let value = json!({"a": ["x".repeat(100), {"b": 1, "c": null}], "d": "y".repeat(50)});
        let bytes = value.to_string().len();
        assert!(weight(&value).abs_diff(bytes) < 40, "{} for {bytes}", weight(&value));
    }
}
