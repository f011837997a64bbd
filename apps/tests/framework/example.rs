//! The example of docs/APPLICATIONS.md is the file that the tests run.

#[test]
fn the_page_shows_the_file() {
    let page = include_str!("../../../docs/APPLICATIONS.md");
    let file = include_str!("counter.rs");
    let (_, shown) = file.split_once("\n\n").unwrap();
    assert!(page.contains(shown), "docs/APPLICATIONS.md shows another counter");
}
