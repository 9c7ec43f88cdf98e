//! Bytes into text, whatever they say of themselves.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much of the beginning may name an encoding.
const DECLARATION_BYTES_MAX: usize = 1024;

/// The text of `bytes`. What counts is, in this order: a byte order mark; zeros where UTF-16 has them; valid UTF-8,
/// which no other encoding looks like by chance; then the charset of `content_type` (a `Content-Type` header) and the
/// encoding of the XML declaration. What names UTF-8 and is not, or names nothing, is Windows-1252, as browsers read it.
///
/// Nothing is refused: a byte that stands for no character becomes `U+FFFD`.
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    match bytes {
        [0, 1..=255, 0, 1..=255, ..] => return UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
        [1..=255, 0, 1..=255, 0, ..] => return UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
        _ => {}
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Seven-bit encodings (ISO-2022-JP) are valid UTF-8 as well, and nothing we are asked to read uses them.
        return text.to_owned();
    }
    let named = [content_type.and_then(charset), declared(bytes)];
    let named = named.into_iter().flatten().filter_map(|name| Encoding::for_label(name.as_bytes()));
    let encoding = named.into_iter().find(|encoding| fits(encoding)).unwrap_or(WINDOWS_1252);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// Encodings that bytes which are no UTF-8 may be in.
fn fits(encoding: &'static Encoding) -> bool {
    ![UTF_8, UTF_16LE, UTF_16BE].contains(&encoding) && encoding.is_ascii_compatible()
}

/// `charset=…` of a `Content-Type`.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// `encoding="…"` of an XML declaration.
fn declared(bytes: &[u8]) -> Option<&str> {
    let start = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let start = start.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = start.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&start[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|sign| ['"', '\''].contains(sign))?;
    value[1..].split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn the_text_is_found_whatever_is_said_of_it() {
        let latin = b"<?xml version='1.0' encoding='utf-8'?><t>\xe9t\xe9 \x80 \x92</t>";
        assert!(decode(latin, Some("text/xml; charset=utf-8")).contains("été € ’"));
        let declared = b"<?xml version=\"1.0\" encoding=\"iso-8859-15\"?><t>\xa4</t>";
        assert!(decode(declared, None).contains('€'));
        let header = b"<t>\xe9</t>";
        assert_eq!(decode(header, Some("text/xml; charset=\"ISO-8859-1\"")), "<t>é</t>");
        let wrong = "<?xml version='1.0' encoding='ISO-8859-1'?><t>été</t>".as_bytes();
        assert!(decode(wrong, Some("text/xml; charset=windows-1252")).contains("été"));
        assert_eq!(decode(b"\xef\xbb\xbfabc", None), "abc");
    }

    #[test]
    fn utf_16_is_known_with_and_without_its_mark() {
        for text in ["<?xml version=\"1.0\" encoding=\"UTF-16\"?><t>été</t>", "\u{feff}<t>été</t>"] {
            let wanted = text.trim_start_matches('\u{feff}');
            assert_eq!(decode(&utf_16(text, u16::to_le_bytes), None), wanted);
            assert_eq!(decode(&utf_16(text, u16::to_be_bytes), None), wanted);
        }
        assert_eq!(decode(b"\xff\xfe\x00", None), "\u{fffd}");
    }
}
