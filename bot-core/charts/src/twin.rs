//! What a chart says, without the picture.

use serde::{Deserialize, Serialize};

use crate::picture::escaped;

/// The words of a chart, sent in the same message as its picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextTwin {
    /// One sentence: what a reader should keep. Fit for an image's alternative text.
    pub sentence: String,
    /// Every value, one line each, where a table cannot be drawn: "Jardin : 8 voix (40 %)".
    pub lines: Vec<String>,
    /// Every value, as a table.
    pub table: Table,
}

/// A table of plain text. Each row has as many cells as the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub caption: String,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An HTML table, its text escaped. Its first column heads the rows; the class is `chart-table`.
    pub fn html(&self) -> String {
        let mut html = format!("<table class=\"chart-table\"><caption>{}</caption><thead><tr>", escaped(&self.caption));
        for cell in &self.header {
            html.push_str(&format!("<th scope=\"col\">{}</th>", escaped(cell)));
        }
        html.push_str("</tr></thead><tbody>");
        for row in &self.rows {
            html.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let text = escaped(cell);
                if column == 0 {
                    html.push_str(&format!("<th scope=\"row\">{text}</th>"));
                } else {
                    html.push_str(&format!("<td>{text}</td>"));
                }
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_html_table_escapes_its_text() {
        let table = Table {
            caption: "a < b".into(),
            header: vec!["Choix".into(), "Voix".into()],
            rows: vec![vec!["<script>\"x\"&'y'</script>".into(), "3".into()]],
        };
        insta::assert_snapshot!(table.html(), @r#"<table class="chart-table"><caption>a &lt; b</caption><thead><tr><th scope="col">Choix</th><th scope="col">Voix</th></tr></thead><tbody><tr><th scope="row">&lt;script&gt;&quot;x&quot;&amp;&#39;y&#39;&lt;/script&gt;</th><td>3</td></tr></tbody></table>"#);
    }
}
