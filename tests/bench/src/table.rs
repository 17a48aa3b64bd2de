//! Tables for people (Markdown, so that they can be pasted into the README) and rows for programs.

use crate::Place;
use anyhow::Result;
use serde::Serialize;

/// Prints a Markdown table with padded columns.
pub(crate) fn print(heads: &[&str], rows: &[Vec<String>]) {
    let width = |i: usize| rows.iter().map(|r| r[i].chars().count()).chain([heads[i].chars().count()]).max();
    let widths: Vec<usize> = (0..heads.len()).map(|i| width(i).unwrap_or(0)).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::from("|");
        for (cell, width) in cells.zip(&widths) {
            text.push_str(&format!(" {cell:width$} |"));
        }
        println!("{text}");
    };
    line(&mut heads.iter().copied());
    line(&mut widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>().iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}

/// Writes raw rows to `NAME.json` among the results.
pub(crate) fn save<T: Serialize>(place: &Place, name: &str, rows: &[T]) -> Result<()> {
    let path = place.results.join(format!("{name}.json"));
    std::fs::write(&path, serde_json::to_string_pretty(rows)?)?;
    println!("\nraw rows: {}", path.display());
    Ok(())
}
