//! The architecture page as a test: who may import whom, how long a thing may be, how it begins,
//! and which words do not name anything here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Ident, Span};
use syn::visit::{self, Visit};

const LINE_CHARS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 600;

/// Which of our crates a crate may import. docs/ARCHITECTURE.md has the reasons.
const IMPORTS: [(&str, &[&str]); 12] = [
    ("types", &[]),
    ("consensus", &["types"]),
    ("mempool", &["types"]),
    ("light", &["types"]),
    ("abci", &["types"]),
    ("storage", &["types"]),
    ("p2p", &["types"]),
    ("execution", &["types", "consensus", "mempool", "abci", "storage"]),
    ("apps", &["types", "abci"]),
    ("rpc", &["types", "abci", "mempool", "storage"]),
    (
        "simulator",
        &["types", "consensus", "mempool", "light", "abci", "storage", "execution", "apps"],
    ),
    (
        "node",
        &[
            "types",
            "consensus",
            "mempool",
            "light",
            "abci",
            "storage",
            "p2p",
            "execution",
            "apps",
            "rpc",
            "simulator",
        ],
    ),
];

/// Libraries that one crate alone may know.
const KNOWN_BY_ONE: [(&str, &str); 5] = [
    ("rocksdb", "storage"),
    ("libp2p", "p2p"),
    ("libp2p-stream", "p2p"),
    ("axum", "rpc"),
    ("tonic", "abci"),
];

/// Crates in which nothing may wait, draw a random number, or depend on hash order; their
/// `clippy.toml` makes it an error, and these libraries would bring it in.
const PURE: [&str; 6] = ["types", "consensus", "mempool", "light", "execution", "simulator"];
const IMPURE_LIBRARIES: [&str; 7] =
    ["tokio", "futures", "rand", "getrandom", "rocksdb", "libp2p", "tracing"];
/// What operators are told of a block that is refused or replayed is said here, and nothing else.
const MAY_LOG: [&str; 1] = ["execution"];
/// It has one thread, and locks where a trait that threads share elsewhere asks for them:
/// applications, disks, watches.
const MAY_LOCK: [&str; 1] = ["simulator"];

/// Words that say nothing about what they name.
const BANNED: [&str; 13] = [
    "manager", "util", "utils", "helper", "helpers", "common", "misc", "service", "val", "vals",
    "msg", "cfg", "ctx",
];
const BANNED_SUFFIXES: [&str; 2] = ["info", "data"];
/// Names that are given: ABCI's calls and messages, the RPC's methods, fields of the protocol,
/// a method of libp2p, and those of the tree of states (jmt).
const GIVEN_NAMES: [&str; 14] = [
    "process_proposal",
    "CommitInfo",
    "ExtendedCommitInfo",
    "ProcessProposal",
    "abci_info",
    "encode_info",
    "decode_info",
    "net_info",
    "node_info",
    "common_height",
    "protocol_info",
    "get_node_option",
    "get_rightmost_leaf",
    "get_value_option",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("node/ is in the root").to_owned()
}

fn crates() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the root has a manifest");
    let manifest: toml::Table = manifest.parse().expect("the root's manifest is TOML");
    let members = manifest["workspace"]["members"].as_array().expect("members is a list").clone();
    members.iter().map(|it| it.as_str().expect("a member is a name").to_owned()).collect()
}

fn sources_under(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.map(|it| it.expect("readable").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources_under(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = vec![];
    for name in crates() {
        for folder in ["src", "tests", "benches", "examples"] {
            sources_under(&root().join(&name).join(folder), &mut found);
        }
    }
    assert!(50 < found.len(), "only {} sources found: is this the workspace?", found.len());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).expect("sources lie under the root").display().to_string()
}

fn report(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn lines_and_files_are_short_and_files_have_heads() {
    let mut broken = vec![];
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source is text");
        let name = shown(&path);
        if !text.starts_with("//!") {
            broken.push(format!("{name}: no //! head"));
        }
        if path.file_name().is_some_and(|it| it == "mod.rs") {
            broken.push(format!("{name}: a module is name.rs, never mod.rs"));
        }
        let lines = text.lines().count();
        if FILE_LINES_MAX < lines {
            broken.push(format!("{name}: {lines} lines, the limit is {FILE_LINES_MAX}"));
        }
        for (number, line) in text.lines().enumerate() {
            let chars = line.chars().count();
            if LINE_CHARS_MAX < chars {
                broken.push(format!("{name}:{}: {chars} characters", number + 1));
            }
        }
    }
    report("lines <= 100 characters, files <= 600 lines, every file has a head", &broken);
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = IMPORTS.into_iter().collect();
    let mut broken = vec![];
    for name in crates() {
        let allowed = table.get(name.as_str());
        let Some(allowed) = allowed else {
            broken.push(format!("{name} is not in the table"));
            continue;
        };
        let text = fs::read_to_string(root().join(&name).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("a manifest is TOML");
        let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table)
        else {
            continue;
        };
        for dependency in dependencies.keys() {
            let dependency = dependency.as_str();
            if table.contains_key(dependency) && !allowed.contains(&dependency) {
                broken.push(format!("{name} imports {dependency}"));
            }
            for (library, owner) in KNOWN_BY_ONE {
                if dependency == library && name != owner {
                    broken.push(format!("{name} uses {library}, which only {owner} may know"));
                }
            }
            let logs = dependency == "tracing" && MAY_LOG.contains(&name.as_str());
            if PURE.contains(&name.as_str()) && IMPURE_LIBRARIES.contains(&dependency) && !logs {
                broken.push(format!("{name} must stay pure, and uses {dependency}"));
            }
        }
    }
    report("imports follow the table", &broken);
}

#[test]
fn pure_crates_forbid_clocks_threads_files_and_hash_order() {
    let mut broken = vec![];
    for name in crates().iter().filter(|it| PURE.contains(&it.as_str())) {
        let path = root().join(name).join("clippy.toml");
        let text = fs::read_to_string(&path).unwrap_or_default();
        for forbidden in ["Instant::now", "SystemTime::now", "thread::spawn", "HashMap", "Mutex"] {
            let locks = forbidden == "Mutex" && MAY_LOCK.contains(&name.as_str());
            if !text.contains(forbidden) && !locks {
                broken.push(format!("{name}/clippy.toml does not forbid {forbidden}"));
            }
        }
    }
    report("pure crates have a clippy.toml", &broken);
}

/// Walks one source, and notes long functions and names that say nothing.
struct Reader {
    file: String,
    in_tests: bool,
    broken: Vec<String>,
}

impl Reader {
    fn function(&mut self, name: &Ident, from: Span, to: Span) {
        let lines = to.end().line - from.start().line + 1;
        if FUNCTION_LINES_MAX < lines {
            self.broken.push(format!("{}: fn {name} has {lines} lines", self.file));
        }
        let text = name.to_string();
        if text.starts_with("process_") && !GIVEN_NAMES.contains(&text.as_str()) {
            self.broken.push(format!("{}: fn {name}: say what is done", self.file));
        }
        if text.starts_with("get_") && !GIVEN_NAMES.contains(&text.as_str()) {
            self.broken.push(format!("{}: fn {name}: no get_", self.file));
        }
        self.name(name);
    }

    fn name(&mut self, name: &Ident) {
        let text = name.to_string();
        if GIVEN_NAMES.contains(&text.as_str()) {
            return;
        }
        let words = words_of(&text);
        for word in &words {
            if BANNED.contains(&word.as_str()) {
                self.broken.push(format!("{}: `{text}`: banned word {word}", self.file));
            }
        }
        let last = words.last().map(String::as_str).unwrap_or_default();
        if 1 < words.len() && BANNED_SUFFIXES.contains(&last) {
            self.broken.push(format!("{}: `{text}`: banned suffix {last}", self.file));
        }
    }
}

/// `newRoundStep`, `NewRoundStep` and `new_round_step` are all new, round, step.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = letter.is_lowercase();
        if letter != '_' {
            words.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, it: &'ast syn::ItemFn) {
        self.function(&it.sig.ident, it.sig.fn_token.span, it.block.brace_token.span.close());
        visit::visit_item_fn(self, it);
    }

    fn visit_impl_item_fn(&mut self, it: &'ast syn::ImplItemFn) {
        self.function(&it.sig.ident, it.sig.fn_token.span, it.block.brace_token.span.close());
        visit::visit_impl_item_fn(self, it);
    }

    fn visit_trait_item_fn(&mut self, it: &'ast syn::TraitItemFn) {
        if let Some(block) = &it.default {
            self.function(&it.sig.ident, it.sig.fn_token.span, block.brace_token.span.close());
        }
        visit::visit_trait_item_fn(self, it);
    }

    fn visit_item_struct(&mut self, it: &'ast syn::ItemStruct) {
        self.name(&it.ident);
        visit::visit_item_struct(self, it);
    }

    fn visit_item_enum(&mut self, it: &'ast syn::ItemEnum) {
        self.name(&it.ident);
        visit::visit_item_enum(self, it);
    }

    fn visit_item_trait(&mut self, it: &'ast syn::ItemTrait) {
        self.name(&it.ident);
        visit::visit_item_trait(self, it);
    }

    fn visit_item_mod(&mut self, it: &'ast syn::ItemMod) {
        self.name(&it.ident);
        visit::visit_item_mod(self, it);
    }

    fn visit_pat_ident(&mut self, it: &'ast syn::PatIdent) {
        self.name(&it.ident);
        visit::visit_pat_ident(self, it);
    }

    fn visit_expr_method_call(&mut self, it: &'ast syn::ExprMethodCall) {
        if it.method == "unwrap" && !self.in_tests {
            self.broken.push(format!("{}: unwrap() outside tests: say why", self.file));
        }
        visit::visit_expr_method_call(self, it);
    }
}

#[test]
fn functions_are_short_and_names_mean_something() {
    let mut broken = vec![];
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source is text");
        let in_tests = shown(&path).contains("/tests/") || shown(&path).contains("/benches/");
        let parsed = syn::parse_file(&text);
        let Ok(mut file) = parsed else {
            broken.push(format!("{}: does not parse", shown(&path)));
            continue;
        };
        // A `#[cfg(test)]` module may unwrap; its lengths and names are read all the same.
        let (tests, items): (Vec<_>, Vec<_>) = file.items.drain(..).partition(is_tests);
        for (items, in_tests) in [(items, in_tests), (tests, true)] {
            let mut reader = Reader { file: shown(&path), in_tests, broken: vec![] };
            for item in &items {
                reader.visit_item(item);
            }
            broken.extend(reader.broken);
        }
    }
    report("functions <= 70 lines, no banned words, no unwrap outside tests", &broken);
}

fn is_tests(item: &syn::Item) -> bool {
    let syn::Item::Mod(module) = item else { return false };
    module.attrs.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Ident>().is_ok_and(|argument| argument == "test")
    })
}

#[test]
fn nothing_is_left_for_later_in_silence() {
    let mut broken = vec![];
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
        concat!("#[ig", "nore"),
        concat!("#[should", "_panic"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
    ];
    for path in sources() {
        let text = fs::read_to_string(&path).expect("a source is text");
        for (number, line) in text.lines().enumerate() {
            for mark in marks {
                if line.contains(mark) {
                    broken.push(format!("{}:{}: {mark}", shown(&path), number + 1));
                }
            }
        }
    }
    report("no stubs, no ignored tests, no notes to self", &broken);
}
