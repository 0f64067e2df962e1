//! The `duet` program.

use clap::Parser;

#[derive(Parser)]
enum Duet {
    Data(duet::cli::data::DataArgs),
    Train(duet::cli::train::TrainArgs),
}

fn main() -> anyhow::Result<()> {
    match Duet::parse() {
        Duet::Data(args) => duet::cli::data::run(args)?,
        Duet::Train(args) => duet::cli::train::run(args)?,
    }
    Ok(())
}
