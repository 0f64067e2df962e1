//! The `duet` program.

use clap::Parser;

#[derive(Parser)]
enum Duet {
    Data(duet::cli::data::DataArgs),
}

fn main() -> anyhow::Result<()> {
    let Duet::Data(args) = Duet::parse();
    Ok(duet::cli::data::run(args)?)
}
