//! `fecund-worker`: trains and scores networks for `fecund`, which starts it and speaks with it over pipes.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use evaluator::sequence::{Reply, Request, SequenceTask};
use evaluator::{Control, serve};
use serde::de::DeserializeOwned;
use serde_json::Value;
use torch::{Service, device};

fn main() -> ExitCode {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    if std::env::args().len() > 1 || io::stdin().is_terminal() {
        println!("{}", about());
        return ExitCode::SUCCESS;
    }
    let mut service = None;
    match serve::serve(|message, control| handle(&mut service, message, control)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fecund-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The first message is the task; all that follow are requests.
fn handle(service: &mut Option<Service>, message: Value, control: &Control) -> Result<Value, String> {
    let reply = match service {
        None => {
            let ready = service.insert(Service::new(understand::<SequenceTask>(message, "task")?)?).ready();
            Reply::Ready(ready)
        }
        Some(service) => service.answer(&understand::<Request>(message, "request")?, control)?,
    };
    serde_json::to_value(reply).map_err(|error| format!("reply not written: {error}"))
}

fn understand<T: DeserializeOwned>(message: Value, what: &str) -> Result<T, String> {
    serde_json::from_value(message).map_err(|error| format!("not a {what} that this fecund-worker knows: {error}; build it and fecund anew, from the same source"))
}

/// For a person who runs it by hand.
fn about() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "fecund-worker {version}: trains networks for `fecund`, which starts it; {}",
        device::description()
    )
}
