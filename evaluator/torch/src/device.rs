//! Where training runs: finds CUDA when it is asked for, and says what is missing when it is not there.

use std::ffi::CStr;
use std::fs;
use std::path::Path;

use evaluator::sequence::DeviceChoice;
use tch::{Cuda, Device};

/// The libtorch that tch 0.24 is made for.
pub const LIBTORCH: &str = "2.11";

/// The CUDA half of libtorch. It registers itself when it is loaded, so that one program serves both.
const CUDA_LIBRARY: &CStr = c"libtorch_cuda.so";

/// The device for this choice. An error says what is missing and how to get it.
pub fn find(choice: DeviceChoice) -> Result<Device, String> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda => cuda().map_err(|missing| remedy(&missing)),
        DeviceChoice::Auto if !Path::new("/dev/nvidiactl").exists() => Ok(Device::Cpu),
        DeviceChoice::Auto => Ok(cuda().unwrap_or_else(|missing| {
            eprintln!("training on the processor: {}", remedy(&missing));
            Device::Cpu
        })),
    }
}

/// What the device is to a key: its class.
pub fn class(device: Device) -> DeviceChoice {
    if device.is_cuda() { DeviceChoice::Cuda } else { DeviceChoice::Cpu }
}

/// Where verdicts come from: library, device, threads, processor.
pub fn provenance(device: Device) -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let threads = tch::get_num_threads();
    format!("libtorch {LIBTORCH}, {}, threads: {threads}, {model}", class(device))
}

/// For a person: which libtorch, which devices.
pub fn description() -> String {
    let folder = library_folder().unwrap_or_else(|| "an unknown folder".into());
    let devices = match find(DeviceChoice::Cuda) {
        Ok(_) => format!("cpu, cuda ({} devices)", Cuda::device_count()),
        Err(missing) => format!("cpu; {missing}"),
    };
    format!("libtorch {LIBTORCH} from {folder}; devices: {devices}")
}

/// The first CUDA device, or what is missing.
fn cuda() -> Result<Device, String> {
    load(CUDA_LIBRARY)?;
    if Cuda::is_available() { Ok(Device::Cuda(0)) } else { Err("no NVIDIA driver or no device".to_string()) }
}

fn remedy(missing: &str) -> String {
    let folder = library_folder().unwrap_or_else(|| "unknown".into());
    format!(
        "no CUDA in libtorch {LIBTORCH} from {folder}: {missing}; `pip install torch=={LIBTORCH}.0` and set \
         FECUND_LIBTORCH to its folder torch/lib, or give --device cpu"
    )
}

/// Loads a library for the whole process; an error is the loader's.
fn load(library: &CStr) -> Result<(), String> {
    // SAFETY: the name is a C string; the library's initializers are libtorch's own, made to be run this way.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: dlerror returns null or a C string that stays until this thread's next call of the loader.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return Err("the loader does not say why".to_string());
    }
    // SAFETY: as above, and not null.
    Err(unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned())
}

/// The folder that this process's libtorch was loaded from.
fn library_folder() -> Option<String> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?.split_whitespace().nth(5)?;
    Some(Path::new(path).parent()?.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        assert_eq!(find(DeviceChoice::Cpu), Ok(Device::Cpu));
        assert!(find(DeviceChoice::Auto).is_ok());
        assert!(provenance(Device::Cpu).contains("cpu"));
    }

    #[test]
    fn missing_cuda_comes_with_a_remedy() {
        if let Err(message) = find(DeviceChoice::Cuda) {
            assert!(
                message.contains("libtorch 2.11 from /") && message.contains("--device cpu"),
                "{message}"
            );
        }
    }
}
