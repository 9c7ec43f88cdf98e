//! The program: a thin wrapper around the library.

fn main() -> std::process::ExitCode {
    crieur::cli::main()
}
