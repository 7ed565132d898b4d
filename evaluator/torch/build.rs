//! Compiles `src/custom.cpp`, and tells every binary of this package where its libtorch lies, so that it starts with no `LD_LIBRARY_PATH`.
//!
//! The folder is the one that torch-sys links against, looked up in the same order: `LIBTORCH_USE_PYTORCH`, then
//! `LIBTORCH_LIB`, then `LIBTORCH`, which `.cargo/config.toml` sets to `.libtorch` unless the user sets it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `.libtorch` as seen from `target/release` and from `target/debug/deps`: where an absolute path no longer
/// holds, because the workspace was moved or copied with a libtorch of its own.
const IN_WORKSPACE: [&str; 2] = ["$ORIGIN/../../.libtorch/lib", "$ORIGIN/../../../.libtorch/lib"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["LIBTORCH_USE_PYTORCH", "LIBTORCH_LIB", "LIBTORCH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    match library_folder() {
        Ok(folder) => {
            println!("cargo::rerun-if-changed={}", folder.display());
            run_path(&folder.display().to_string());
            IN_WORKSPACE.iter().for_each(|folder| run_path(folder));
            compile(&folder);
        }
        Err(problem) => println!("cargo::error={problem}"),
    }
}

/// With the headers beside the library, or where `LIBTORCH_INCLUDE` says, and the flags of torch-sys.
fn compile(library_folder: &Path) {
    println!("cargo::rerun-if-changed=src/custom.cpp");
    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    println!("cargo::rerun-if-env-changed=LIBTORCH_CXX11_ABI");
    let root = env::var_os("LIBTORCH_INCLUDE").filter(|_| env::var_os("LIBTORCH_USE_PYTORCH").is_none());
    let root = root.map_or_else(|| library_folder.join(".."), PathBuf::from);
    let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".into());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .includes([root.join("include"), root.join("include/torch/csrc/api/include")])
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .file("src/custom.cpp")
        .compile("fecund_custom");
}

/// A run path rather than the older kind that `LD_LIBRARY_PATH` cannot override: a parent process chooses another
/// libtorch, such as one with CUDA, by setting that variable.
fn run_path(folder: &str) {
    println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags,-rpath,{folder}");
}

/// Links resolved: an installed binary outlives the workspace and its `.libtorch`, a link into the user's cache.
fn library_folder() -> Result<PathBuf, String> {
    let named = if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        library_folder_of_python()?
    } else if let Some(root) = env::var_os("LIBTORCH_LIB").or_else(|| env::var_os("LIBTORCH")) {
        PathBuf::from(root).join("lib")
    } else {
        return Err("libtorch is not there: build inside the workspace, after `make libtorch`".into());
    };
    let library = named.join("libtorch_cpu.so");
    if !library.is_file() {
        return Err(format!("libtorch is not there: no {}; run `make libtorch`", library.display()));
    }
    named.canonicalize().map_err(|error| format!("{} unreadable: {error}", named.display()))
}

fn library_folder_of_python() -> Result<PathBuf, String> {
    let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let script = "import pathlib, torch; print(pathlib.Path(torch.__file__).parent / 'lib')";
    match Command::new(python).args(["-c", script]).output() {
        Ok(output) if output.status.success() => {
            Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        }
        _ => Err(format!(
            "LIBTORCH_USE_PYTORCH is set, but {python} cannot import torch; unset it, or install torch"
        )),
    }
}
