//! OpenAI's CLIP byte-pair tokenizer, as the reference applies it (`clip-anytorch`): mend the text (ftfy), unescape HTML
//! twice, collapse white space, lower-case, split, merge.

use instant_clip_tokenizer as bpe;

/// Tokens a text tower reads, start and end included.
pub const CONTEXT: usize = 77;
/// Start-of-text id.
pub const START: u32 = 49406;
/// End-of-text id, the largest of the vocabulary.
pub const END: u32 = 49407;
/// Vocabulary size.
pub const VOCABULARY: usize = 49408;

/// Text to CLIP ids.
pub struct Tokenizer(bpe::Tokenizer);

/// One text ready for the tower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// [`CONTEXT`] ids: start, text, end, zeros.
    pub ids: Vec<u32>,
    /// The text was longer than the context and lost its end.
    pub truncated: bool,
}

impl Tokenizer {
    /// The published vocabulary, which comes with the program.
    pub fn clip() -> Self {
        Self(bpe::Tokenizer::new())
    }

    /// Ids of `text` without start, end and truncation.
    pub fn ids(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut out = Vec::new();
        for piece in split_specials(&clean(text)) {
            match piece {
                Piece::Special(id) => out.push(id),
                Piece::Text(text) => {
                    tokens.clear();
                    // The crate gives these two spellings a meaning that the reference does not.
                    let text = text.replace("<start_of_text>", "< start_of_text>");
                    let text = text.replace("<end_of_text>", "< end_of_text>");
                    self.0.encode(&text, &mut tokens);
                    out.extend(tokens.iter().map(|t| u32::from(t.to_u16())));
                }
            }
        }
        out
    }

    /// What each entry of the vocabulary stands for, by id: its letters, and whether a word ends there. `None` for the start
    /// and end marks and for entries that are no whole UTF-8 text.
    pub fn entries(&self) -> Vec<Option<(String, bool)>> {
        (0..VOCABULARY as u32)
            .map(|id| {
                let token = bpe::Token::from_u16(id as u16, &self.0).filter(|_| id < START)?;
                let text = self.0.decode([token]);
                let text = Some(text).filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))?;
                let ends = text.ends_with(' ');
                Some((text.trim_end().to_owned(), ends))
            })
            .collect()
    }

    /// Ids of `text` framed and padded to [`CONTEXT`]; a longer text is cut and still ends with [`END`].
    pub fn encode(&self, text: &str) -> Encoded {
        let mut ids = vec![START];
        ids.extend(self.ids(text));
        ids.push(END);
        let truncated = ids.len() > CONTEXT;
        ids.resize(CONTEXT, 0);
        if truncated {
            ids[CONTEXT - 1] = END;
        }
        Encoded { ids, truncated }
    }
}

enum Piece<'a> {
    Text(&'a str),
    Special(u32),
}

/// Cuts out the literal markers that the reference turns into single tokens.
fn split_specials(text: &str) -> Vec<Piece<'_>> {
    const MARKS: [(&str, u32); 2] = [("<|startoftext|>", START), ("<|endoftext|>", END)];
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((at, mark, id)) =
        MARKS.iter().filter_map(|&(m, id)| rest.find(m).map(|at| (at, m, id))).min_by_key(|&(at, ..)| at)
    {
        pieces.push(Piece::Text(&rest[..at]));
        pieces.push(Piece::Special(id));
        rest = &rest[at + mark.len()..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Mend mojibake, quotes and widths; unescape HTML twice; collapse white space; lower-case.
fn clean(text: &str) -> String {
    let mended = plsfix::fix_text(text, None);
    let once = html_escape::decode_html_entities(&mended);
    let twice = html_escape::decode_html_entities(&once);
    let collapsed = twice.split_whitespace().collect::<Vec<_>>().join(" ");
    collapsed.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static CLIP: LazyLock<Tokenizer> = LazyLock::new(Tokenizer::clip);
    static ENTRIES: LazyLock<Vec<Option<(String, bool)>>> = LazyLock::new(|| CLIP.entries());

    proptest! {
        #[test]
        fn every_text_fills_the_context(
            noise in ".{0,80}",
            marks in "(<\\|?(start|end)_?of_?text\\|?>|&(amp;)?(lt|gt|#x?[0-9a-f]{0,7});|[a-z ']){0,30}",
            mojibake in "[\u{80}-\u{17f}â€™œžŸ\u{fffd}\u{ff01}-\u{ff5e}]{0,60}",
        ) {
            for text in [noise, marks, mojibake] {
                let Encoded { ids, truncated } = CLIP.encode(&text);
                prop_assert!(ids.len() == CONTEXT && ids[0] == START);
                prop_assert!(ids.iter().all(|&id| (id as usize) < VOCABULARY));
                prop_assert!(ids.contains(&END) && (!truncated || ids[CONTEXT - 1] == END));
            }
        }

        #[test]
        fn words_come_back(text in "[a-z]{1,12}( [a-z]{1,12}){0,8}", spaces in " {1,3}") {
            let ids = CLIP.ids(&text);
            let mut read = String::new();
            for id in &ids {
                let (letters, ends) = ENTRIES[*id as usize].as_ref().unwrap();
                read.push_str(letters);
                read.push_str(if *ends { " " } else { "" });
            }
            prop_assert_eq!(read.trim_end(), text.clone());
            prop_assert_eq!(CLIP.ids(&text.to_uppercase().replace(' ', &spaces)), ids, "neither case nor spaces count");
        }
    }

    #[test]
    fn entries_name_the_ids_that_words_get() {
        let tokenizer = Tokenizer::clip();
        let entries = tokenizer.entries();
        assert_eq!(entries.len(), VOCABULARY);
        for word in ["person", "hugs", "left"] {
            let ids = tokenizer.ids(word);
            assert_eq!(ids.len(), 1, "{word}");
            assert_eq!(entries[ids[0] as usize], Some((word.to_owned(), true)));
        }
        assert_eq!(entries[START as usize], None);
    }
}
