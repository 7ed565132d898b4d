//! Finds the program of the workers that train with libtorch, and the libtorch that they shall use.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{EvalError, WorkerCommand};

/// Name of the program.
const PROGRAM: &str = "fecund-worker";
/// Names another program than the one beside this one or on the search path.
const PROGRAM_VARIABLE: &str = "FECUND_WORKER";
/// Names the folder of another libtorch, such as one with CUDA: `…/site-packages/torch/lib`.
const LIBTORCH_VARIABLE: &str = "FECUND_LIBTORCH";
/// Worker processes are the parallelism; threads within them only contend.
const ONE_THREAD: [&str; 4] =
    ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"];

/// Tensors come and go at every step: glibc shall keep their memory instead of mapping and clearing it anew.
const KEEP_MEMORY: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296");

/// How to start workers that are set up with this: where `FECUND_WORKER` says, else `fecund-worker` beside this program, else on
/// the search path; an error says how to get it.
pub fn torch_worker(setup: &impl Serialize) -> Result<WorkerCommand, EvalError> {
    let setup = serde_json::to_value(setup).map_err(|error| EvalError::Start {
        what: format!("task not written: {error}"),
        remedy: "give paths in UTF-8".to_string(),
    })?;
    let program = places().into_iter().find(|path| path.is_file()).ok_or_else(not_found)?;
    let mut command = WorkerCommand::new(program, setup);
    command.env.extend(ONE_THREAD.map(|name| (name.into(), "1".into())));
    command.env.push((KEEP_MEMORY.0.into(), KEEP_MEMORY.1.into()));
    if let Some(folder) = env::var_os(LIBTORCH_VARIABLE) {
        command.env.push(("LD_LIBRARY_PATH".into(), in_front(folder, env::var_os("LD_LIBRARY_PATH"))));
    }
    Ok(command)
}

/// Where the program may lie, best first. A test binary lies one folder below the programs, in `deps`.
fn places() -> Vec<PathBuf> {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent);
    let above = beside.filter(|folder| folder.ends_with("deps")).and_then(Path::parent);
    let folders = [beside, above].into_iter().flatten().map(Path::to_path_buf);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).collect::<Vec<_>>();
    let named = env::var_os(PROGRAM_VARIABLE).map(PathBuf::from);
    named.into_iter().chain(folders.chain(on_path).map(|folder| folder.join(PROGRAM))).collect()
}

fn not_found() -> EvalError {
    EvalError::Start {
        what: format!("no {PROGRAM} beside this program, on PATH, or named by {PROGRAM_VARIABLE}"),
        remedy: "in the source folder run `make install`, or `make build` to use it from target/release"
            .to_string(),
    }
}

fn in_front(folder: OsString, others: Option<OsString>) -> OsString {
    match others.filter(|others| !others.is_empty()) {
        None => folder,
        Some(others) => [folder, ":".into(), others].into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_a_remedy() {
        let message = not_found().to_string();
        assert!(message.contains("no fecund-worker") && message.contains("make install"), "{message}");
    }

    #[test]
    fn tests_find_the_worker_that_was_built_with_them() {
        let own = env::current_exe().unwrap();
        let target = own.parent().unwrap().parent().unwrap();
        assert!(places().contains(&target.join(PROGRAM)));
    }

    #[test]
    fn the_named_libtorch_is_searched_first() {
        assert_eq!(in_front("/a".into(), None), "/a");
        assert_eq!(in_front("/a".into(), Some("".into())), "/a");
        assert_eq!(in_front("/a".into(), Some("/b:/c".into())), "/a:/b:/c");
    }
}
