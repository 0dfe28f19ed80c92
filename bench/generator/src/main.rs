//! Asks one thing of a server on loopback over many connections that are kept, from one thread:
//! `generator open PORT PATH CONNECTIONS RATE REQUESTS` when it is due, whatever has been answered, and
//! `generator closed PORT PATH CONNECTIONS SECONDS` as soon as the last is answered. It prints a line of JSON, and ends
//! with a message if anything is not answered with 200. It is no client for anything else: an answer has a length.

mod closed;
mod connection;
mod open;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str =
    "generator open PORT PATH CONNECTIONS RATE REQUESTS | closed PORT PATH CONNECTIONS SECONDS";

fn run(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    match arguments {
        ["open", port, path, connections, rate, requests] => {
            let connections = connection::open(port.parse()?, path, connections.parse()?)?;
            open::run(connections, rate.parse()?, requests.parse()?)
        }
        ["closed", port, path, connections, seconds] => {
            let connections = connection::open(port.parse()?, path, connections.parse()?)?;
            closed::run(connections, Duration::from_secs_f64(seconds.parse()?))
        }
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
