//! Columns, as kubectl prints them: upper-case headers, three spaces between, nothing after the last.

/// Rows under headers, each cell as wide as its column's widest.
pub(super) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
        cells.max().unwrap_or(0).max(headers[column].len())
    };
    let widths: Vec<_> = (0..headers.len()).map(width).collect();
    let mut out = String::new();
    let headers: Vec<_> = headers.iter().map(|header| (*header).to_owned()).collect();
    for row in std::iter::once(&headers).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 3));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_headers_also_with_letters_of_two_bytes() {
        let rows = [vec!["ü".to_owned(), "2".to_owned()], vec!["longer".to_owned(), String::new()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME     N\nü        2\nlonger\n");
    }
}
