//! The `duet` program.

fn main() -> std::process::ExitCode {
    duet::cli::main()
}
