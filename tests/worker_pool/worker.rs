//! A worker that misbehaves on request.

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{process, thread};

use evaluator::{Control, serve};
use serde_json::{Value, json};

/// The environment variable that says what this program is to be.
pub const ROLE: &str = "FECUND_TEST_ROLE";

pub fn be_a_worker(role: &str) -> ! {
    match role {
        "worker" => serve::serve(handle).expect("the parent speaks the protocol"),
        "garbage" => answer_by_hand(|| write_raw(1, b"\xff\xff\xff\xffgarbage")),
        "stranger" => print_and_wait("running 1 test\n"),
        "other version" => print_and_wait("fecund\x09\0"),
        "mute" => answer_by_hand(|| ()),
        "hangs up" => answer_by_hand(|| {
            // SAFETY: nobody writes to it again.
            let _ = unsafe { libc::close(1) };
        }),
        other => panic!("no role `{other}`"),
    }
    process::exit(0)
}

/// One fault after the other; the request names it, or is a list of it and its argument.
fn handle(request: Value, control: &Control) -> Result<Value, String> {
    let (what, argument) = match &request {
        Value::Array(parts) => {
            (parts[0].as_str().unwrap_or_default(), parts.get(1).cloned().unwrap_or_default())
        }
        other => (other.as_str().unwrap_or_default(), Value::Null),
    };
    match what {
        "echo" => Ok(argument),
        "pid" => Ok(json!(process::id())),
        "busy pid" => sleep(0.1).map(|_| json!(process::id())),
        "refuse" => Err("data file `a.csv` unreadable".to_string()),
        "sleep" => sleep(argument.as_f64().unwrap_or(3600.0)),
        "progress" => {
            control.set_progress(0.25);
            sleep(1.2)
        }
        "echo late" => sleep(request[2].as_f64().unwrap_or_default()).map(|_| argument),
        "meet" => meet(&request),
        "spin" => spin(argument.as_f64().unwrap_or(f64::INFINITY)),
        "allocate" => allocate(argument.as_str().unwrap_or_default()),
        "haunt" => haunt(argument.as_str().unwrap_or_default()),
        "start" => start(&request),
        "ignore signals" => {
            for signal in 1..32 {
                // SAFETY: ignoring a signal runs no code.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
            sleep(3600.0)
        }
        "print" => {
            println!("garbage on stdout");
            write_raw(1, b"\xff\xff\xff\xff more of it");
            Ok(if argument.is_null() { json!("printed") } else { argument })
        }
        "garbage" => {
            eprintln!("last words");
            write_everywhere(b"\xff\xff\xff\xffgarbage");
            sleep(3600.0)
        }
        "interrupt" => {
            // SAFETY: a signal to this very process.
            unsafe { libc::raise(libc::SIGINT) };
            Ok(json!("unmoved"))
        }
        "read" => {
            let read = std::io::stdin().read(&mut [0; 16]).map_err(|error| error.to_string())?;
            Ok(json!(read))
        }
        "die" => die(argument.as_str().unwrap_or_default()),
        "environment" => Ok(json!(std::env::var("OMP_NUM_THREADS").ok())),
        "oom score" => {
            Ok(json!(std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default().trim()))
        }
        other => Err(format!("no request `{other}`")),
    }
}

fn sleep(seconds: f64) -> Result<Value, String> {
    thread::sleep(Duration::from_secs_f64(seconds));
    Ok(json!("slept"))
}

fn spin(seconds: f64) -> Result<Value, String> {
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        std::hint::spin_loop();
    }
    Ok(json!("spun"))
}

/// Leaves the id of this process in a folder. The `first` to come waits for a sign to go on.
fn meet(request: &Value) -> Result<Value, String> {
    let folder = Path::new(request[1].as_str().unwrap_or_default());
    let own = folder.join(process::id().to_string());
    fs::write(&own, process::id().to_string()).expect("space for a number");
    if fs::hard_link(&own, folder.join("first")).is_err() {
        fs::hard_link(&own, folder.join("second")).expect("at most two come");
        return Ok(request[3].clone());
    }
    while !folder.join("go on").exists() {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(request[2].clone())
}

/// The setup of a worker that dies at some of its starts: a file that counts them, and which starts die.
fn start(request: &Value) -> Result<Value, String> {
    let file = request[1].as_str().unwrap_or_default();
    let mut counter = OpenOptions::new().append(true).create(true).open(file).expect("a file that counts");
    counter.write_all(b".").expect("space for a byte");
    let number = counter.metadata().expect("just opened").len();
    let dies = request[2].as_array().into_iter().flatten().any(|start| start.as_u64() == Some(number));
    if dies { die("exit") } else { Ok(json!(number)) }
}

/// Leaves a process behind that outlives this one, then answers in its name with `late`, and makes the file `witness`
/// when it has; stops.
fn haunt(witness: &str) -> Result<Value, String> {
    let witness = CString::new(witness).expect("a path");
    let frame = frame(br#"{"id":2,"kind":"reply","body":"late"}"#);
    // SAFETY: the child makes system calls and touches memory that was there before; it takes no lock.
    unsafe {
        let worker = libc::getpid();
        if libc::fork() == 0 {
            while libc::getppid() == worker {
                libc::usleep(1000);
            }
            write_everywhere(&frame);
            libc::open(witness.as_ptr(), libc::O_CREAT | libc::O_WRONLY, 0o600);
            libc::_exit(0);
        }
        libc::raise(libc::SIGSTOP);
    }
    sleep(3600.0)
}

fn die(how: &str) -> ! {
    eprintln!("last words");
    // SAFETY: that these end or stop the process is what is asked for.
    unsafe {
        match how {
            "abort" => libc::abort(),
            "segfault" => {
                // The standard library's own handler lets a raised signal pass.
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                libc::raise(libc::SIGSEGV)
            }
            "stop" => libc::raise(libc::SIGSTOP),
            "exit" => process::exit(3),
            _ => panic!("last words"),
        };
    }
    loop {
        thread::park();
    }
}

/// Without end: at leisure, as fast as it can, on a thread of its own, or in mappings that others could share.
fn allocate(how: &str) -> ! {
    match how {
        "fast" => hoard(|| vec![1u8; 64 << 20], Duration::ZERO),
        "on a thread" => thread::spawn(|| hoard(|| vec![1u8; 8 << 20], Duration::from_millis(1)))
            .join()
            .expect("never ends"),
        "shared" => hoard(|| map_shared(8 << 20), Duration::from_millis(1)),
        _ => hoard(|| vec![1u8; 8 << 20], Duration::from_millis(1)),
    }
}

fn hoard<T>(more: impl Fn() -> T, pause: Duration) -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(more()));
        thread::sleep(pause);
    }
}

fn map_shared(length: usize) {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping of this length, written once and never given back.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        std::ptr::write_bytes(start.cast::<u8>(), 1, length);
    }
}

/// To every descriptor beyond the standard ones, the pipe to the parent among them.
fn write_everywhere(bytes: &[u8]) {
    (3..16).for_each(|descriptor| write_raw(descriptor, bytes));
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes(), body].concat()
}

fn write_raw(descriptor: i32, bytes: &[u8]) {
    // SAFETY: `bytes` is valid for its length.
    unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) };
}

/// Speaks the protocol by hand, without heartbeat: answers the setup, and the next request with `act`.
fn answer_by_hand(act: impl FnOnce()) {
    const SETUP_REPLY: &[u8] = br#"{"id":1,"kind":"reply","body":"by hand"}"#;
    let mut input = std::io::stdin().lock();
    let mut next_frame = |skip: usize| {
        let mut length = [0; 4];
        input.read_exact(&mut vec![0; skip]).expect("greeting");
        input.read_exact(&mut length).expect("length of a frame");
        input.read_exact(&mut vec![0; u32::from_le_bytes(length) as usize]).expect("frame");
    };
    next_frame(b"fecund\x01\0".len());
    write_raw(1, b"fecund\x01\0");
    write_raw(1, &frame(SETUP_REPLY));
    next_frame(0);
    act();
    loop {
        thread::park();
    }
}

fn print_and_wait(text: &str) {
    print!("{text}");
    std::io::stdout().flush().expect("stdout is a pipe");
    loop {
        thread::park();
    }
}
