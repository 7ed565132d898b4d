//! `fecund-worker`: trains and scores networks for `fecund`, which starts it and speaks with it over pipes.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use evaluator::sequence::{Reply, Request, SequenceTask};
use evaluator::tabular::{self, Setup};
use evaluator::{Control, serve};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use torch::tabular::TableService;
use torch::{Service, device};

fn main() -> ExitCode {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    if std::env::args().len() > 1 || io::stdin().is_terminal() {
        println!("{}", about());
        return ExitCode::SUCCESS;
    }
    let mut served = None;
    match serve::serve(|message, control| handle(&mut served, message, control)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fecund-worker: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the first message asks for.
enum Served {
    Sequences(Box<Service>),
    Table(Box<TableService>),
}

/// The first message is the task; all that follow are requests.
fn handle(served: &mut Option<Served>, message: Value, control: &Control) -> Result<Value, String> {
    match served {
        None if message.get("table").is_some() => {
            let service = TableService::new(understand::<Setup>(message, "task")?.table)?;
            let ready = tabular::Reply::Ready(service.ready());
            *served = Some(Served::Table(Box::new(service)));
            written(&ready)
        }
        None => {
            let service = Service::new(understand::<SequenceTask>(message, "task")?)?;
            let ready = Reply::Ready(service.ready());
            *served = Some(Served::Sequences(Box::new(service)));
            written(&ready)
        }
        Some(Served::Sequences(service)) => {
            written(&service.answer(&understand::<Request>(message, "request")?, control)?)
        }
        Some(Served::Table(service)) => {
            written(&service.answer(&understand::<tabular::Request>(message, "request")?, control)?)
        }
    }
}

fn written(reply: &impl Serialize) -> Result<Value, String> {
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
