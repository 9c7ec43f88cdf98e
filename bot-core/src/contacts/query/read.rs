//! Reads a query, or says in which column what was expected.

use super::{Comparison, DEPTH_MAX, Key, QUERY_BYTES_MAX, Query, Test};
use crate::contacts::words::folded;

/// What is wrong with a query.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("column {column}: {found}; write {expected}")]
pub struct QueryError {
    /// In characters, from 1.
    pub column: usize,
    found: String,
    expected: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    /// Letters, digits, `.`, `_`, `-` and `:`, without quotation marks.
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// The longest first.
const SIGNS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "~", "(", ")", ","];

pub(super) fn query(text: &str) -> Result<Query, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError {
            column: 1,
            found: format!("the query has more than {QUERY_BYTES_MAX} bytes"),
            expected: "a shorter one, or put the contacts in a group".to_owned(),
        });
    }
    let mut reader = Reader { tokens: tokens(text)?, at: 0, end: text.chars().count() + 1 };
    let query = reader.alternatives(0)?;
    match reader.peek() {
        None => Ok(query),
        Some(_) => Err(reader.expected("and, or, or nothing more")),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '.' | '_' | '-' | ':' | '/')
        || matches!(character, '\u{300}'..='\u{36f}')
}

/// Whether a value needs no quotation marks.
pub(super) fn is_bare(value: &str) -> bool {
    !value.is_empty() && value.chars().all(is_word) && connective(value).is_none()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connective {
    And,
    Or,
    Not,
    In,
}

fn connective(word: &str) -> Option<Connective> {
    match word.to_lowercase().as_str() {
        "and" | "et" => Some(Connective::And),
        "or" | "ou" => Some(Connective::Or),
        "not" | "non" => Some(Connective::Not),
        "in" | "dans" | "parmi" => Some(Connective::In),
        _ => None,
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let start = at;
        if character.is_whitespace() {
            at += 1;
        } else if matches!(character, '"' | '«' | '“') {
            let (value, end) = quoted(&characters, start)?;
            tokens.push((start + 1, Token::Quoted(value)));
            at = end;
        } else if is_word(character) {
            while characters.get(at).copied().is_some_and(is_word) {
                at += 1;
            }
            tokens.push((start + 1, Token::Word(characters[start..at].iter().collect())));
        } else {
            let starts =
                |sign: &&&str| sign.chars().enumerate().all(|(index, c)| characters.get(start + index) == Some(&c));
            let Some(sign) = SIGNS.iter().find(starts) else {
                return Err(QueryError {
                    column: start + 1,
                    found: format!("`{character}` has no meaning here"),
                    expected: "texts with such signs between quotation marks".to_owned(),
                });
            };
            at += sign.len();
            tokens.push((start + 1, Token::Sign(if *sign == "<>" { "!=" } else { sign })));
        }
    }
    Ok(tokens)
}

/// A text between quotation marks, and where it ends. `\"` and `\\` stand for themselves.
fn quoted(characters: &[char], start: usize) -> Result<(String, usize), QueryError> {
    let closing = match characters[start] {
        '«' => '»',
        '“' => '”',
        _ => '"',
    };
    let mut value = String::new();
    let mut at = start + 1;
    while let Some(&character) = characters.get(at) {
        at += 1;
        match (character, characters.get(at)) {
            ('\\', Some(&next @ ('"' | '\\'))) => {
                value.push(next);
                at += 1;
            }
            (character, _) if character == closing => {
                let value = if closing == '»' { value.trim().to_owned() } else { value };
                return Ok((value, at));
            }
            (character, _) => value.push(character),
        }
    }
    Err(QueryError {
        column: start + 1,
        found: "this quotation mark is never closed".to_owned(),
        expected: format!("`{closing}` after the text"),
    })
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// The column after the last.
    end: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(column, _)| *column)
    }

    fn expected(&self, expected: impl Into<String>) -> QueryError {
        let found = match self.peek() {
            Some(Token::Word(word)) => format!("found `{word}`"),
            Some(Token::Quoted(text)) => format!("found \"{text}\""),
            Some(Token::Sign(sign)) => format!("found `{sign}`"),
            None => "the query ends here".to_owned(),
        };
        QueryError { column: self.column(), found, expected: expected.into() }
    }

    fn takes(&mut self, connective: Connective) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if self::connective(word) == Some(connective));
        self.at += usize::from(found);
        found
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self, depth: usize) -> Result<Query, QueryError> {
        let mut any = vec![self.conditions(depth)?];
        while self.takes(Connective::Or) {
            any.push(self.conditions(depth)?);
        }
        Ok(one_or(any, Query::Or))
    }

    fn conditions(&mut self, depth: usize) -> Result<Query, QueryError> {
        let mut all = vec![self.condition(depth)?];
        while self.takes(Connective::And) {
            all.push(self.condition(depth)?);
        }
        Ok(one_or(all, Query::And))
    }

    fn condition(&mut self, depth: usize) -> Result<Query, QueryError> {
        if depth > DEPTH_MAX {
            return Err(self.expected(format!("at most {DEPTH_MAX} conditions within one another")));
        }
        if self.takes(Connective::Not) {
            return Ok(Query::Not(Box::new(self.condition(depth + 1)?)));
        }
        if self.takes_sign("(") {
            let query = self.alternatives(depth + 1)?;
            return if self.takes_sign(")") { Ok(query) } else { Err(self.expected("`)`, and, or")) };
        }
        self.test().map(Query::Test)
    }

    fn test(&mut self) -> Result<Test, QueryError> {
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.expected(format!("a condition, such as type = commune: {}", Key::known())));
        };
        let Some(key) = Key::named(word) else {
            let hint =
                if folded(word) == "field" { "field.NAME, such as field.email".to_owned() } else { Key::known() };
            return Err(self.expected(hint));
        };
        self.at += 1;
        if self.takes(Connective::In) {
            if !self.takes_sign("(") {
                return Err(self.expected("`(` and values, such as (52, 53)"));
            }
            let mut values = vec![self.value(&key)?];
            while self.takes_sign(",") {
                values.push(self.value(&key)?);
            }
            if !self.takes_sign(")") {
                return Err(self.expected("`,` and another value, or `)`"));
            }
            return Ok(Test { key, comparison: Comparison::In(values) });
        }
        let sign = match self.peek() {
            Some(Token::Sign(sign @ ("=" | "!="))) => *sign,
            Some(Token::Sign(sign @ ("<" | "<=" | ">" | ">="))) if key.is_ordered() => *sign,
            Some(Token::Sign(sign @ "~")) if key.is_text() => *sign,
            _ => {
                let ordered = if key.is_ordered() { ", <, <=, >, >=" } else { "" };
                let text = if key.is_text() { ", ~ (contains)" } else { "" };
                return Err(self.expected(format!("=, !={ordered}{text} or in (…) after `{key}`")));
            }
        };
        self.at += 1;
        let value = self.value(&key)?;
        let comparison = match sign {
            "=" => Comparison::Equal(value),
            "!=" => Comparison::NotEqual(value),
            "<" => Comparison::Less(value),
            "<=" => Comparison::LessOrEqual(value),
            ">" => Comparison::Greater(value),
            ">=" => Comparison::GreaterOrEqual(value),
            _ => Comparison::Contains(value),
        };
        Ok(Test { key, comparison })
    }

    fn value(&mut self, key: &Key) -> Result<String, QueryError> {
        let value = match self.peek() {
            Some(Token::Quoted(value)) => value,
            // `bound = non` is no negation: what follows a sign is a value.
            Some(Token::Word(word)) => word,
            _ => return Err(self.expected(format!("a value for `{key}`, between quotation marks when it has spaces"))),
        };
        let settled = key.settled(value).map_err(|expected| self.expected(expected))?;
        self.at += 1;
        Ok(settled)
    }
}

fn one_or(mut queries: Vec<Query>, several: fn(Vec<Query>) -> Query) -> Query {
    match queries.len() {
        1 => queries.remove(0),
        _ => several(queries),
    }
}
