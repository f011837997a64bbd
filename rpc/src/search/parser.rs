//! The grammar, by `winnow`: words first, then conditions made of them.
//! spec: `libs/pubsub/query/syntax`.
//!
//! ```text
//! query      = condition { "AND" condition }
//! condition  = key ( "EXISTS" | "CONTAINS" text | "=" (scalar | text) | order scalar )
//! order      = "<" | "<=" | ">" | ">="
//! scalar     = digits [ "." digits ] | "DATE " day | "TIME " moment
//! text       = "'" … "'"
//! ```
//!
//! As in the reference, exactly one space follows `DATE` and `TIME`, a text has no escapes, and
//! years are 1900 to 2999.

use storage::index::{Claim, Condition, Decimal, Moment, Relation, Scalar};
use types::Time;
use winnow::ascii::{digit0, digit1};
use winnow::combinator::{alt, delimited, dispatch, fail, opt, peek};
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, one_of, take_till, take_while};

use super::QueryError;

/// 1900-01-01 and 3000-01-01, in seconds.
const YEARS_FROM: i64 = -2_208_988_800;
const YEARS_TO: i64 = 32_503_680_000;

type Input<'a> = LocatingSlice<&'a str>;

/// What breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text ends too early.
    #[error("EOF")]
    End,
    /// No word begins with this.
    #[error("invalid input {0}")]
    Invalid(char),
    /// A word of the wrong kind.
    #[error("got {got}, wanted {wanted}")]
    Unwanted {
        /// The kind of the word.
        got: &'static str,
        /// The kinds that could stand here.
        wanted: &'static str,
    },
    /// What follows `DATE` is no day.
    #[error("invalid DATE value")]
    Date,
    /// What follows `TIME` is no moment.
    #[error("invalid TIME value")]
    Time,
    /// A number with more digits than any is compared with.
    #[error("number has too many digits")]
    Digits,
    /// A year before 1900 or after 2999.
    #[error("year out of range")]
    Year,
}

/// A word of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word<'a> {
    Key(&'a str),
    Text(&'a str),
    Number(&'a str),
    Time(Moment, Time),
    And,
    Contains,
    Exists,
    Relation(Relation),
}

/// What is wrong, and how far into the text.
#[derive(Clone, Copy, Debug)]
struct Fault {
    offset: usize,
    problem: Problem,
}

/// Reads a whole query.
pub(super) fn parse(text: &str) -> Result<Vec<Condition>, QueryError> {
    conditions(LocatingSlice::new(text)).map_err(|Fault { offset, problem }| {
        let column = text.char_indices().take_while(|(at, _)| *at < offset).count() + 1;
        QueryError::Syntax { offset, column, problem }
    })
}

fn conditions(mut input: Input<'_>) -> Result<Vec<Condition>, Fault> {
    let mut conditions = vec![condition(&mut input)?];
    while !is_over(&mut input) {
        match word(&mut input)? {
            (_, Word::And) => conditions.push(condition(&mut input)?),
            other => return Err(unwanted(other, "AND operator")),
        }
    }
    Ok(conditions)
}

fn condition(input: &mut Input<'_>) -> Result<Condition, Fault> {
    const OPERATORS: &str = "<= operator, >= operator, < operator, > operator, = operator, \
                             CONTAINS operator or EXISTS operator";
    let key = match word(input)? {
        (_, Word::Key(key)) => key.to_owned(),
        other => return Err(unwanted(other, "tag")),
    };
    let claim = match word(input)? {
        (_, Word::Exists) => Claim::Exists,
        (_, Word::Contains) => match word(input)? {
            (_, Word::Text(text)) => Claim::Contains(text.to_owned()),
            other => return Err(unwanted(other, "string")),
        },
        (_, Word::Relation(relation)) => comparison(relation, word(input)?)?,
        other => return Err(unwanted(other, OPERATORS)),
    };
    Ok(Condition { key, claim })
}

fn comparison(relation: Relation, (at, word): (usize, Word<'_>)) -> Result<Claim, Fault> {
    let scalar = match word {
        Word::Text(text) if relation == Relation::Equal => return Ok(Claim::Is(text.to_owned())),
        Word::Number(digits) => {
            let number = Decimal::leading(digits);
            Scalar::Number(number.ok_or(Fault { offset: at, problem: Problem::Digits })?)
        }
        Word::Time(form, time) => Scalar::Time(form, time),
        other if relation == Relation::Equal => {
            return Err(unwanted((at, other), "number, timestamp, datestamp or string"));
        }
        other => return Err(unwanted((at, other), "number, timestamp or datestamp")),
    };
    Ok(Claim::Compares(relation, scalar))
}

fn unwanted((offset, word): (usize, Word<'_>), wanted: &'static str) -> Fault {
    Fault { offset, problem: Problem::Unwanted { got: word.kind(), wanted } }
}

/// Whether only blanks are left, which are skipped.
fn is_over(input: &mut Input<'_>) -> bool {
    let blanks: Result<&str, Fault> = take_while(0.., char::is_whitespace).parse_next(input);
    blanks.expect("no blanks are blanks, too");
    input.is_empty()
}

/// The next word, and where it begins: faults in it are told of that place.
fn word<'a>(input: &mut Input<'a>) -> Result<(usize, Word<'a>), Fault> {
    let over = is_over(input);
    let offset = input.current_token_start();
    if over {
        return Err(Fault { offset, problem: Problem::End });
    }
    let word: Result<_, Fault> = dispatch! {peek(any);
        '0'..='9' => number,
        '\'' => text,
        '<' | '=' | '>' => relation,
        first if begins_name(first) => name,
        _ => fail,
    }
    .parse_next(input);
    word.map(|word| (offset, word)).map_err(|fault| Fault { offset, ..fault })
}

fn number<'a>(input: &mut Input<'a>) -> Result<Word<'a>, Fault> {
    (digit1, opt(('.', digit0))).take().map(Word::Number).parse_next(input)
}

fn text<'a>(input: &mut Input<'a>) -> Result<Word<'a>, Fault> {
    delimited('\'', take_till(0.., '\''), '\'').map(Word::Text).parse_next(input)
}

fn relation<'a>(input: &mut Input<'a>) -> Result<Word<'a>, Fault> {
    alt((
        "<=".value(Relation::AtMost),
        ">=".value(Relation::AtLeast),
        "<".value(Relation::Less),
        ">".value(Relation::Greater),
        "=".value(Relation::Equal),
    ))
    .map(Word::Relation)
    .parse_next(input)
}

/// A key or a keyword.
fn name<'a>(input: &mut Input<'a>) -> Result<Word<'a>, Fault> {
    let name = (one_of(begins_name), take_while(0.., continues_name)).take().parse_next(input)?;
    let space = input.starts_with(' ');
    match name {
        "AND" => Ok(Word::And),
        "CONTAINS" => Ok(Word::Contains),
        "EXISTS" => Ok(Word::Exists),
        "DATE" if space => time(Moment::Date, input),
        "TIME" if space => time(Moment::Instant, input),
        key => Ok(Word::Key(key)),
    }
}

fn time<'a>(form: Moment, input: &mut Input<'a>) -> Result<Word<'a>, Fault> {
    let belongs = |it: char| it.is_ascii_digit() || it == '-' || "T:+Z".contains(it);
    let (_, text) = (' ', take_while(0.., belongs)).parse_next(input)?;
    let wrong = match form {
        Moment::Date => Problem::Date,
        Moment::Instant => Problem::Time,
    };
    // The place is the word's: `word` knows it.
    let fault = |problem| Fault { offset: 0, problem };
    let time = form.read(text).ok_or(fault(wrong))?;
    if !(YEARS_FROM..YEARS_TO).contains(&time.unix().0) {
        return Err(fault(Problem::Year));
    }
    Ok(Word::Time(form, time))
}

fn begins_name(it: char) -> bool {
    it == '_' || it.is_alphanumeric()
}

fn continues_name(it: char) -> bool {
    begins_name(it) || it == '.' || it == '-'
}

impl Word<'_> {
    /// As the reference calls it in its errors.
    fn kind(self) -> &'static str {
        match self {
            Word::Key(_) => "tag",
            Word::Text(_) => "string",
            Word::Number(_) => "number",
            Word::Time(Moment::Instant, _) => "timestamp",
            Word::Time(Moment::Date, _) => "datestamp",
            Word::And => "AND operator",
            Word::Contains => "CONTAINS operator",
            Word::Exists => "EXISTS operator",
            Word::Relation(Relation::Less) => "< operator",
            Word::Relation(Relation::AtMost) => "<= operator",
            Word::Relation(Relation::Equal) => "= operator",
            Word::Relation(Relation::AtLeast) => ">= operator",
            Word::Relation(Relation::Greater) => "> operator",
        }
    }
}

impl<'a> ParserError<Input<'a>> for Fault {
    type Inner = Self;

    fn from_input(input: &Input<'a>) -> Self {
        let problem = input.chars().next().map_or(Problem::End, Problem::Invalid);
        Self { offset: input.current_token_start(), problem }
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
