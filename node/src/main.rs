//! The `lockstep` binary. Everything is in the library, so that tests can use its pieces.

fn main() -> std::process::ExitCode {
    node::cli::run()
}
