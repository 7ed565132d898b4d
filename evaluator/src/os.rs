//! What only the operating system (Linux) can promise about processes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes the process that `command` starts die with the *thread* that starts it, and ignore Ctrl-C, which is the
/// parent's business.
pub fn tie_to_parent(command: &mut Command) {
    let parent = std::process::id();
    let tie = move || {
        // SAFETY: prctl, getppid and signal are async-signal-safe and touch no memory of ours.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the line above; then nobody would send the signal.
            if libc::getppid().cast_unsigned() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            libc::signal(libc::SIGINT, libc::SIG_IGN);
        }
        Ok(())
    };
    // SAFETY: between fork and exec, `tie` makes three system calls; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(tie) };
}

/// Asks the kernel to take this process before its parent when memory runs out. Best effort.
pub fn volunteer_for_oom(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), "800");
}

/// Resident memory of a process, in bytes; `None` when it is gone.
pub fn resident(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_size())
}

fn page_size() -> u64 {
    // SAFETY: sysconf reads a constant.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// This process's stdin and stdout, for its own use alone. From now on whoever reads descriptor 0 meets the end, and
/// whoever prints to descriptor 1 prints to stderr.
pub fn claim_stdio() -> io::Result<(File, File)> {
    io::stdout().flush()?;
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    redirect(File::open("/dev/null")?.as_raw_fd(), libc::STDIN_FILENO)?;
    redirect(libc::STDERR_FILENO, libc::STDOUT_FILENO)?;
    Ok((input.into(), output.into()))
}

fn redirect(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: dup2 closes `to` and opens it again in one step; the standard descriptors belong to nobody.
    match unsafe { libc::dup2(from, to) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Ends this process at once, whatever its other threads do: no destructor runs.
pub fn vanish() -> ! {
    // SAFETY: _exit may be called from any thread at any time.
    unsafe { libc::_exit(0) }
}

/// `SIGSEGV` for 11, for the signals that end workers.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL, perhaps for want of memory",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGTERM => "SIGTERM",
        _ => "see signal(7)",
    }
}
