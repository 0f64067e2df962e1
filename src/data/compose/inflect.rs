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
    ("bite", "bit"),
    ("bleed", "bled"),
    ("blow", "blew"),
    ("break", "broke"),
    ("bring", "brought"),
    ("build", "built"),
    ("burst", "burst"),
    ("cast", "cast"),
    ("catch", "caught"),
    ("choose", "chose"),
    ("cling", "clung"),
    ("come", "came"),
    ("creep", "crept"),
    ("cut", "cut"),
    ("dig", "dug"),
    ("do", "did"),
    ("draw", "drew"),
    ("drink", "drank"),
    ("drive", "drove"),
    ("eat", "ate"),
    ("fall", "fell"),
    ("feel", "felt"),
    ("fight", "fought"),
    ("find", "found"),
    ("flee", "fled"),
    ("fling", "flung"),
    ("fly", "flew"),
    ("follow", "followed"),
    ("forget", "forgot"),
    ("freeze", "froze"),
    ("get", "got"),
    ("give", "gave"),
    ("go", "went"),
    ("grind", "ground"),
    ("grow", "grew"),
    ("hang", "hung"),
    ("have", "had"),
    ("hide", "hid"),
    ("hit", "hit"),
    ("hold", "held"),
    ("keep", "kept"),
    ("kneel", "knelt"),
    ("know", "knew"),
    ("lay", "laid"),
    ("lead", "led"),
    ("leap", "leapt"),
    ("leave", "left"),
    ("let", "let"),
    ("lie", "lay"),
    ("lift", "lifted"),
    ("lose", "lost"),
    ("make", "made"),
    ("mean", "meant"),
    ("meet", "met"),
    ("pay", "paid"),
    ("put", "put"),
    ("quit", "quit"),
    ("read", "read"),
    ("ride", "rode"),
    ("ring", "rang"),
    ("rise", "rose"),
    ("run", "ran"),
    ("say", "said"),
    ("see", "saw"),
    ("seek", "sought"),
    ("sell", "sold"),
    ("send", "sent"),
    ("set", "set"),
    ("shake", "shook"),
    ("shed", "shed"),
    ("shoot", "shot"),
    ("shrink", "shrank"),
    ("shut", "shut"),
    ("sing", "sang"),
    ("sink", "sank"),
    ("sit", "sat"),
    ("slide", "slid"),
    ("sling", "slung"),
    ("speak", "spoke"),
    ("spin", "spun"),
    ("split", "split"),
    ("spread", "spread"),
    ("spring", "sprang"),
    ("stand", "stood"),
    ("steal", "stole"),
    ("stick", "stuck"),
    ("sting", "stung"),
    ("stride", "strode"),
    ("strike", "struck"),
    ("swear", "swore"),
    ("sweep", "swept"),
    ("swing", "swung"),
    ("take", "took"),
    ("teach", "taught"),
    ("tear", "tore"),
    ("tell", "told"),
    ("think", "thought"),
    ("throw", "threw"),
    ("thrust", "thrust"),
    ("tread", "trod"),
    ("undergo", "underwent"),
    ("upset", "upset"),
    ("wake", "woke"),
    ("wear", "wore"),
    ("weave", "wove"),
    ("wind", "wound"),
    ("withdraw", "withdrew"),
    ("wring", "wrung"),
    ("write", "wrote"),
];

/// Verbs that double their last letter.
const DOUBLED: &[&str] = &[
    "bat", "beg", "begin", "bid", "bob", "brag", "brim", "chat", "chop", "chug", "clap", "clip", "clot",
    "control", "cram", "crop", "cup", "cut", "dab", "dig", "dim", "dip", "drag", "drop", "drum", "dub",
    "fan", "fit", "flap", "flip", "flit", "flop", "gab", "get", "grab", "grin", "grip", "hem", "hit", "hop",
    "hug", "hum", "jab", "jog", "jut", "kid", "knit", "knot", "lag", "lap", "let", "lob", "lug", "mob",
    "mop", "mug", "nab", "nag", "nip", "nod", "pat", "pin", "plan", "plod", "plop", "plot", "plug", "pop",
    "prod", "prop", "put", "quit", "ram", "rap", "rev", "rid", "rig", "rip", "rob", "rot", "rub", "run",
    "scan", "scrap", "scrub", "set", "shrug", "shun", "shut", "sip", "sit", "skid", "skim", "skip", "slam",
    "slap", "slim", "slip", "slit", "slug", "snap", "snip", "sob", "spar", "spin", "split", "spot", "spur",
    "squat", "stab", "stem", "step", "stir", "stop", "strap", "strip", "strum", "strut", "stun", "sum",
    "swap", "swat", "swig", "swim", "tag", "tan", "tap", "thin", "thud", "tip", "top", "trap", "trim",
    "trip", "trot", "tug", "twig", "wag", "whip", "win", "wrap", "zap", "zigzag", "zip",
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
        Form::Ing if base.ends_with("ie") => format!("{}ying", &base[..base.len() - 2]),
        Form::Ing
            if base.ends_with('e') && base.len() > 2 && !base.ends_with("ee") && !base.ends_with("oe") =>
        {
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
        assert_eq!(forms("~lie on tiptoe")[1..], ["lies on tiptoe", "lying on tiptoe", "lay on tiptoe"]);
        assert_eq!(forms("~tiptoe and ~grip")[2..], ["tiptoeing and gripping", "tiptoed and gripped"]);
        assert_eq!(forms("~high-five")[1..], ["high-fives", "high-fiving", "high-fived"]);
        assert_eq!(inflect("~amble and ~run, then ~flee", Form::Ing), "ambling and running, then fleeing");
    }
}
