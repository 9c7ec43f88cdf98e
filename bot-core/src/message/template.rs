//! Organisers' wording: handlebars over Markdown, strict about unknown variables.
