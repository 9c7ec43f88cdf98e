//! ODSQL, as much of it as readers of datasets write: lists of fields, orders, and filters of comparisons, lists and
//! nulls. Functions, full-text searches, dates, ranges and geometry are refused as syntax.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// Why a clause is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum QueryError {
    Syntax(String),
    UnknownField(String),
}

/// Words that are no field's name without back quotes.
const KEYWORDS: [&str; 36] = [
    "and",
    "as",
    "asc",
    "avg",
    "by",
    "count",
    "date_format",
    "day",
    "dayofweek",
    "desc",
    "distinct",
    "equi",
    "false",
    "group",
    "hour",
    "ifnull",
    "or",
    "limit",
    "lower",
    "max",
    "millisecond",
    "min",
    "minute",
    "month",
    "not",
    "null",
    "quarter",
    "range",
    "search",
    "second",
    "select",
    "sum",
    "top",
    "true",
    "upper",
    "where",
];

#[derive(Clone, PartialEq, Debug)]
enum Token {
    /// A field's name, quoted or not.
    Name(String),
    Keyword(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

struct Tokens<'t> {
    source: &'t str,
    tokens: Vec<(usize, Token)>,
    place: usize,
}

const SIGNS: [&str; 9] = ["<=", ">=", "=", "<", ">", "(", ")", ",", "*"];

impl<'t> Tokens<'t> {
    fn read(source: &'t str) -> Result<Self, QueryError> {
        let mut tokens = Vec::new();
        let mut rest = source;
        loop {
            rest = rest.trim_start();
            let at = source.len() - rest.len();
            let Some(first) = rest.chars().next() else { break };
            let unexpected = || unexpected(source, at, &first.to_string());
            let (token, length) = match first {
                '`' => {
                    let end = rest[1..].find('`').ok_or_else(unexpected)?;
                    (Token::Name(rest[1..=end].to_owned()), end + 2)
                }
                '"' | '\'' => {
                    let (text, length) = literal(rest, first).ok_or_else(unexpected)?;
                    (Token::Text(text), length)
                }
                sign if sign.is_alphanumeric() || sign == '_' || sign == '-' => {
                    let belongs = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '.' | '-');
                    let end = rest.find(|sign| !belongs(sign)).unwrap_or(rest.len());
                    let word = &rest[..end];
                    let lower = word.to_lowercase();
                    let token = match word.parse() {
                        Ok(number) if !word.starts_with(char::is_alphabetic) => Token::Number(number),
                        _ if matches!(lower.as_str(), "in" | "is" | "year") || KEYWORDS.contains(&lower.as_str()) => {
                            Token::Keyword(lower)
                        }
                        _ if word.chars().all(|sign| sign.is_alphanumeric() || sign == '_') => {
                            Token::Name(word.to_owned())
                        }
                        _ => return Err(unexpected()),
                    };
                    (token, end)
                }
                _ => {
                    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).ok_or_else(unexpected)?;
                    (Token::Sign(sign), sign.len())
                }
            };
            tokens.push((at, token));
            rest = &rest[length..];
        }
        Ok(Self { source, tokens, place: 0 })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place).map(|(_, token)| token)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.place += 1;
        token
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.place += usize::from(is_next);
        is_next
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.takes(&Token::Keyword(word.to_owned()))
    }

    /// What is next is not what is wanted.
    fn wrong<T>(&self) -> Result<T, QueryError> {
        let at = self.tokens.get(self.place).map_or(self.source.len(), |(at, _)| *at);
        let found: String = self.source[at..].chars().take(1).collect();
        Err(unexpected(self.source, at, if found.is_empty() { "end" } else { &found }))
    }

    fn name(&mut self, names: &[&str]) -> Result<String, QueryError> {
        let Some(Token::Name(name)) = self.peek().cloned() else { return self.wrong() };
        self.place += 1;
        // A function that is none.
        if self.peek() == Some(&Token::Sign("(")) {
            return self.wrong();
        }
        if names.contains(&name.as_str()) { Ok(name) } else { Err(QueryError::UnknownField(name)) }
    }

    fn ended<T>(&self, value: T) -> Result<T, QueryError> {
        if self.peek().is_none() { Ok(value) } else { self.wrong() }
    }
}

fn unexpected(source: &str, at: usize, found: &str) -> QueryError {
    let position = source[..at].chars().count();
    QueryError::Syntax(format!("unexpected {found} at position {position} in {source}"))
}

/// A string between `quote`s, with `\` before what is meant as it is; and how long it was.
fn literal(source: &str, quote: char) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut signs = source.char_indices().skip(1);
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => text.push(signs.next()?.1),
            sign if sign == quote => return Some((text, at + quote.len_utf8())),
            sign => text.push(sign),
        }
    }
    None
}

/// The fields of a `select` clause.
pub(crate) fn select(source: &str, names: &[&str]) -> Result<Vec<String>, QueryError> {
    let mut tokens = Tokens::read(source)?;
    let mut selected = Vec::new();
    loop {
        if tokens.takes(&Token::Sign("*")) {
            selected.extend(names.iter().map(|name| (*name).to_owned()));
        } else {
            selected.push(tokens.name(names)?);
        }
        if !tokens.takes(&Token::Sign(",")) {
            return tokens.ended(selected);
        }
    }
}

/// The fields of an `order_by` clause, and whether each is descending.
pub(crate) fn order(source: &str, names: &[&str]) -> Result<Vec<(String, bool)>, QueryError> {
    let mut tokens = Tokens::read(source)?;
    let mut order = Vec::new();
    loop {
        let name = tokens.name(names)?;
        let descending = tokens.keyword("desc");
        if !descending {
            tokens.keyword("asc");
        }
        order.push((name, descending));
        if !tokens.takes(&Token::Sign(",")) {
            return tokens.ended(order);
        }
    }
}

/// Two records by an order; nulls come last, whichever the direction.
pub(crate) fn compare(order: &[(String, bool)], one: &Map<String, Value>, other: &Map<String, Value>) -> Ordering {
    for (name, descending) in order {
        let (left, right) = (one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null));
        let ordering = match (left.is_null(), right.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => against(left, right).unwrap_or(Ordering::Equal),
        };
        let ordering = if *descending { ordering.reverse() } else { ordering };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// `None` where the two are of different kinds.
fn against(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        _ => None,
    }
}

/// A `where` clause.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Filter {
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Compares(String, &'static str, Value),
    OneOf(String, Vec<Value>),
    IsNull(String),
}

impl Filter {
    pub fn holds(&self, record: &Map<String, Value>) -> bool {
        let value = |name: &String| record.get(name).filter(|value| !value.is_null());
        match self {
            Self::Not(filter) => !filter.holds(record),
            Self::All(filters) => filters.iter().all(|filter| filter.holds(record)),
            Self::Any(filters) => filters.iter().any(|filter| filter.holds(record)),
            Self::IsNull(name) => value(name).is_none(),
            Self::OneOf(name, values) => {
                values.iter().any(|one| value(name).and_then(|value| against(value, one)) == Some(Ordering::Equal))
            }
            Self::Compares(name, sign, against_value) => {
                value(name).and_then(|value| against(value, against_value)).is_some_and(|ordering| match *sign {
                    "=" => ordering.is_eq(),
                    "<" => ordering.is_lt(),
                    ">" => ordering.is_gt(),
                    "<=" => ordering.is_le(),
                    _ => ordering.is_ge(),
                })
            }
        }
    }
}

pub(crate) fn filter(source: &str, names: &[&str]) -> Result<Filter, QueryError> {
    let mut tokens = Tokens::read(source)?;
    let filter = any(&mut tokens, names)?;
    tokens.ended(filter)
}

fn any(tokens: &mut Tokens<'_>, names: &[&str]) -> Result<Filter, QueryError> {
    let mut filters = vec![all(tokens, names)?];
    while tokens.keyword("or") {
        filters.push(all(tokens, names)?);
    }
    Ok(Filter::Any(filters))
}

fn all(tokens: &mut Tokens<'_>, names: &[&str]) -> Result<Filter, QueryError> {
    let mut filters = vec![one(tokens, names)?];
    while tokens.keyword("and") {
        filters.push(one(tokens, names)?);
    }
    Ok(Filter::All(filters))
}

fn one(tokens: &mut Tokens<'_>, names: &[&str]) -> Result<Filter, QueryError> {
    if tokens.keyword("not") {
        return Ok(Filter::Not(Box::new(one(tokens, names)?)));
    }
    if tokens.takes(&Token::Sign("(")) {
        let filter = any(tokens, names)?;
        return if tokens.takes(&Token::Sign(")")) { Ok(filter) } else { tokens.wrong() };
    }
    let name = tokens.name(names)?;
    if tokens.keyword("is") {
        let negated = tokens.keyword("not");
        if !tokens.keyword("null") {
            return tokens.wrong();
        }
        let filter = Filter::IsNull(name);
        return Ok(if negated { Filter::Not(Box::new(filter)) } else { filter });
    }
    if tokens.keyword("in") {
        if !tokens.takes(&Token::Sign("(")) {
            return tokens.wrong();
        }
        let mut values = vec![value(tokens)?];
        while tokens.takes(&Token::Sign(",")) {
            values.push(value(tokens)?);
        }
        return if tokens.takes(&Token::Sign(")")) { Ok(Filter::OneOf(name, values)) } else { tokens.wrong() };
    }
    match tokens.peek() {
        Some(Token::Sign(sign @ ("=" | "<" | ">" | "<=" | ">="))) => {
            let sign = *sign;
            tokens.take();
            Ok(Filter::Compares(name, sign, value(tokens)?))
        }
        _ => tokens.wrong(),
    }
}

fn value(tokens: &mut Tokens<'_>) -> Result<Value, QueryError> {
    match tokens.peek() {
        Some(Token::Text(text)) => {
            let value = Value::from(text.as_str());
            tokens.take();
            Ok(value)
        }
        Some(Token::Number(number)) => {
            let value = Value::from(*number);
            tokens.take();
            Ok(value)
        }
        _ => tokens.wrong(),
    }
}
