use super::*;
use clap::Parser;
use proptest::prelude::*;
use std::io::Write;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: SettingsArgs,
}

fn given(flags: &[&str]) -> SettingsArgs {
    Line::try_parse_from(std::iter::once("duet").chain(flags.iter().copied())).unwrap().settings
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn with_file(text: &str, flags: &[&str]) -> Result<(Settings, Vec<resolve::Line>)> {
    let file = file(text);
    let mut all = vec!["--config", file.path().to_str().unwrap()];
    all.extend(flags);
    given(&all).resolve()
}

fn origin(lines: &[resolve::Line], name: &str) -> Origin {
    lines.iter().find(|line| line.name == name).unwrap().origin.clone()
}

#[test]
fn flags_go_before_the_file_and_the_file_before_defaults() {
    let (settings, lines) = with_file("port = 9000\nqueue = 3\n", &["--queue", "4"]).unwrap();
    assert_eq!((settings.port, settings.limits.queue, settings.connections), (9000, 4, 512));
    assert_eq!(origin(&lines, "queue"), Origin::Flag("--queue".into()));
    assert!(matches!(origin(&lines, "port"), Origin::File(_)));
    assert_eq!(origin(&lines, "connections"), Origin::Default);
}

#[test]
fn folders_of_models_and_the_bound_of_an_address_are_settings_like_the_others() {
    let (settings, lines) = with_file("models = \"a\"\nper_address = 8\n", &["--models", "b"]).unwrap();
    assert_eq!((settings.models.as_deref(), settings.per_address), (Some("b".as_ref()), 8));
    assert_eq!(origin(&lines, "models"), Origin::Flag("--models".into()));
    let (settings, _) = with_file("", &[]).unwrap();
    assert_eq!(settings.per_address, 0);
    // As `PATH`, it may name no folder at all.
    assert_eq!(given(&["--models", ""]).resolve().unwrap().0.models.as_deref(), Some("".as_ref()));
    assert_eq!(with_file("per_address = 100001", &[]).unwrap_err().code(), "invalid_setting");
}

#[test]
fn variables_stand_between_flags_and_file() {
    // What clap reads from the environment arrives here as a name in `from_environment`; `tests/config.rs` sets real ones.
    let mut args = given(&["--queue", "4"]);
    args.from_environment = vec!["queue".into()];
    let (_, lines) = args.resolve().unwrap();
    assert_eq!(origin(&lines, "queue"), Origin::Variable("DUET_QUEUE".into()));
}

#[test]
fn values_out_of_range_are_named_with_their_place() {
    let code = |text: &str, flags: &[&str]| {
        let error = with_file(text, flags).map(|_| ()).unwrap_err();
        (error.code(), error.to_string())
    };
    let (found, words) = code("queue = 0", &[]);
    assert_eq!(found, "invalid_setting");
    assert!(words.starts_with("queue (from ") && words.ends_with("from 1 to 10000"), "{words}");
    assert!(code("", &["--timeout", "0"]).1.starts_with("timeout (from --timeout)"));
    assert_eq!(code("allow_origin = [\"example.org\"]", &[]).0, "invalid_setting");
    for wrong in ["queues = 3", "queue = -1", "port = 70000", "port = \"a\"", "[[keys]]\nname = \"a\"", "]"] {
        assert_eq!(code(wrong, &[]).0, "invalid_config", "{wrong}");
    }
    assert!(code("\n\nqueues = 3", &[]).1.contains("line 3"));
    assert_eq!(code("[[keys]]\nname = \"a\"\nsha256 = \"a\"", &[]).0, "invalid_key");
    assert_eq!(given(&["--config", "no/such/file"]).resolve().unwrap_err().code(), "file_not_found");
}

#[test]
fn keys_are_read_and_not_shown() {
    let digest = "0123456789abcdef".repeat(4);
    let text = format!("[[keys]]\nname = \"farm\"\nsha256 = \"{digest}\"\nper_minute = 60\n");
    let (settings, lines) = with_file(&text, &[]).unwrap();
    assert_eq!(settings.keys[0].name(), "farm");
    assert_eq!(settings.keys[0].limits().0.map(u32::from), Some(60));
    assert!(!format!("{settings:?}{lines:?}").contains(&digest[..8]));
}

#[test]
fn the_manual_tells_the_true_defaults() {
    use clap::CommandFactory;
    let (_, lines) = given(&[]).resolve().unwrap();
    let command = Line::command();
    for line in lines {
        let Some(argument) = command.get_arguments().find(|argument| argument.get_id() == line.name) else {
            continue; // Only in the file.
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        if let Some(value) = &line.value {
            let told = format!("[default: {}]", value.trim_matches('"'));
            assert!(help.contains(&told), "{}: {help}", line.name);
        }
    }
}

const NAMES: [&str; 27] = [
    "host",
    "port",
    "model",
    "models",
    "precision",
    "allow_host",
    "allow_origin",
    "queue",
    "batch_tokens",
    "timeout",
    "job_timeout",
    "jobs",
    "job_age",
    "keep",
    "drain",
    "stall",
    "connections",
    "per_address",
    "log_level",
    "log_format",
    "keys",
    "ports",
    "data_dir",
    "no_data",
    "data_count",
    "data_days",
    "data_size",
];

proptest! {
    #[test]
    fn whatever_a_file_says_is_taken_or_refused(
        noise in "\\PC{0,80}",
        lines in prop::collection::vec((prop::sample::select(&NAMES[..]), "([0-9]{1,20}|-1|true|nan|[0-9]e[0-9]|\"[a-z:/.*]{0,12}\"|\\[\"[a-z:/.*]{0,12}\"\\]|\\[\\{\\}\\])"), 0..4),
    ) {
        let lines: Vec<_> = lines.into_iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        for text in [noise, lines.concat()] {
            if let Err(error) = with_file(&text, &[]) {
                prop_assert!(
                    matches!(error.code(), "invalid_config" | "invalid_setting" | "invalid_key"), "{text}: {error}"
                );
            }
        }
    }
}

#[test]
fn data_goes_where_it_is_told_to_or_nowhere() {
    let day = std::time::Duration::from_secs(86_400);
    let data = |text: &str, flags: &[&str]| with_file(text, flags).unwrap().0.data;
    let told = data("data_dir = \"a\"\ndata_days = 3", &["--data-count", "7"]).unwrap();
    assert_eq!((told.folder.as_path(), told.limits.count), ("a".as_ref(), 7));
    assert_eq!((told.limits.bytes, told.limits.age), (2 << 30, Some(3 * day)));
    assert_eq!(data("data_dir = \"a\"", &["--no-data"]), None);
    assert_eq!(data("no_data = true", &["--data-dir", "a"]), None);
    assert!(data("no_data = true", &["--data-dir", "a", "--no-data=false"]).is_some());
    assert_eq!(with_file("data_days = 0", &[]).unwrap_err().code(), "invalid_setting");
}
