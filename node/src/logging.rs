//! Logs: one line an event, for people or for machines, with levels by module that can change
//! while the node runs.

use std::fmt;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

/// Our own modules, which `*` is for: crates, and what the reference calls some of their parts.
/// Libraries are heard only when they warn, unless they are named.
const OURS: [&str; 15] = [
    "main",
    "state",
    "lockstep",
    "node",
    "rpc",
    "apps",
    "execution",
    "p2p",
    "storage",
    "abci",
    "light",
    "mempool",
    "consensus",
    "types",
    "simulator",
];
/// What `log_level` says of everything that it does not name.
const EVERYTHING: &str = "*";

/// How much is logged, by module: what `log_level` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    everything: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
}

/// Why a text says no levels.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LevelsError {
    /// Not a level.
    #[error("{word:?} is none of none, error, warn, info, debug and trace")]
    Word {
        /// What was given.
        word: String,
    },
    /// A part of a list has no level.
    #[error("{part:?} is not module:level")]
    Part {
        /// What was given.
        part: String,
    },
}

impl Levels {
    /// Reads a level for everything (`info`), or levels by module in the reference's syntax
    /// (`consensus:debug,p2p:none,*:info`). What is not named logs at `info`, as there.
    ///
    /// # Errors
    /// If a word is no level.
    pub fn parse(text: &str) -> Result<Self, LevelsError> {
        if !text.contains(':') {
            return Ok(Self { everything: level(text)?, modules: Vec::new() });
        }
        let mut levels = Self { everything: LevelFilter::INFO, modules: Vec::new() };
        for part in text.split(',') {
            let (module, word) = part
                .trim()
                .split_once(':')
                .ok_or_else(|| LevelsError::Part { part: part.to_string() })?;
            match module {
                EVERYTHING => levels.everything = level(word)?,
                _ => levels.modules.push((module.to_string(), level(word)?)),
            }
        }
        Ok(levels)
    }

    fn targets(&self) -> Targets {
        Targets::new()
            .with_default(self.everything.min(LevelFilter::WARN))
            .with_targets(OURS.map(|name| (name, self.everything)))
            .with_targets(self.modules.clone())
    }
}

fn level(word: &str) -> Result<LevelFilter, LevelsError> {
    Ok(match word.trim() {
        "none" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        other => return Err(LevelsError::Word { word: other.to_string() }),
    })
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people; in colour on a terminal.
    Plain,
    /// For machines: one JSON object a line.
    Json,
}

/// Changes the levels of a running node.
#[derive(Clone)]
pub struct Handle {
    reload: reload::Handle<Targets, Registry>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    /// Logs as much as `text` says from now on.
    ///
    /// # Errors
    /// If a word is no level; then nothing changes.
    pub fn set_levels(&self, text: &str) -> Result<(), LevelsError> {
        let targets = Levels::parse(text)?.targets();
        self.reload.reload(targets).expect("the subscriber lives as long as the process");
        Ok(())
    }
}

/// Starts to log to standard output. Once per process.
pub fn start(levels: &Levels, format: Format, colour: bool) -> Handle {
    let (filter, reload) = reload::Layer::new(levels.targets());
    let lines = tracing_subscriber::fmt::layer().with_ansi(colour);
    let lines = match format {
        Format::Plain => lines.with_target(true).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    Handle { reload }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_are_by_module() {
        let targets =
            Levels::parse("consensus:debug,p2p:none,*:info").expect("the reference's").targets();
        for (target, level, expected) in [
            ("consensus::replica", Level::DEBUG, true),
            ("consensus::replica", Level::TRACE, false),
            ("p2p::peers", Level::ERROR, false),
            ("node::driver", Level::INFO, true),
            ("state", Level::INFO, true),
            ("node::driver", Level::DEBUG, false),
            ("quinn", Level::INFO, false),
            ("quinn", Level::WARN, true),
        ] {
            assert_eq!(targets.would_enable(target, &level), expected, "{target} {level}");
        }
    }

    #[test]
    fn wrong_words_are_named() {
        assert_eq!(Levels::parse("loud"), Err(LevelsError::Word { word: "loud".into() }));
        let part = Err(LevelsError::Part { part: "info".into() });
        assert_eq!(Levels::parse("p2p:none,info"), part);
        assert!(Levels::parse("").is_err());
    }
}
