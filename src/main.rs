//! The program: a thin wrapper around the library.

#![recursion_limit = "256"]

fn main() -> std::process::ExitCode {
    crieur::cli::main()
}
