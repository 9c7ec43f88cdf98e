//! Plain words out of what strangers write: no markup, no signs that cannot be seen, no more than fits.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Bytes of markup that are looked at for one title or summary. Reading HTML can take time with the square of its
/// depth, so the words are looked for at the beginning only.
const MARKUP_BYTES_MAX: usize = 16 * 1024;

/// Elements after which a reader sees a new line; the rest stands within a sentence.
const BLOCKS: [&str; 29] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "td",
    "tr",
    "ul",
];

/// Keeps no element at all. What `script`, `style` and their like hold goes with them.
static WORDS_ONLY: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    builder.clean_content_tags(HashSet::from(["script", "style", "template", "iframe", "noscript", "svg", "math"]));
    builder
});

/// The words of a piece of HTML on one line, at most `chars_max` of them.
pub fn of_html(markup: &str, chars_max: usize) -> String {
    let markup = beginning(markup, MARKUP_BYTES_MAX);
    if !markup.contains(['<', '&']) {
        return of_text(markup, chars_max);
    }
    let escaped = WORDS_ONLY.clean(&with_spaces_at_blocks(markup)).to_string();
    // What is left of the markup: the four signs that the serialiser escapes.
    let words = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&");
    of_text(&words, chars_max)
}

/// The words of a plain text on one line, at most `chars_max` characters: white space is one space, and what is
/// invisible or turns the direction of its neighbours is left out. A text that was cut ends in `…`.
pub fn of_text(text: &str, chars_max: usize) -> String {
    let mut words = String::new();
    let mut length = 0;
    let mut space = false;
    for sign in text.chars() {
        if sign.is_whitespace() || (sign.is_control() && sign.is_ascii()) {
            space = length > 0;
            continue;
        }
        if is_hidden(sign) {
            continue;
        }
        let wanted = if space { 2 } else { 1 };
        if length + wanted > chars_max {
            // The last sign makes room.
            if length == chars_max {
                words.pop();
            }
            if chars_max > 0 {
                words.push('…');
            }
            return words;
        }
        if space {
            words.push(' ');
            space = false;
        }
        words.push(sign);
        length += wanted;
    }
    words
}

/// The beginning of a text, at most `bytes_max` long, cut between characters.
pub fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Signs that nobody sees, or that make others read differently (Unicode's bidirectional controls, UAX 9; its tags).
/// The joiners stay: emoji and several scripts are made with them.
fn is_hidden(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A space before every tag of a block, so that `<p>un</p><p>deux</p>` is two words.
fn with_spaces_at_blocks(markup: &str) -> String {
    let mut spaced = String::with_capacity(markup.len() + markup.len() / 8);
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        spaced.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
        let end = name.bytes().take(11).position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(name.len().min(11));
        // Cut between ASCII signs, or before the first that is none.
        if name.get(..end).is_some_and(|name| BLOCKS.iter().any(|block| block.eq_ignore_ascii_case(name))) {
            spaced.push(' ');
        }
        spaced.push('<');
        rest = &rest[1..];
    }
    spaced.push_str(rest);
    spaced
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_becomes_the_words_a_reader_sees() {
        for (markup, words) in [
            ("<p>Conseil</p><p>municipal</p>", "Conseil municipal"),
            ("L’<em>eau</em> &amp; l&rsquo;air&nbsp;: &eacute;t&eacute;", "L’eau & l’air : été"),
            ("a < b, c > d, <3", "a < b, c > d, <3"),
            ("avant<script>alert(1)</script><style>p{}</style> après", "avant après"),
            ("<a href=\"javascript:x\">ici</a><!-- rien -->", "ici"),
            ("&lt;b&gt; reste écrit", "<b> reste écrit"),
            ("&amp;lt; une fois", "&lt; une fois"),
            ("ligne\r\n\tsuivante<br/>encore", "ligne suivante encore"),
            ("coupé <im", "coupé"),
        ] {
            assert_eq!(of_html(markup, 200), words, "{markup}");
        }
    }

    #[test]
    fn signs_that_cannot_be_seen_are_left_out() {
        assert_eq!(of_text("Vote\u{202e}lausrevni\u{202c} \u{0}\u{7}ici\u{200b}\u{feff}", 50), "Votelausrevni ici");
        assert_eq!(of_text("👩\u{200d}🌾 au marché", 50), "👩\u{200d}🌾 au marché");
    }

    #[test]
    fn a_text_that_is_too_long_ends_in_dots() {
        assert_eq!(of_text("abcdef", 6), "abcdef");
        assert_eq!(of_text("abcdefg", 6), "abcde…");
        assert_eq!(of_text("abcde fg", 6), "abcde…");
        assert_eq!(of_text("été  ", 3), "été");
        assert_eq!(of_text("a", 0), "");
    }

    #[test]
    fn the_deepest_markup_takes_no_time() {
        let deep = "<div><p>".repeat(100_000);
        assert_eq!(of_html(&deep, 100), "");
    }

    proptest! {
        #[test]
        fn words_are_one_line_and_never_too_many(text in ".{0,300}", chars_max in 0_usize..60) {
            for words in [of_text(&text, chars_max), of_html(&text, chars_max)] {
                prop_assert!(words.chars().count() <= chars_max, "{words:?}");
                prop_assert!(!words.chars().any(|sign| sign.is_control() || is_hidden(sign)), "{words:?}");
                prop_assert!(!words.starts_with(' ') && !words.ends_with(' ') && !words.contains("  "), "{words:?}");
            }
        }
    }
}
