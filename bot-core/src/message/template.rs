//! Organisers' wording: handlebars over Markdown, strict about unknown variables.
//!
//! A template may name variables (`{{collectivite}}`, `{{consultation.titre}}`), ask whether they hold something
//! (`{{#if …}}`, `{{#unless …}}`, `{{else}}`, `{{else if …}}`) and go through a list (`{{#each …}}` with `{{this}}`,
//! `{{@index}}`, `{{@first}}`, `{{@last}}`; `../name` reaches outside). Nothing else of handlebars is allowed, so that
//! a template can be checked before anybody receives it. Values are always escaped: they come out as plain words.

use std::sync::LazyLock;

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{Context, Handlebars, Output, RenderContext, Renderable, TemplateErrorReason};
use serde_json::{Map, Value};

use super::document::{Block, Document};
use super::markdown;

/// Longest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 20_000;
/// Most Markdown that the templates of one document may become, in bytes; the values' escaping counts.
pub const FILLED_BYTES_MAX: usize = 100_000;
/// Most `{{#…}}` and `{{else…}}` in one template: each may nest, and nesting costs stack.
const BRANCHES_MAX: usize = 40;

/// Fills the document's templates with `variables` and reads them as Markdown; other blocks and the choices stay as
/// they are. The same document and variables give the same blocks on every call.
///
/// # Errors
/// When a template is refused by the rules of [`check`], names a variable that is not there, or becomes too long.
pub fn fill(document: &Document, variables: &Map<String, Value>) -> Result<Document, TemplateError> {
    let mut blocks = Vec::with_capacity(document.blocks.len());
    let mut room = FILLED_BYTES_MAX;
    for block in &document.blocks {
        let Block::Template { markdown } = block else {
            blocks.push(block.clone());
            continue;
        };
        let template =
            compile(markdown, &|name| value_of(variables, name).is_some(), &|| variables.keys().cloned().collect())?;
        let filled = render(&template, variables, room)?;
        room -= filled.len();
        blocks.extend(markdown::parse(&filled));
    }
    Ok(Document { blocks, choices: document.choices.clone() })
}

/// Checks a template before it is stored: whether it can be read, uses only what is allowed, and names only
/// `known_variables` (with dots for a value within a value: `consultation.titre`).
///
/// # Errors
/// The first thing that is wrong, where it is and what to write instead.
pub fn check(markdown: &str, known_variables: &[&str]) -> Result<(), TemplateError> {
    compile(markdown, &|name| known_variables.contains(&name), &|| {
        known_variables.iter().map(|&name| name.to_owned()).collect()
    })
    .map(drop)
}

/// Lines and columns count from 1, columns in characters. No message holds a variable's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("line {line}, column {column}: {problem}")]
    Syntax { line: usize, column: usize, problem: String },
    #[error("line {line}, column {column}: there is no variable `{name}` here: write one of {}", listed(.known))]
    UnknownVariable { line: usize, column: usize, name: String, known: Vec<String> },
    #[error("line {line}, column {column}: `{what}` is not allowed in a template: {remedy}")]
    NotAllowed { line: usize, column: usize, what: String, remedy: &'static str },
    #[error("the template is longer than {TEMPLATE_BYTES_MAX} bytes: shorten it")]
    TemplateTooLong,
    #[error("the filled template is longer than {FILLED_BYTES_MAX} bytes: shorten it or its variables")]
    FilledTooLong,
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none, since none is known here".to_owned() } else { known.join(", ") }
}

/// The value that a name with dots stands for.
fn value_of<'v>(variables: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let mut parts = name.split('.');
    let first = variables.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.as_object()?.get(part))
}

fn compile(
    markdown: &str,
    is_known: &dyn Fn(&str) -> bool,
    known: &dyn Fn() -> Vec<String>,
) -> Result<Template, TemplateError> {
    if markdown.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TemplateTooLong);
    }
    // Handlebars' own reader recurses, so what it never needs to see is refused first.
    check_tags(markdown)?;
    let template = Template::compile(markdown).map_err(|error| {
        let (line, column) = error.pos().unwrap_or((1, 1));
        let problem = match error.reason() {
            TemplateErrorReason::MismatchingClosedHelper(open, closed) => {
                format!("`{{{{#{open}}}}}` is closed by `{{{{/{closed}}}}}`: close it with `{{{{/{open}}}}}`")
            }
            _ => {
                "this cannot be read: close each `{{#if …}}` with its `{{/if}}`, and each `{{` with `}}` after one name"
                    .to_owned()
            }
        };
        TemplateError::Syntax { line, column, problem }
    })?;
    Checker { is_known, known }.elements(&template, Scope::Outside, (1, 1))?;
    Ok(template)
}

/// Looks at each tag as text: where it nests too deep or holds more than names.
fn check_tags(markdown: &str) -> Result<(), TemplateError> {
    let mut branches = 0;
    let mut from = 0;
    while let Some(found) = markdown[from..].find("{{") {
        let start = from + found;
        let inside = &markdown[start + 2..];
        let (line, column) = position(markdown, start);
        if markdown[..start].ends_with('\\') {
            return Err(TemplateError::NotAllowed {
                line,
                column,
                what: r"\{{".to_owned(),
                remedy: "for two braces as words write `&#123;&#123;`",
            });
        }
        let end_of_comment = inside.starts_with("!--").then(|| inside.find("--}}")).flatten().map(|at| at + 2);
        let Some(length) = end_of_comment.or_else(|| inside.find("}}")) else {
            return Err(TemplateError::Syntax {
                line,
                column,
                problem: "`{{` is not closed: write `}}` after the name".to_owned(),
            });
        };
        let tag = &inside[..length];
        from = start + 2 + length + 2;
        if tag.starts_with('!') {
            continue;
        }
        let words = tag.trim_start_matches(['~', ' ', '\t', '\r', '\n']);
        let refuse = |remedy| Err(TemplateError::NotAllowed { line, column, what: format!("{{{{{tag}}}}}"), remedy });
        match words.chars().next() {
            Some('{' | '&') => return refuse("write `{{name}}`, so that the value stays plain words"),
            Some('>' | '*') => return refuse("a template includes no other"),
            Some('#' | '^') => branches += 1,
            _ if words.starts_with("else") => branches += 1,
            _ => {}
        }
        if words.starts_with(['#', '^']) && words[1..].trim_start().starts_with(['>', '*']) {
            return refuse("a template includes no other");
        }
        if tag.contains(['(', '[', '{', '"', '\'', '|', '=']) {
            return refuse("between `{{` and `}}` write a name only");
        }
        if branches > BRANCHES_MAX {
            return refuse("at most 40 `{{#…}}` and `{{else…}}` may stand in one template");
        }
    }
    Ok(())
}

/// Line and column of a byte of `text`, from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Outside,
    InEach,
}

struct Checker<'c> {
    is_known: &'c dyn Fn(&str) -> bool,
    known: &'c dyn Fn() -> Vec<String>,
}

impl Checker<'_> {
    /// `at` is where the block begins whose inside this is: handlebars keeps no place for the inside of `else if`.
    fn elements(&self, template: &Template, scope: Scope, at: (usize, usize)) -> Result<(), TemplateError> {
        for (index, element) in template.elements.iter().enumerate() {
            let at = template.mapping.get(index).map_or(at, |place| (place.0, place.1));
            match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                TemplateElement::Expression(tag) if tag.params.is_empty() && tag.hash.is_empty() => {
                    self.variable(&tag.name, scope, at)?;
                }
                TemplateElement::HelperBlock(block) => self.block(block, scope, at)?,
                _ => return Err(not_allowed("tag", at)),
            }
        }
        Ok(())
    }

    fn block(&self, block: &HelperTemplate, scope: Scope, at: (usize, usize)) -> Result<(), TemplateError> {
        let name = block.name.as_name().unwrap_or_default();
        let inner = match (name, scope) {
            ("if" | "unless", scope) => scope,
            ("each", Scope::Outside) => Scope::InEach,
            ("each", Scope::InEach) => {
                let (line, column) = at;
                let remedy = "lists do not stand within lists: use one `{{#each …}}` after the other";
                return Err(TemplateError::NotAllowed { line, column, what: "each".to_owned(), remedy });
            }
            _ => return Err(not_allowed(&format!("#{name}"), at)),
        };
        let [parameter] = &block.params[..] else {
            let (line, column) = at;
            let problem = format!("`{{{{#{name}}}}}` needs the name of one variable: write `{{{{#{name} name}}}}`");
            return Err(TemplateError::Syntax { line, column, problem });
        };
        self.variable(parameter, scope, at)?;
        if let Some(template) = &block.template {
            self.elements(template, inner, at)?;
        }
        if let Some(inverse) = &block.inverse {
            // What stands for an empty list is outside of it.
            let scope = if name == "each" { Scope::Outside } else { inner };
            self.elements(inverse, scope, at)?;
        }
        Ok(())
    }

    fn variable(
        &self,
        parameter: &Parameter,
        scope: Scope,
        (line, column): (usize, usize),
    ) -> Result<(), TemplateError> {
        let Some(name) = parameter.as_name() else { return Err(not_allowed("a value", (line, column))) };
        let known = match (scope, name) {
            (Scope::InEach, "this" | "@index" | "@first" | "@last") => true,
            (Scope::InEach, name) => name.strip_prefix("../").is_some_and(self.is_known),
            (Scope::Outside, name) => (self.is_known)(name),
        };
        if known {
            return Ok(());
        }
        let known = match scope {
            Scope::Outside => (self.known)(),
            Scope::InEach => ["this", "@index", "@first", "@last"]
                .map(str::to_owned)
                .into_iter()
                .chain((self.known)().into_iter().map(|name| format!("../{name}")))
                .collect(),
        };
        Err(TemplateError::UnknownVariable { line, column, name: name.to_owned(), known })
    }
}

fn not_allowed(what: &str, (line, column): (usize, usize)) -> TemplateError {
    let remedy = "write `{{name}}`, `{{#if name}}`, `{{#unless name}}` or `{{#each name}}`";
    TemplateError::NotAllowed { line, column, what: what.to_owned(), remedy }
}

static HANDLEBARS: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.register_escape_fn(markdown::escape);
    // Only `if`, `unless` and `each` stay; a variable may have any of the other names.
    for helper in ["with", "lookup", "raw", "log", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or", "not", "len"] {
        handlebars.unregister_helper(helper);
    }
    handlebars
});

/// What handlebars writes, up to a limit.
struct Bounded {
    text: String,
    bytes_max: usize,
}

impl Output for Bounded {
    fn write(&mut self, words: &str) -> std::io::Result<()> {
        if self.text.len() + words.len() > self.bytes_max {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.text.push_str(words);
        Ok(())
    }
}

fn render(template: &Template, variables: &Map<String, Value>, bytes_max: usize) -> Result<String, TemplateError> {
    // Plain values always become a context: only types with failing serialisation do not.
    let context = Context::from(Value::Object(variables.clone()));
    let mut output = Bounded { text: String::new(), bytes_max };
    match template.render(&HANDLEBARS, &context, &mut RenderContext::new(None), &mut output) {
        Ok(()) => Ok(output.text),
        Err(error) => Err(match error.reason() {
            handlebars::RenderErrorReason::IOError(_) => TemplateError::FilledTooLong,
            reason => TemplateError::Syntax {
                line: error.line_no.unwrap_or(1),
                column: error.column_no.unwrap_or(1),
                problem: match reason {
                    handlebars::RenderErrorReason::MissingVariable(Some(name)) => {
                        format!("`{name}` holds nothing that fits here: give it a list for `each`, words elsewhere")
                    }
                    _ => "this cannot be filled: check the variables named here".to_owned(),
                },
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::action::ActionPayload;
    use crate::message::{Text, layout::words_of};

    fn template(markdown: &str) -> Document {
        Document::new().block(Block::Template { markdown: markdown.to_owned() })
    }

    fn variables(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn filled(markdown: &str, value: Value) -> Result<Vec<String>, TemplateError> {
        fill(&template(markdown), &variables(value)).map(|document| document.blocks.iter().map(words_of).collect())
    }

    fn refusal(markdown: &str) -> String {
        check(markdown, &["prenom", "consultation.titre", "dates"]).unwrap_err().to_string()
    }

    #[test]
    fn only_templates_are_filled() {
        let action = ActionPayload::new([1]).unwrap();
        let document = Document::says("{{prenom}}")
            .block(Block::Template { markdown: "Bonjour **{{prenom}}** !\n\n- {{consultation.titre}}".to_owned() })
            .choice("{{prenom}}", action.clone());
        let values = variables(json!({ "prenom": "*Zoé*", "consultation": { "titre": "[Halle](https://x.fr)\n# 2" } }));
        let expected = Document::says("{{prenom}}")
            .paragraph(Text::new().plain("Bonjour ").strong("*Zoé*").plain(" !"))
            .list(["[Halle](https://x.fr)\n# 2"])
            .choice("{{prenom}}", action);
        assert_eq!(fill(&document, &values), Ok(expected));
    }

    #[test]
    fn conditions_and_lists() {
        let markdown = "{{#if dates}}\n{{#each dates}}\n- {{@index}} {{this}}{{#if @last}}, à {{../lieu}}{{/if}}\n{{/each}}\n\
                        {{else if lieu}}\n{{lieu}}\n{{else}}\nrien\n{{/if}}";
        assert_eq!(
            filled(markdown, json!({ "dates": ["1er mai", "2. mai"], "lieu": "Dijon" })),
            Ok(vec!["• 0 1er mai\n• 1 2. mai, à Dijon".to_owned()])
        );
        assert_eq!(filled(markdown, json!({ "dates": [], "lieu": "Dijon" })), Ok(vec!["Dijon".to_owned()]));
        assert_eq!(filled(markdown, json!({ "dates": [], "lieu": null })), Ok(vec!["rien".to_owned()]));
        assert_eq!(check(markdown, &["dates", "lieu"]), Ok(()));
        assert_eq!(
            filled(
                "{{#each dates}}{{this}}{{else}}{{lieu}}{{/each}} {{~#unless dates}}~{{/unless}}",
                json!({ "dates": [], "lieu": 7 })
            ),
            Ok(vec!["7~".to_owned()])
        );
        // A variable may be called as a helper of handlebars that is not used here.
        assert_eq!(
            filled("{{len}} {{log}} {{!-- (tu) --}}{{! moi }}", json!({ "len": 3, "log": true })),
            Ok(vec!["3 true".to_owned()])
        );
    }

    #[test]
    fn an_unknown_variable_is_refused_with_its_place_and_the_known_ones() {
        assert_eq!(
            refusal("Bonjour,\n\nà vous {{nom}}."),
            "line 3, column 8: there is no variable `nom` here: write one of prenom, consultation.titre, dates"
        );
        for (markdown, name) in [
            ("{{consultation}}", "consultation"),
            ("{{consultation.date}}", "consultation.date"),
            ("{{consultation/titre}}", "consultation/titre"),
            ("{{#if nom}}{{/if}}", "nom"),
            ("{{#if prenom}}{{else if nom}}{{/if}}", "nom"),
            ("{{#if prenom}}{{else if prenom}}{{else}}{{nom}}{{/if}}", "nom"),
            ("{{#if prenom}}{{nom}}{{/if}}", "nom"),
            ("{{this}}", "this"),
            ("{{this.prenom}}", "this.prenom"),
            ("{{../prenom}}", "../prenom"),
            ("{{@root.prenom}}", "@root.prenom"),
            ("{{@index}}", "@index"),
            ("{{#each dates}}{{prenom}}{{/each}}", "prenom"),
            ("{{#each dates}}{{../nom}}{{/each}}", "../nom"),
            ("{{#each dates}}{{else}}{{this}}{{/each}}", "this"),
            ("{{if}}", "if"),
        ] {
            let error = check(markdown, &["prenom", "consultation.titre", "dates"]).unwrap_err();
            let TemplateError::UnknownVariable { name: found, .. } = &error else { panic!("{markdown}: {error}") };
            assert_eq!(found, name, "{markdown}");
        }
        assert_eq!(
            filled("{{nom}}", json!({})).unwrap_err().to_string(),
            "line 1, column 1: there is no variable `nom` here: write one of none, since none is known here"
        );
        assert!(matches!(filled("{{#if nom}}{{/if}}", json!({ "a": 1 })), Err(TemplateError::UnknownVariable { .. })));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place_and_the_remedy() {
        for (markdown, said) in [
            ("a\n{{#if prenom}}x", "line 2, column 16: this cannot be read: close each `{{#if …}}` with its `{{/if}}`"),
            (
                "{{#if prenom}}x{{/unless}}",
                "line 1, column 16: `{{#if}}` is closed by `{{/unless}}`: close it with `{{/if}}`",
            ),
            ("é {{prenom", "line 1, column 3: `{{` is not closed: write `}}` after the name"),
            ("{{}}", "this cannot be read"),
            ("{{/if}}", "this cannot be read"),
            ("{{prenom dates}}", "is not allowed in a template: write `{{name}}`, `{{#if name}}`"),
            ("{{#if}}{{/if}}", "`{{#if}}` needs the name of one variable: write `{{#if name}}`"),
            ("{{#if prenom dates}}{{/if}}", "`{{#if}}` needs the name of one variable"),
            ("{{#with prenom}}{{/with}}", "`#with` is not allowed in a template: write `{{name}}`, `{{#if name}}`"),
            (
                "{{{prenom}}}",
                "`{{{prenom}}` is not allowed in a template: write `{{name}}`, so that the value stays plain",
            ),
            ("{{&prenom}}", "write `{{name}}`, so that"),
            ("{{~{prenom}~}}", "write `{{name}}`, so that"),
            ("{{> autre}}", "a template includes no other"),
            ("{{#> autre}}{{/autre}}", "a template includes no other"),
            ("{{#*inline \"a\"}}{{/inline}}", "a template includes no other"),
            ("{{* deco}}", "a template includes no other"),
            ("{{{{raw}}}}{{{{/raw}}}}", "write `{{name}}`, so that"),
            ("{{#if (lookup prenom 0)}}{{/if}}", "between `{{` and `}}` write a name only"),
            ("{{\"x\"}}", "between `{{` and `}}` write a name only"),
            ("{{#each dates as |d|}}{{/each}}", "between `{{` and `}}` write a name only"),
            ("{{#each dates}}{{#each this}}{{/each}}{{/each}}", "lists do not stand within lists"),
            (r"\{{prenom}}", "for two braces as words write `&#123;&#123;`"),
            ("{{#if 1}}{{/if}}", "`a value` is not allowed"),
        ] {
            let refusal = refusal(markdown);
            assert!(refusal.contains(said), "{markdown}: {refusal}");
        }
        let deep = |depth: usize| format!("{}x{}", "{{#if prenom}}".repeat(depth), "{{/if}}".repeat(depth));
        assert_eq!(check(&deep(BRANCHES_MAX), &["prenom"]), Ok(()));
        assert!(refusal(&deep(BRANCHES_MAX + 1)).contains("at most 40"));
        assert!(refusal(&"{{#if prenom}}".repeat(5000)[..20_000]).contains("at most 40"));
        assert!(refusal(&"{{(".repeat(5000)).contains("is not closed"));
        assert!(refusal(&" ".repeat(20_001)).contains("longer than 20000 bytes"));
    }

    #[test]
    fn the_result_is_bounded_over_the_whole_document() {
        let half = json!({ "mot": "a".repeat(60_000) });
        assert!(filled("{{mot}}", half.clone()).is_ok());
        assert_eq!(filled("{{mot}}{{mot}}", half.clone()), Err(TemplateError::FilledTooLong));
        let twice = template("{{mot}}").block(Block::Template { markdown: "{{mot}}".to_owned() });
        assert_eq!(fill(&twice, &variables(half)), Err(TemplateError::FilledTooLong));
    }

    #[test]
    fn no_error_shows_a_value() {
        let error = filled("{{#each mot}}{{this}}{{/each}}", json!({ "mot": "secret" })).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.to_string().contains("line 1, column 1"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_template_panics_and_what_passes_the_check_can_be_filled(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{{a}}", "{{b}}", "{{#if a}}", "{{/if}}", "{{else}}", "{{else if b}}", "{{#each b}}", "{{/each}}", "{{this}}",
                "{{../a}}", "{{@last}}", "{{~a~}}", "{{", "}}", "\\", "é", "\n", " ", "- ", "# ", "{{! x }}", "{{#unless a}}",
                "{{/unless}}", "(", "\"", "|", "^", "{{^}}", "&", "*", "`",
            ]), 0..14),
        ) {
            let markdown = parts.concat();
            let values = json!({ "a": "un", "b": ["x", "y"] });
            let checked = check(&markdown, &["a", "b"]);
            let filled = filled(&markdown, values);
            prop_assert_eq!(checked.err(), filled.err());
        }

        #[test]
        fn a_value_is_its_own_words(value in any::<String>()) {
            let found = fill(&template("> x{{v}}x"), &variables(json!({ "v": value.clone() }))).unwrap();
            prop_assert_eq!(found.blocks, markdown::parse(&markdown::escape(&format!("x{value}x"))));
        }
    }
}
