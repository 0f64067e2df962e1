//! Verbs in the form that a sentence needs. Phrases mark their verbs with `~` in the base form.

/// Form of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// they throw
    Base,
    /// one throws
    Third,
    /// throwing
    Ing,
    /// threw
    Past,
}

/// Verbs whose past is not regular.
const PAST: &[(&str, &str)] = &[
    ("be", "was"),
    ("beat", "beat"),
    ("begin", "began"),
    ("bend", "bent"),
    ("bid", "bade"),
    ("bring", "brought"),
    ("burst", "burst"),
    ("catch", "caught"),
    ("come", "came"),
    ("cut", "cut"),
    ("do", "did"),
    ("draw", "drew"),
    ("drink", "drank"),
    ("fight", "fought"),
    ("flee", "fled"),
    ("follow", "followed"),
    ("get", "got"),
    ("give", "gave"),
    ("go", "went"),
    ("have", "had"),
    ("hit", "hit"),
    ("hold", "held"),
    ("keep", "kept"),
    ("kneel", "knelt"),
    ("lay", "laid"),
    ("lead", "led"),
    ("leap", "leapt"),
    ("leave", "left"),
    ("let", "let"),
    ("lift", "lifted"),
    ("make", "made"),
    ("meet", "met"),
    ("put", "put"),
    ("rise", "rose"),
    ("run", "ran"),
    ("say", "said"),
    ("see", "saw"),
    ("set", "set"),
    ("shake", "shook"),
    ("shoot", "shot"),
    ("sink", "sank"),
    ("sit", "sat"),
    ("speak", "spoke"),
    ("spin", "spun"),
    ("split", "split"),
    ("spring", "sprang"),
    ("stand", "stood"),
    ("stick", "stuck"),
    ("stride", "strode"),
    ("strike", "struck"),
    ("swing", "swung"),
    ("take", "took"),
    ("tell", "told"),
    ("throw", "threw"),
    ("thrust", "thrust"),
    ("withdraw", "withdrew"),
    ("wring", "wrung"),
];

/// Verbs that double their last letter.
const DOUBLED: &[&str] = &[
    "begin", "bid", "bob", "chop", "clap", "control", "cut", "dip", "drag", "drop", "get", "grab", "hit",
    "hop", "hug", "jab", "jog", "let", "nod", "pat", "pop", "put", "rub", "run", "scan", "set", "sip", "sit",
    "slap", "spar", "spin", "split", "squat", "step", "stop", "swap", "tap", "trot", "tug", "wrap",
];

/// A phrase with every marked verb in a form and the marks gone.
pub fn inflect(phrase: &str, form: Form) -> String {
    let mut out = String::with_capacity(phrase.len() + 8);
    let mut parts = phrase.split('~');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_alphabetic() && c != '-').unwrap_or(part.len());
        out.push_str(&verb(&part[..end], form));
        out.push_str(&part[end..]);
    }
    out
}

fn verb(base: &str, form: Form) -> String {
    let vowel = |c: char| "aeiou".contains(c);
    let consonant_y = base.ends_with('y') && !base.chars().rev().nth(1).is_some_and(vowel);
    let doubled = || match base.chars().last() {
        Some(last) if DOUBLED.contains(&base) => format!("{base}{last}"),
        _ => base.to_owned(),
    };
    match form {
        Form::Base => base.to_owned(),
        Form::Third if base == "have" => "has".to_owned(),
        Form::Third if base == "be" => "is".to_owned(),
        Form::Third if consonant_y => format!("{}ies", &base[..base.len() - 1]),
        Form::Third if ["s", "x", "z", "ch", "sh", "o"].iter().any(|end| base.ends_with(end)) => {
            format!("{base}es")
        }
        Form::Third => format!("{base}s"),
        Form::Ing if base.ends_with('e') && base.len() > 2 && !base.ends_with("ee") => {
            format!("{}ing", &base[..base.len() - 1])
        }
        Form::Ing => format!("{}ing", doubled()),
        Form::Past => match PAST.iter().find(|(known, _)| *known == base) {
            Some((_, past)) => (*past).to_owned(),
            None if base.ends_with('e') => format!("{base}d"),
            None if consonant_y => format!("{}ied", &base[..base.len() - 1]),
            None => format!("{}ed", doubled()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_take_their_forms() {
        let forms =
            |phrase| [Form::Base, Form::Third, Form::Ing, Form::Past].map(|form| inflect(phrase, form));
        assert_eq!(
            forms("~throw a left jab"),
            ["throw a left jab", "throws a left jab", "throwing a left jab", "threw a left jab"]
        );
        assert_eq!(
            forms("~laugh and ~clap"),
            ["laugh and clap", "laughs and claps", "laughing and clapping", "laughed and clapped"]
        );
        let third: Vec<_> =
            ["~do", "~reach", "~carry", "~sway", "~march"].iter().map(|v| inflect(v, Form::Third)).collect();
        assert_eq!(third, ["does", "reaches", "carries", "sways", "marches"]);
        let past: Vec<_> =
            ["~lay", "~rise", "~tell", "~flee", "~play"].iter().map(|v| inflect(v, Form::Past)).collect();
        assert_eq!(past, ["laid", "rose", "told", "fled", "played"]);
        assert_eq!(forms("~high-five")[1..], ["high-fives", "high-fiving", "high-fived"]);
        assert_eq!(inflect("~amble and ~run, then ~flee", Form::Ing), "ambling and running, then fleeing");
    }
}
