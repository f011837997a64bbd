//! Tables of figures, as Markdown for people and as JSON for machines.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Map, Value, json};

/// One section's figures.
pub struct Table {
    /// The section's name.
    pub section: &'static str,
    /// What it was measured under, in a sentence.
    pub about: String,
    /// What each column holds, and how many digits after the point it deserves.
    pub columns: &'static [(&'static str, usize)],
    /// A name, and a figure for each column.
    pub rows: Vec<(String, Vec<f64>)>,
}

/// All tables so far.
pub struct Report {
    file: Option<PathBuf>,
    machine: String,
    sections: Map<String, Value>,
}

impl Report {
    /// Begins a report with a line on the machine.
    pub fn new(file: Option<PathBuf>, machine: String) -> Self {
        println!("{machine}\n");
        Self { file, machine, sections: Map::new() }
    }

    /// Prints a table, and writes the file anew, so that it is whole whenever we are stopped.
    pub fn add(&mut self, table: Table) -> anyhow::Result<()> {
        println!("{}", table.markdown());
        self.sections.insert(table.section.to_owned(), table.json());
        let Some(file) = &self.file else { return Ok(()) };
        let all = json!({ "machine": self.machine, "sections": self.sections });
        std::fs::write(file, format!("{all:#}\n"))
            .with_context(|| format!("write {}", file.display()))
    }
}

impl Table {
    fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n{}\n\n| run |", self.section, self.about);
        for (column, _) in self.columns {
            text.push_str(&format!(" {column} |"));
        }
        text.push_str("\n|---|");
        text.push_str(&"---:|".repeat(self.columns.len()));
        for (name, figures) in &self.rows {
            text.push_str(&format!("\n| {name} |"));
            for (figure, (_, digits)) in figures.iter().zip(self.columns) {
                match figure.is_finite() {
                    true => text.push_str(&format!(" {figure:.digits$} |")),
                    false => text.push_str(" - |"),
                }
            }
        }
        text.push('\n');
        text
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|(name, figures)| {
            let columns = self.columns.iter().map(|(column, _)| (*column).to_owned());
            let figures = columns.zip(figures.iter().map(|figure| json!(figure)));
            (name.clone(), Value::Object(figures.collect()))
        });
        json!({ "about": self.about, "rows": rows.collect::<Map<_, _>>() })
    }
}
