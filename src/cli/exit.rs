//! How a run ends: words on stderr, and the exit code.

use crate::error::{Error, ErrorKind};
use std::io::{self, Write};
use std::process::ExitCode;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// The table from error kind to exit code.
fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid => USAGE,
        _ => FAILED,
    }
}

/// What else might help, by error code.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "no_model" | "unknown_model" | "package_not_found" => {
            "`duet models list` shows the models at hand, `duet models --help` how to get more"
        }
        "model_failure" | "internal" => {
            "this is a fault of duet or of the model's files: `duet models verify` checks those"
        }
        "invalid_setting" | "invalid_config" | "invalid_key" => {
            "`duet serve --help` lists every setting, `duet config check` says where each comes from"
        }
        "frames_and_seconds" => "`duet generate --help` lists every setting",
        "invalid_window" | "invalid_parts" | "invalid_persons" | "invalid_person" | "invalid_role"
        | "invalid_blend" | "invalid_between" | "invalid_timeline" | "invalid_share" | "invalid_shift"
        | "invalid_turn" | "invalid_sample" => {
            "`duet edit --help` lists the kinds of edit, and `duet edit KIND --help` its settings"
        }
        code if code.starts_with("invalid_") && !matches!(code, "invalid_host" | "invalid_prompt") => {
            "`duet generate --help` lists every setting and its range"
        }
        _ => return None,
    })
}

/// Help, version or a mistake in the flags, as clap words it.
pub fn usage(error: &clap::Error) -> ExitCode {
    // Nobody reads it: nothing to do about that.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILED))
}

/// Tell how it went. Whoever closes our output (`duet ... | head`) has seen enough: that is no failure.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    };
    let ours = error.downcast_ref::<Error>();
    // A server that hangs up breaks a pipe too, which is no output of ours.
    let is_output = ours.is_none_or(|error| error.kind() == ErrorKind::Io);
    if is_output && error.chain().any(is_broken_pipe) {
        return ExitCode::SUCCESS;
    }
    let _ = write_report(&mut io::stderr().lock(), &error, ours);
    ExitCode::from(ours.map_or(FAILED, |error| code(error.kind())))
}

fn write_report(out: &mut impl Write, error: &anyhow::Error, ours: Option<&Error>) -> io::Result<()> {
    writeln!(out, "error: {error}")?;
    // A message already holds what its cause said where that helps; only faults of ours need the rest.
    if ours.is_none_or(|error| matches!(error.kind(), ErrorKind::Internal | ErrorKind::Network)) {
        for cause in error.chain().skip(1) {
            // Of a cause that carries a backtrace only its words.
            writeln!(out, "cause: {}", cause.to_string().lines().next().unwrap_or_default())?;
        }
    }
    if let Some(hint) = ours.and_then(|error| hint(error.code())) {
        writeln!(out, "hint: {hint}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(error: Error) -> String {
        let error = anyhow::Error::new(error);
        let mut out = Vec::new();
        write_report(&mut out, &error, error.downcast_ref()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn errors_are_told_in_words() {
        let error = Error::invalid("invalid_frames", "frames must be a whole number from 16 to 300");
        assert_eq!(
            words(error),
            "error: frames must be a whole number from 16 to 300\n\
             hint: `duet generate --help` lists every setting and its range\n"
        );
        let error = Error::internal("json", "the answer could not be written").with_source("a reason");
        assert_eq!(words(error), "error: the answer could not be written\ncause: a reason\n");
    }

    #[test]
    fn exit_codes() {
        assert_eq!(code(ErrorKind::Invalid), 2);
        assert_eq!(code(ErrorKind::Io), 1);
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(report(Err(pipe().into())), ExitCode::SUCCESS);
        let told = Error::io("write to", std::path::Path::new("standard output"), pipe());
        assert_eq!(report(Err(told.into())), ExitCode::SUCCESS);
        for kind in [ErrorKind::Unavailable, ErrorKind::Network] {
            let hung_up = Error::new(kind, "not_ready", "nobody answers").with_source(pipe());
            assert_eq!(report(Err(hung_up.into())), ExitCode::from(1));
        }
        assert_eq!(report(Err(anyhow::anyhow!("other"))), ExitCode::from(1));
    }
}
