//! The program `fecund`.

use std::process::ExitCode;

fn main() -> ExitCode {
    search::cli::main()
}
