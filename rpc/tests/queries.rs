//! The query language, by tables; cases of the reference's own tests are among them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use proptest::prelude::*;
use rpc::search::QUERY_BYTES_MAX;
use rpc::{Query, QueryError, Tags};

#[test]
fn texts_are_queries_or_not() {
    let queries = [
        "tm.events.type='NewBlock'",
        "tm.events.type = 'NewBlock'",
        "tm.events.name = ''",
        "tm.events.type='TIME'",
        "tm.events.type='='",
        "tm.events.type='NewBlock' AND abci.account.name='Igor'",
        "abci.account.name CONTAINS 'Igor'",
        "tx.date > DATE 2013-05-03",
        "tx.date < DATE 2013-05-03",
        "tx.date <= DATE 2013-05-03",
        "tx.date >= DATE 2013-05-03",
        "tx.date > TIME 2013-05-03T14:45:00+07:00",
        "tx.date < TIME 2013-05-03T14:45:00-02:00",
        "tx.date <= TIME 2013-05-03T14:45:00Z",
        "account.balance=100",
        "account.balance >= 200",
        "account.balance >= 3.",
        "slashing.amount EXISTS",
        "slashing.amount EXISTS AND account.balance=100",
        "account.balance=100 AND slashing.amount EXISTS",
        "slashing EXISTS",
        "hash='136E18F7E4C348B780CF873A0BF43922E5BAFA63'",
        "cosm-wasm.transfer_amount=100",
        "_x.y\tEXISTS\n",
        "größe.länge = 'ß'",
        "TIME EXISTS.x = 1",
        "and EXISTS",
    ];
    for text in queries {
        // The keyword wins: a key of that name can not be followed by a space.
        let wanted = !text.starts_with("TIME ");
        assert_eq!(Query::parse(text).is_ok(), wanted, "{text:?}: {:?}", Query::parse(text));
    }
}

#[test]
fn a_fault_is_told_with_its_place() {
    let operators = "<= operator, >= operator, < operator, > operator, = operator, \
                     CONTAINS operator or EXISTS operator";
    let cases = [
        ("", "offset 0: EOF (column 1)"),
        ("  ", "offset 2: EOF (column 3)"),
        ("=", "offset 0: got = operator, wanted tag (column 1)"),
        ("'NewBlock'", "offset 0: got string, wanted tag (column 1)"),
        ("AND a.b=1", "offset 0: got AND operator, wanted tag (column 1)"),
        ("a.b", "offset 3: EOF (column 4)"),
        ("a.b=", "offset 4: EOF (column 5)"),
        ("a.b='TIME", "offset 4: EOF (column 5)"),
        (
            "a.b=TIME'",
            "offset 4: got tag, wanted number, timestamp, datestamp or string (column 5)",
        ),
        (
            "a.b==",
            "offset 4: got = operator, wanted number, timestamp, datestamp or string (column 5)",
        ),
        ("a.b>'x'", "offset 4: got string, wanted number, timestamp or datestamp (column 5)"),
        (
            "a.b >>= 400",
            "offset 5: got >= operator, wanted number, timestamp or datestamp (column 6)",
        ),
        ("a.b CONTAINS 5", "offset 13: got number, wanted string (column 14)"),
        ("a.b >= -300", "offset 7: invalid input - (column 8)"),
        ("a.b=33.22.1", "offset 9: invalid input . (column 10)"),
        ("ä.b=1 &", "offset 7: invalid input & (column 7)"),
        ("a.b='x' AND", "offset 11: EOF (column 12)"),
        ("a.b='x' AN", "offset 8: got tag, wanted AND operator (column 9)"),
        ("a.b=136E18", "offset 7: got tag, wanted AND operator (column 8)"),
        (
            "a.b >= DAT 2013-05-03",
            "offset 7: got tag, wanted number, timestamp or datestamp (column 8)",
        ),
        ("a.b <= DATE  2013-05-03", "offset 7: invalid DATE value (column 8)"),
        ("a.b >= DATE 20130503", "offset 7: invalid DATE value (column 8)"),
        ("a.b >= DATE 2013-31-03", "offset 7: invalid DATE value (column 8)"),
        ("a.b >= DATE 0013-01-03", "offset 7: year out of range (column 8)"),
        ("a.b >= DATE 3000-01-01", "offset 7: year out of range (column 8)"),
        ("a.b = TIME 2013-05-:45:00Z", "offset 6: invalid TIME value (column 7)"),
        ("a.b >= TIME 2013-05-03T14:45:00", "offset 7: invalid TIME value (column 8)"),
        ("a.b >= TIME 1899-12-31T23:59:59Z", "offset 7: year out of range (column 8)"),
        (
            "a.b >= TIME2013-05-03T14:45:00Z",
            "offset 7: got tag, wanted number, timestamp or datestamp (column 8)",
        ),
    ];
    for (text, fault) in cases {
        let told = Query::parse(text).expect_err(text).to_string();
        assert_eq!(told, fault, "{text:?}");
    }
    let digits = "9".repeat(129);
    let told = Query::parse(&format!("a.b = {digits}")).unwrap_err().to_string();
    assert_eq!(told, "offset 6: number has too many digits (column 7)");
    let told = Query::parse("a.b 'x' =").unwrap_err().to_string();
    assert_eq!(told, format!("offset 4: got string, wanted {operators} (column 5)"));
}

#[test]
fn a_query_has_a_longest_length() {
    let text = |bytes: usize| format!("a.b='{}'", "x".repeat(bytes - 6));
    assert!(Query::parse(&text(QUERY_BYTES_MAX)).is_ok());
    assert_eq!(Query::parse(&text(QUERY_BYTES_MAX + 1)), Err(QueryError::TooLong));
    assert_eq!(QueryError::TooLong.to_string(), "maximum query length exceeded");
}

/// `type|name=value|name=value`, more events after blanks.
fn tags(text: &str) -> Tags {
    let mut tags = Tags::new();
    for event in text.split(' ').filter(|it| !it.is_empty()) {
        let mut fields = event.split('|');
        let kind = fields.next().unwrap();
        for field in fields {
            let (name, value) = field.split_once('=').unwrap();
            tags.entry(format!("{kind}.{name}")).or_default().push(value.to_owned());
        }
    }
    tags
}

#[test]
fn queries_match_as_the_reference_has_it() {
    const API: &str = "tm|event=Tx|hash=XYZ|height=5 transfer|sender=AddrC|amount=160 \
                       rewards.withdraw|address=AddrA|source=SrcX|amount=100|balance=1500 \
                       rewards.withdraw|address=AddrB|source=SrcY|amount=45|balance=999";
    const BIG: &str = "big|value=99999999999999999999|part=99999999999999999999.10 \
                       two|value=18446744073709551615|part=18446744073709551615.6";
    const NAMES: &str = "abci|owner.name=Igor|owner.name=Ivan";
    const SLASH: &str = "slash|reason=missing_signature|power=6000";
    let cases = [
        ("tm.events.type='NewBlock'", "tm|events.type=NewBlock", true),
        ("tx.gas > 7", "tx|gas=8", true),
        ("tx.gas > 7 AND tx.gas < 9", "tx|gas=8", true),
        ("transfer.amount > 7", "transfer|amount=8stake", true),
        ("transfer.amount > 7.043", "transfer|amount=8.045stake", true),
        ("transfer.amount > 8.045", "transfer|amount=8.045stake", false),
        ("body.weight >= 3.5", "body|weight=3.5", true),
        ("account.balance < 1000.0", "account|balance=900", true),
        ("account.balance < 1000", "account|balance=-5", false),
        ("account.balance < 1000", "account|balance=", false),
        ("apples.kg <= 4", "apples|kg=4.0", true),
        ("apples.kg = 4.00", "apples|kg=4kg", true),
        ("peaches.kg < 4", "peaches|kg=5", false),
        ("o.kg < 4 AND w.kg > 10", "o|kg=3 w|kg=12", true),
        ("big.value >= 99999999999999999999", BIG, true),
        ("big.value > 99999999999999999998", BIG, true),
        ("big.value > 99999999999999999999", BIG, false),
        ("big.part > 99999999999999999999", BIG, true),
        ("two.value <= 18446744073709551615", BIG, true),
        ("two.part <= 18446744073709551615", BIG, false),
        ("two.part <= 18446744073709551615.6", BIG, true),
        ("tx.date > DATE 2017-01-01", "tx|date=2026-11-26", true),
        ("tx.date = DATE 2017-01-01", "tx|date=2017-01-01", true),
        ("tx.date = DATE 2018-01-01", "tx|date=2017-01-01", false),
        ("tx.date = DATE 2017-01-01", "tx|date=2017-01-01T00:00:00Z", false),
        ("tx.time >= TIME 2013-05-03T14:45:00Z", "tx|time=2026-01-01T00:00:00.5Z", true),
        ("tx.time = TIME 2013-05-03T14:45:00Z", "tx|time=2013-05-03T16:45:00+02:00", true),
        ("tx.time = TIME 2013-05-03T14:45:00Z", "tx|time=2018-05-03T14:45:00Z", false),
        ("abci.owner.name CONTAINS 'gor'", NAMES, true),
        ("abci.owner.name CONTAINS 'Pavel'", NAMES, false),
        ("abci.owner.name = 'Ivan' AND abci.owner.name = 'Igor'", NAMES, true),
        ("abci.owner.name = 'Ivan' AND abci.owner.name = 'John'", NAMES, false),
        ("slash EXISTS", SLASH, true),
        ("slas EXISTS", SLASH, false),
        ("slash EXISTS", "slash.deep|reason=x", false),
        ("slash.reason EXISTS AND slash.power > 1000", SLASH, true),
        ("slash.reason EXISTS", "transfer|sender=x", false),
        ("slash.reaso EXISTS", SLASH, false),
        ("tm.event = 'Tx' AND rewards.withdraw.address = 'AddrA'", API, true),
        ("rewards.withdraw.address = 'AddrA' AND rewards.withdraw.source = 'SrcY'", API, true),
        ("tm.event = 'Tx' AND transfer.sender = 'AddrA'", API, false),
        ("tm.event = 'Tx' AND rewards.withdraw.source = 'W'", API, false),
        ("a.b EXISTS", "", false),
    ];
    for (query, events, matches) in cases {
        let tags = tags(events);
        assert_eq!(Query::parse(query).unwrap().matches(&tags), matches, "{query} on {tags:?}");
    }
}

#[test]
fn queries_that_ask_the_same_are_equal_and_keep_their_text() {
    let (one, other) = (
        Query::parse("a.b=5.0  AND c>TIME 2013-05-03T14:45:00+02:00").unwrap(),
        Query::parse(" a.b = 5 AND c > TIME 2013-05-03T12:45:00Z").unwrap(),
    );
    assert_eq!(one, other);
    assert_eq!(one.to_string(), "a.b = 5 AND c > TIME 2013-05-03T12:45:00Z");
    assert_eq!(other.text(), " a.b = 5 AND c > TIME 2013-05-03T12:45:00Z");
}

/// A query as somebody might write it.
fn queries() -> impl Strategy<Value = String> {
    let key = "[a-z_][a-zA-Z0-9_.-]{0,8}";
    let scalar = prop_oneof![
        "[0-9]{1,25}(\\.[0-9]{0,12})?",
        "DATE 20[0-9]{2}-0[1-9]-[0-2][1-8]",
        "TIME 19[0-9]{2}-1[0-2]-0[1-9]T2[0-3]:[0-5]9:0[0-9](Z|\\+0[0-9]:00|-1[01]:30)",
    ];
    let text = "'[^']{0,12}'";
    let order = prop_oneof![Just("<"), Just("<="), Just("="), Just(">="), Just(">")];
    let claim = prop_oneof![
        Just("EXISTS".to_owned()),
        text.prop_map(|text| format!("CONTAINS {text}")),
        text.prop_map(|text| format!("={text}")),
        (order, scalar).prop_map(|(order, scalar)| format!("{order}{scalar}")),
    ];
    let condition = (key, claim).prop_map(|(key, claim)| format!("{key} {claim}"));
    proptest::collection::vec(condition, 1..5).prop_map(|it| it.join(" AND "))
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,80}") {
        if let Err(QueryError::Syntax { offset, column, .. }) = Query::parse(&text) {
            prop_assert!(offset <= text.len());
            prop_assert!(text.is_char_boundary(offset));
            prop_assert!(column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn no_words_break_the_parser(words in proptest::collection::vec(
        prop_oneof![
            "[a-z.]{1,3}", "[0-9.]{1,3}", "'[a-z ]{0,3}'?", "[<=>]{1,2}", "[-:TZ0-9]{1,5}",
            Just("AND".to_owned()), Just("EXISTS".to_owned()), Just("CONTAINS".to_owned()),
            Just("DATE ".to_owned()), Just("TIME ".to_owned()), Just(" ".to_owned()),
        ], 0..12,
    )) {
        let text = words.concat();
        if let Ok(query) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
        }
    }

    #[test]
    fn a_printed_query_asks_the_same(text in queries()) {
        let query = Query::parse(&text).unwrap();
        let printed = query.to_string();
        let again = Query::parse(&printed).unwrap();
        prop_assert_eq!(again.to_string(), printed);
        prop_assert_eq!(again, query);
    }
}
