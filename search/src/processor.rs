//! Processor time of this process and of its children, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// Of all threads of this process, its own code and the kernel's for it.
pub(crate) fn own() -> Duration {
    used(libc::RUSAGE_SELF)
}

/// Of this process and its children, those that have ended and those that live. One that ends at this moment may be
/// missing, and is counted by the next look.
pub(crate) fn own_and_children() -> Duration {
    // In this order none is counted twice.
    let ended = used(libc::RUSAGE_CHILDREN);
    own() + ended + children().into_iter().filter_map(of_process).sum()
}

/// Of the thread that asks.
pub(crate) fn of_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime fills the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn used(who: libc::c_int) -> Duration {
    // SAFETY: getrusage fills the struct that it is given; all zeros is a valid one.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(who, &mut usage);
        usage
    };
    let duration = |time: libc::timeval| {
        Duration::new(time.tv_sec as u64, 1000 * u32::try_from(time.tv_usec).unwrap_or(0))
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// Process ids of the children that live, or have ended and were not waited for.
fn children() -> Vec<u32> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")));
    match lists.collect::<Result<String, _>>() {
        Ok(list) => list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect(),
        // A kernel that keeps no such lists, or a thread that ended just now.
        Err(_) => children_by_parent(),
    }
}

fn children_by_parent() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).and_then(|fields| field(&fields, 4)) == Some(u64::from(std::process::id())))
        .collect()
}

/// With what its own children used that it waited for: fields 14 to 17 of its `stat`, in ticks.
fn of_process(pid: u32) -> Option<Duration> {
    let fields = stat(pid)?;
    let ticks = (14..=17).map(|number| field(&fields, number)).sum::<Option<u64>>()?;
    // SAFETY: sysconf reads a constant of the system.
    let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Some(Duration::from_secs_f64(ticks as f64 / a_second.max(1) as f64))
}

/// The fields of `/proc/PID/stat` from the third on. The name before them may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(String::from).collect())
}

/// By its number in `man 5 proc`.
fn field(fields: &[String], number: usize) -> Option<u64> {
    fields.get(number - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_child_counts_while_it_lives_and_once_when_it_has_ended() {
        let before = own_and_children();
        let mut child =
            Command::new("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        assert!(children().contains(&pid) && children_by_parent().contains(&pid));
        let start = Instant::now();
        while of_process(pid) < Some(Duration::from_millis(200)) {
            assert!(start.elapsed() < Duration::from_secs(60), "a child that spins uses processor time");
            std::thread::sleep(Duration::from_millis(10));
        }
        let during = own_and_children() - before;
        child.kill().unwrap();
        let last = of_process(pid).unwrap();
        child.wait().unwrap();
        assert!(!children().contains(&pid) && of_process(pid).is_none());
        let after = own_and_children() - before;
        assert!(during >= Duration::from_millis(200) && after >= during, "{during:?}, {after:?}");
        let others = own() + Duration::from_secs(5);
        assert!(after < last + others, "{after:?}: it used {last:?}");
    }
}
