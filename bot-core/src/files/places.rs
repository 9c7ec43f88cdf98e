//! Where things stand in a TOML file, so that an error can point at them.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Where each field of a file stands, as far as the file can be read.
pub struct Places(Vec<Place>);

struct Place {
    field: String,
    /// Key and value.
    whole: Range<usize>,
    value: Range<usize>,
}

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
        let around = self.0.iter().filter(|place| place.whole.start <= span.start && span.end <= place.whole.end);
        let innermost = around.min_by_key(|place| place.whole.end - place.whole.start);
        innermost.map(|place| place.field.clone()).unwrap_or_default()
    }

    /// The line of a field, or of the closest field around it that is written.
    pub fn line_of_field(&self, source: &str, field: &str) -> Option<usize> {
        let mut name = field;
        loop {
            if let Some(place) = self.0.iter().find(|place| place.field == name) {
                return Some(line_of(source, place.whole.start));
            }
            name = &name[..name.rfind(['.', '['])?];
        }
    }

    /// The line of `source` on which line `line` (from 1) of the text of `field` stands.
    pub fn line_in_text(&self, source: &str, field: &str, line: usize) -> Option<usize> {
        let place = self.0.iter().find(|place| place.field == field)?;
        let written = source.get(place.value.clone())?;
        let first = line_of(source, place.value.start);
        let Some(inside) = written.strip_prefix("\"\"\"").or_else(|| written.strip_prefix("'''")) else {
            // A text on one line.
            return Some(first);
        };
        // A line end right after the opening marks is none of the text's.
        let skipped = usize::from(inside.starts_with('\n') || inside.starts_with("\r\n"));
        let lines_of_text = source_lines(inside, written.starts_with('"'), skipped);
        Some(first + lines_of_text.get(line - 1).or(lines_of_text.last()).copied().unwrap_or_default())
    }
}

/// For each line of a text over several lines, how many lines below its opening marks it begins. A backslash at the
/// end of a line joins it with the next, and `\n` begins a line where the file does not.
fn source_lines(inside: &str, has_escapes: bool, skipped: usize) -> Vec<usize> {
    let mut starts = vec![skipped];
    let mut below = 0;
    let mut signs = inside.chars().peekable();
    let mut joined = false;
    while let Some(sign) = signs.next() {
        match sign {
            '\\' if has_escapes => match signs.next() {
                Some('n') => starts.push(below),
                // White space up to the next words belongs to the joint.
                Some(joint) if joint.is_whitespace() => {
                    below += usize::from(joint == '\n');
                    joined = true;
                }
                _ => {}
            },
            '\n' => {
                below += 1;
                if !joined && below > skipped {
                    starts.push(below);
                }
            }
            sign if sign.is_whitespace() => {}
            _ => joined = false,
        }
    }
    starts
}

fn collect(table: &DeTable<'_>, prefix: &str, places: &mut Vec<Place>) {
    for (key, value) in table.iter() {
        let field = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        let whole = key.span().start..value.span().end.max(key.span().end);
        places.push(Place { field: field.clone(), whole, value: value.span() });
        collect_value(value.get_ref(), &field, places);
    }
}

fn collect_value(value: &DeValue<'_>, field: &str, places: &mut Vec<Place>) {
    match value {
        DeValue::Table(table) => collect(table, field, places),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                let field = format!("{field}[{}]", index + 1);
                places.push(Place { field: field.clone(), whole: element.span(), value: element.span() });
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

    #[test]
    fn a_line_of_a_text_is_found_in_the_file() {
        let source = "one = \"a\\nb\"\ntwo = \"\"\"\nfirst\nsecond \\\n  still second\n\nfourth\"\"\"\nthree = '''first\n\\n'''\n";
        let places = Places::of(source);
        let lines =
            |field: &str| (1..=5).map(|line| places.line_in_text(source, field, line).unwrap()).collect::<Vec<_>>();
        assert_eq!(lines("one"), [1, 1, 1, 1, 1]);
        assert_eq!(lines("two"), [3, 4, 6, 7, 7]);
        assert_eq!(lines("three"), [8, 9, 9, 9, 9]);
        assert_eq!(places.line_in_text(source, "four", 1), None);
    }
}
