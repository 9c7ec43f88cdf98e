//! Plain words out of what strangers write: no markup, no signs that cannot be seen, no more than fits.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};

/// Bytes of markup that are looked at for one title or summary: its words stand at the beginning.
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

/// Elements that show none of their words.
const HIDDEN: [&str; 7] = ["iframe", "math", "noscript", "script", "style", "svg", "template"];

/// The words of a piece of HTML on one line, at most `chars_max` of them.
///
/// Its tags are found as browsers find them, but no tree is made of them: that takes time and memory with the square
/// of the depth, and strangers choose the depth.
pub fn of_html(markup: &str, chars_max: usize) -> String {
    let markup = beginning(markup, MARKUP_BYTES_MAX);
    if !markup.contains(['<', '&']) {
        return of_text(markup, chars_max);
    }
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(markup));
    let tokenizer = Tokenizer::new(Shown::default(), Default::default());
    // It stops for scripts and encodings, which this sink asks for never.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    of_text(&tokenizer.sink.words.into_inner(), chars_max)
}

/// What a reader would see of the tokens, with a space for every tag of a block, so that `<p>un</p><p>deux</p>` is two
/// words.
#[derive(Default)]
struct Shown {
    words: RefCell<String>,
    hidden: RefCell<Option<Hidden>>,
}

/// Within an element that shows nothing.
struct Hidden {
    element: String,
    /// How many of this name are open.
    depth: usize,
}

impl TokenSink for Shown {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(words) => {
                if self.hidden.borrow().is_none() {
                    self.words.borrow_mut().push_str(&words);
                }
                TokenSinkResult::Continue
            }
            Token::TagToken(tag) => self.tag(&tag),
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Shown {
    fn tag(&self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let begins = tag.kind == TagKind::StartTag;
        let is_empty = tag.self_closing && matches!(name, "svg" | "math");
        let mut hidden = self.hidden.borrow_mut();
        if let Some(within) = hidden.as_mut() {
            if within.element == name && !is_empty {
                within.depth = if begins { within.depth + 1 } else { within.depth - 1 };
            }
            if within.depth == 0 {
                *hidden = None;
            }
            return TokenSinkResult::Continue;
        }
        if BLOCKS.contains(&name) {
            self.words.borrow_mut().push(' ');
        }
        if !begins {
            return TokenSinkResult::Continue;
        }
        if HIDDEN.contains(&name) && !is_empty {
            *hidden = Some(Hidden { element: name.to_owned(), depth: 1 });
        }
        // Within these, what looks like a tag is none (HTML standard, parsing of text).
        match name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "iframe" | "noscript" | "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            "textarea" | "title" => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }
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

/// An identifier as its source writes it, but for control characters, of which the database refuses one. `None`: it is
/// empty, or longer than any.
pub fn of_id(text: &str, bytes_max: usize) -> Option<String> {
    let text = text.trim();
    if text.len() > bytes_max {
        return None;
    }
    let id: String = text.chars().filter(|sign| !sign.is_control()).collect();
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

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
            (
                "un<svg><a>x</a><svg/><svg></svg></svg>y</svg> <template><p>z</template>deux<svg/> trois",
                "uny deux trois",
            ),
            ("un <noscript><b>x</noscript>deux <title>a <b> c</title>", "un deux a <b> c"),
            ("jamais fini <script>alert('<p>')", "jamais fini"),
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
    fn identifiers_stay_as_they_are_but_for_control_characters() {
        assert_eq!(of_id(" a\u{0}b  c\u{200d}\u{9f}\n", 20).as_deref(), Some("ab  c\u{200d}"));
        assert_eq!(of_id("\u{0} \u{1}", 20), None);
        assert_eq!(of_id("abc", 2), None);
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
        let started = Instant::now();
        for deep in ["<div><p>".repeat(100_000), "<b a=1><p>x</p>".repeat(100_000)] {
            for _ in 0..20 {
                assert!(of_html(&deep, 3).len() <= 5);
            }
        }
        // Trees of it take more.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
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
