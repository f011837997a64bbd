//! The commented config file that `lockstep init` writes.

use super::Config;

/// The file with the default values. What it says about each key is what operators read.
const DEFAULT: &str = include_str!("default.toml");

impl Config {
    /// This config as a file with comments.
    pub fn to_toml(&self) -> String {
        let values = self.flatten();
        let mut section = String::new();
        let mut text = String::new();
        for line in DEFAULT.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            }
            let key = line.split_once(" = ").map(|(key, _)| key);
            match key.and_then(|key| Some((key, values.get(&format!("{section}{key}"))?))) {
                Some((key, value)) => text.push_str(&format!("{key} = {value}")),
                None => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_default_file_is_the_default_config_with_every_key() {
        assert_eq!(Config::default().to_toml(), DEFAULT);
        let loaded = Config::parse("default.toml", DEFAULT).expect("the default file is valid");
        assert_eq!(loaded.config, Config::default());
        assert!(loaded.without_meaning.is_empty());

        let table: toml::Table = DEFAULT.parse().expect("the default file is TOML");
        let mut written = std::collections::BTreeMap::new();
        crate::config::flatten("", toml::Value::Table(table), &mut written);
        let written: BTreeSet<_> = written.into_keys().collect();
        let known: BTreeSet<_> = Config::default().flatten().into_keys().collect();
        assert_eq!(written, known);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut config = Config { moniker: "a \"quoted\" name\n".into(), ..Config::default() };
        config.mempool.recheck = false;
        config.rpc.cors_allowed_origins = vec!["*".into()];
        config.consensus.timeout_commit = Duration::from_millis(1500);
        config.p2p.libp2p.bootstrap_peers = vec![crate::config::sections::BootstrapPeer {
            host: "127.0.0.1:1".into(),
            id: "12D3".into(),
            persistent: true,
            ..Default::default()
        }];
        let loaded = Config::parse("config.toml", &config.to_toml()).expect("we wrote it");
        assert_eq!(loaded.config, config);
    }
}
