//! Values from the command line: every key of config.toml is a flag of the same name.

use std::sync::LazyLock;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use toml::Value;

use super::Config;
use crate::complaint::Complaint;

/// Flags that the reference has too; the others are not shown in the help.
const SHOWN: [(&str, &str); 17] = [
    ("moniker", "The node's name, for people"),
    ("proxy_app", "The application: kvstore, ledger, tcp://host:port or unix:///path"),
    ("abci", "What an application outside speaks: socket, or grpc (at tcp://host:port)"),
    ("log_level", "A level, or levels by module: consensus:debug,p2p:none,*:info"),
    ("log_format", "plain or json"),
    ("db_dir", "Folder of the store"),
    ("priv_validator_laddr", "Where to wait for a remote signer"),
    ("rpc.laddr", "Where the RPC listens"),
    ("p2p.laddr", "Where to listen for peers"),
    ("p2p.external_address", "What peers are told to dial, as host:port"),
    ("p2p.seeds", "Peers to learn others from, separated by commas"),
    ("p2p.persistent_peers", "Peers to stay connected with, separated by commas"),
    ("p2p.pex", "Exchange addresses of peers with peers"),
    ("consensus.create_empty_blocks", "Make blocks without transactions"),
    ("consensus.create_empty_blocks_interval", "If so, this long after the last block"),
    ("consensus.double_sign_check_height", "Do not start if our key signed one of the last blocks"),
    ("instrumentation.prometheus", "Serve metrics"),
];

/// A key of config.toml as a flag.
struct Flag {
    key: String,
    alias: String,
    is_bool: bool,
}

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let keys = Config::default().flatten().into_iter();
    keys.map(|(key, value)| {
        // Both spellings are taken, whichever the key itself has.
        let swapped = if key.contains('_') { key.replace('_', "-") } else { key.replace('-', "_") };
        let alias = if swapped == key { String::new() } else { swapped };
        Flag { key, alias, is_bool: value.is_bool() }
    })
    .collect()
});

/// Values by key, to be put over those of config.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(pub Vec<(String, String)>);

impl Overrides {
    /// Reads `key=value`, as `--set` takes it.
    ///
    /// # Errors
    /// If there is no equals sign.
    pub fn pair(text: &str) -> Result<(String, String), String> {
        let (key, value) = text.split_once('=').ok_or("write it as key=value")?;
        Ok((key.to_string(), value.to_string()))
    }

    /// Puts the values over those of a config and checks the outcome.
    ///
    /// # Errors
    /// If there is no such key, or it cannot have such a value.
    pub fn apply(&self, config: &Config) -> Result<Config, Complaint> {
        let mut changed = config.clone();
        for (key, text) in &self.0 {
            changed = set(&changed, key, text)?;
        }
        changed.validate().map_err(|fault| {
            Complaint::new(format!("--{}", fault.field), "", fault.problem, fault.remedy)
        })?;
        Ok(changed)
    }
}

/// A config with another value for one key.
fn set(config: &Config, key: &str, text: &str) -> Result<Config, Complaint> {
    let complain =
        |problem: String, remedy: String| Complaint::new(format!("--{key}"), "", problem, remedy);
    let mut flat = config.flatten();
    let Some(old) = flat.get_mut(key) else {
        let guess = super::keys::closest(key, FLAGS.iter().map(|flag| flag.key.as_str()));
        let remedy = guess.map_or("see config.toml".into(), |it| format!("did you mean `{it}`?"));
        return Err(complain("there is no such key in config.toml".into(), remedy));
    };
    let remedy = format!("write such as {old}");
    *old = parse_like(old, text)
        .ok_or_else(|| complain(format!("{text:?} cannot be its value"), remedy.clone()))?;
    unflatten(flat)
        .try_into()
        .map_err(|error: toml::de::Error| complain(error.message().to_string(), remedy))
}

/// Reads a value of the same type as `like`. Texts need no quotes; lists may be bare words with
/// commas between them.
fn parse_like(like: &Value, text: &str) -> Option<Value> {
    Some(match like {
        Value::String(_) => Value::String(text.to_string()),
        Value::Integer(_) => Value::Integer(text.parse().ok()?),
        Value::Float(_) => Value::Float(text.parse().ok()?),
        Value::Boolean(_) => Value::Boolean(text.parse().ok()?),
        Value::Array(_) if !text.starts_with('[') => {
            let words = text.split(',').filter(|word| !word.is_empty());
            Value::Array(words.map(|word| Value::String(word.trim().to_string())).collect())
        }
        Value::Array(_) | Value::Datetime(_) | Value::Table(_) => text.parse().ok()?,
    })
}

fn unflatten(flat: impl IntoIterator<Item = (String, Value)>) -> toml::Table {
    let mut root = toml::Table::new();
    for (path, value) in flat {
        let mut names: Vec<&str> = path.split('.').collect();
        let last = names.pop().expect("a path has at least one name");
        let mut table = &mut root;
        for name in names {
            let inner = table.entry(name).or_insert_with(|| Value::Table(toml::Table::new()));
            table = inner.as_table_mut().expect("no key is both a value and a section");
        }
        table.insert(last.to_string(), value);
    }
    root
}

impl clap::Args for Overrides {
    fn augment_args(command: Command) -> Command {
        FLAGS.iter().fold(command, |command, flag| {
            let shown = SHOWN.iter().find(|(key, _)| *key == flag.key);
            let mut arg = Arg::new(flag.key.as_str())
                .long(flag.key.as_str())
                .value_name("VALUE")
                .action(ArgAction::Set)
                .hide(shown.is_none())
                .help_heading("In place of config.toml (every key of which is a flag)");
            if let Some((_, help)) = shown {
                arg = arg.help(*help);
            }
            if !flag.alias.is_empty() {
                arg = arg.alias(flag.alias.as_str());
            }
            if flag.is_bool {
                arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = FLAGS.iter().filter_map(|flag| {
            Some((flag.key.clone(), matches.get_one::<String>(&flag.key)?.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn applied(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let pairs = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Overrides(pairs.collect()).apply(&Config::default()).map_err(|it| it.to_string())
    }

    #[test]
    fn values_of_every_type_are_set() {
        let config = applied(&[
            ("moniker", "true"),
            ("mempool.size", "7"),
            ("p2p.pex", "false"),
            ("consensus.timeout_commit", "0s"),
            ("rpc.cors_allowed_origins", "a,b"),
            ("lockstep.allowed_peers", "[\"c\"]"),
        ])
        .expect("all are right");
        assert_eq!(config.moniker, "true");
        assert_eq!(config.mempool.size, 7);
        assert!(!config.p2p.pex);
        assert_eq!(config.consensus.timeout_commit, Duration::ZERO);
        assert_eq!(config.rpc.cors_allowed_origins, ["a", "b"]);
        assert_eq!(config.lockstep.allowed_peers, ["c"]);
    }

    #[test]
    fn wrong_values_are_refused_by_flag() {
        for (key, value, expected) in [
            ("mempool.size", "many", "--mempool.size: \"many\" cannot be its value; "),
            ("mempool.sise", "1", "--mempool.sise: there is no such key in config.toml; did you"),
            ("rpc.laddr", "x", "--rpc.laddr: \"x\" is no address to listen on; write it as"),
            ("consensus.timeout_commit", "1", "--consensus.timeout_commit: \"1\" is no duration"),
        ] {
            let refused = applied(&[(key, value)]).expect_err("it is wrong");
            assert!(refused.starts_with(expected), "{refused}");
        }
    }
}
