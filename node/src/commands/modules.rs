//! Words of the command line as messages and questions of the ledger's modules, by what the modules
//! say of themselves.

use anyhow::{anyhow, bail};
use apps::framework::{Description, Field, Kind};
use apps::ledger::development;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::client::{Client, refusal_of};

/// The module of this name.
///
/// # Errors
/// If there is none; says which there are.
pub fn module_of(name: &str) -> anyhow::Result<Description> {
    let modules = apps::ledger::router().descriptions();
    let names: Vec<&str> = modules.iter().map(|it| it.name).collect();
    let known = names.join(", ");
    let found = modules.iter().find(|it| it.name == name).copied();
    found.ok_or_else(|| anyhow!("the ledger has no module {name:?}; it has {known}"))
}

/// A line for each module that takes messages, for help texts.
pub fn messages_help() -> String {
    let modules = apps::ledger::router().descriptions();
    let line = |module: &Description| {
        let names: Vec<&str> = module.messages.iter().map(|it| it.name).collect();
        format!("\n  lockstep tx {} {}", module.name, names.join("|"))
    };
    let lines: String = modules.iter().filter(|it| !it.messages.is_empty()).map(line).collect();
    format!(
        "Messages of the ledger's modules, whose fields `lockstep tx MODULE` names, and whose \
         options `lockstep tx MODULE --help`:{lines}"
    )
}

/// What a module can be told, with fields.
pub fn messages_of(module: &Description) -> String {
    let messages = module.messages.iter().map(|it| (it.name, it.summary, it.fields));
    listed(module, messages.collect(), "it takes no messages")
}

/// What a module can be asked, with parameters.
pub fn questions_of(module: &Description) -> String {
    let questions = module.queries.iter().map(|it| (it.name, it.summary, it.parameters));
    listed(module, questions.collect(), "it answers no questions")
}

/// A module, and under it names with summaries and fields; or the word for none.
fn listed(module: &Description, named: Vec<(&str, &str, &[Field])>, none: &str) -> String {
    let mut text = format!("{}: {}", module.name, module.summary);
    for (name, summary, fields) in &named {
        text += &format!("\n  {name}: {summary}{}", usage(fields));
    }
    if named.is_empty() {
        text += &format!("\n  {none}");
    }
    text
}

/// The texts of fields: `name=text` for the field of that name, other words for the fields that are
/// left, in their order.
///
/// # Errors
/// If a word is too many, or a field has none or two.
pub fn texts_of(fields: &[Field], words: &[String]) -> anyhow::Result<Vec<(&'static str, String)>> {
    let named = |word: &String| {
        let (name, text) = word.split_once('=')?;
        let at = fields.iter().position(|it| it.name == name)?;
        Some((at, text.to_owned()))
    };
    let mut texts: Vec<Option<String>> = vec![None; fields.len()];
    for (at, text) in words.iter().filter_map(named) {
        if texts[at].replace(text).is_some() {
            bail!("{} is given twice", fields[at].name);
        }
    }
    for word in words.iter().filter(|word| named(word).is_none()) {
        let left = texts.iter_mut().find(|it| it.is_none());
        let Some(left) = left else { bail!("{word:?} is one word too many") };
        *left = Some(word.clone());
    }
    let texts = fields.iter().zip(texts);
    let texts = texts.map(|(field, text)| Some((field.name, resolved(field.kind, &text?))));
    let texts: Option<Vec<_>> = texts.collect();
    texts.ok_or_else(|| anyhow!("what is needed:{}", usage(fields)))
}

/// Development accounts go by their names.
fn resolved(kind: Kind, text: &str) -> String {
    let account = (kind == Kind::Account).then(|| development::account(text)).flatten();
    account.map_or_else(|| text.to_owned(), |it| it.to_string())
}

/// What fields there are, one a line.
pub fn usage(fields: &[Field]) -> String {
    let line = |it: &Field| format!("\n    {:<22} {} ({:?})", it.name, it.summary, it.kind);
    if fields.is_empty() { " (no fields)".to_owned() } else { fields.iter().map(line).collect() }
}

/// What the application answers to a question.
pub struct Response {
    /// The height that it is true for.
    pub height: u64,
    /// The key that was looked at.
    pub key: Vec<u8>,
    /// What is there; empty if nothing is.
    pub value: Vec<u8>,
    /// The proof, if one was wanted.
    pub proof: Option<Vec<u8>>,
    /// All of it.
    pub whole: Value,
}

/// Asks the application.
///
/// # Errors
/// If the node does not answer, or the application refuses the question.
pub async fn ask(
    client: &Client,
    (path, parameters): (&str, &[u8]),
    (height, prove): (u64, bool),
) -> anyhow::Result<Response> {
    let params = json!({
        "path": path,
        "data": hex::encode(parameters),
        "height": height.to_string(),
        "prove": prove,
    });
    let mut answer = client.call("abci_query", params).await?;
    let whole = answer["response"].take();
    if let Some(refusal) = refusal_of(&whole) {
        bail!("the application refused {path} with {refusal}");
    }
    let bytes = |it: &Value| it.as_str().and_then(|text| BASE64.decode(text).ok());
    Ok(Response {
        height: whole["height"].as_str().and_then(|it| it.parse().ok()).unwrap_or(0),
        key: bytes(&whole["key"]).unwrap_or_default(),
        value: bytes(&whole["value"]).unwrap_or_default(),
        proof: bytes(&whole["proofOps"]["ops"][0]["data"]),
        whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn words_become_fields_by_name_and_by_place() {
        let bank = module_of("bank").expect("the ledger has a bank");
        let fields = bank.messages[0].fields;
        let bob = development::account("bob").expect("bob is there").to_string();
        for text in
            ["bob coin 5", "amount=5 bob coin", "denom=coin amount=5 to=bob", "5 to=bob denom=coin"]
        {
            let texts = texts_of(fields, &words(text)).expect("all fields are there");
            let texts: Vec<(&str, &str)> = texts.iter().map(|(it, text)| (*it, &**text)).collect();
            assert_eq!(texts, [("to", &*bob), ("denom", "coin"), ("amount", "5")]);
        }
        let too_few = texts_of(fields, &words("bob coin")).expect_err("the amount is missing");
        assert!(too_few.to_string().contains("amount"), "{too_few}");
        let too_many = texts_of(fields, &words("bob coin 5 6")).expect_err("6 is too many");
        assert_eq!(too_many.to_string(), "\"6\" is one word too many");
        for (text, said) in [
            ("bob coin 5 to=carol", "\"5\" is one word too many"),
            ("to=bob coin 5 to=carol", "to is given twice"),
        ] {
            let twice = texts_of(fields, &words(text)).expect_err("two are to get it");
            assert_eq!(twice.to_string(), said);
        }
        let nothing = texts_of(&[], &words("5")).expect_err("there is no field");
        assert_eq!(nothing.to_string(), "\"5\" is one word too many");
        let unknown = module_of("nobody").expect_err("there is no such module");
        assert!(unknown.to_string().contains("params, auth, bank, staking, kv"), "{unknown}");
    }

    #[test]
    fn modules_list_what_they_take_and_answer() {
        let staking = module_of("staking").expect("the ledger has it");
        let told = messages_of(&staking);
        assert!(told.contains("  unjail: ") && told.contains("(no fields)"), "{told}");
        let auth = module_of("auth").expect("the ledger has it");
        assert!(messages_of(&auth).ends_with("it takes no messages"));
        assert!(questions_of(&auth).contains("\n  fee: "), "{}", questions_of(&auth));
        let help = messages_help();
        assert!(help.contains("\n  lockstep tx bank send"), "{help}");
        assert!(!help.contains("tx auth"), "{help}");
    }
}
