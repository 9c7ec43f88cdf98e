//! Where things stand in a TOML file, so that an error can point at them.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Where each field of a file stands, as far as the file can be read.
pub struct Places(Vec<(String, Range<usize>)>);

impl Places {
    /// Reads what can be read: a file with faults has places too.
    pub fn of(source: &str) -> Self {
        let (table, _errors) = DeTable::parse_recoverable(source);
        let mut places = Vec::new();
        collect(table.get_ref(), "", &mut places);
        Self(places)
    }

    /// The innermost field at `span`.
    pub fn field_at(&self, span: &Range<usize>) -> String {
        let around = self.0.iter().filter(|(_, place)| place.start <= span.start && span.end <= place.end);
        around.min_by_key(|(_, place)| place.end - place.start).map(|(field, _)| field.clone()).unwrap_or_default()
    }

    /// The line of a field, or of the closest field around it that is written.
    pub fn line_of_field(&self, source: &str, field: &str) -> Option<usize> {
        let mut name = field;
        loop {
            if let Some((_, place)) = self.0.iter().find(|(written, _)| written == name) {
                return Some(line_of(source, place.start));
            }
            name = &name[..name.rfind(['.', '['])?];
        }
    }
}

fn collect(table: &DeTable<'_>, prefix: &str, places: &mut Vec<(String, Range<usize>)>) {
    for (key, value) in table.iter() {
        let field = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        places.push((field.clone(), key.span().start..value.span().end.max(key.span().end)));
        collect_value(value.get_ref(), &field, places);
    }
}

fn collect_value(value: &DeValue<'_>, field: &str, places: &mut Vec<(String, Range<usize>)>) {
    match value {
        DeValue::Table(table) => collect(table, field, places),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                let field = format!("{field}[{}]", index + 1);
                places.push((field.clone(), element.span()));
                collect_value(element.get_ref(), &field, places);
            }
        }
        _ => {}
    }
}

/// The line of a byte of `source`, from 1.
pub fn line_of(source: &str, offset: usize) -> usize {
    source.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_written_is_looked_for_around_it() {
        let source = "slug = \"a\"\n\n[[questions]]\nkind = \"single\"\noptions = [\n  \"un\",\n  \"deux\",\n]\n";
        let places = Places::of(source);
        assert_eq!(places.line_of_field(source, "questions[1].options[2]"), Some(7));
        assert_eq!(places.line_of_field(source, "questions[1].text"), Some(3));
        assert_eq!(places.line_of_field(source, "title"), None);
        let at = source.find("deux").unwrap();
        assert_eq!(places.field_at(&(at..at + 1)), "questions[1].options[2]");
    }
}
