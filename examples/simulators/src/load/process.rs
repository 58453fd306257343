//! What a process uses, as Linux tells it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// What a process has used and holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Time on a CPU, in the program and in the kernel for it, of all threads.
    pub(super) cpu: Duration,
    /// Resident.
    pub(super) memory_bytes: u64,
    /// Open files and sockets.
    pub(super) descriptors: u64,
}

/// Of the process `pid`, or of this one.
pub(super) fn usage(pid: Option<u32>) -> Result<Usage> {
    let name = pid.map_or("self".to_owned(), |pid| pid.to_string());
    let directory = Path::new("/proc").join(name);
    let read = || -> Result<Usage> {
        let stat = fs::read_to_string(directory.join("stat"))?;
        let status = fs::read_to_string(directory.join("status"))?;
        Ok(Usage {
            cpu: cpu(&stat).context("stat")?,
            memory_bytes: resident(&status).context("status")?,
            descriptors: fs::read_dir(directory.join("fd"))?.count() as u64,
        })
    };
    read().with_context(|| format!("cannot read {}", directory.display()))
}

/// Fields 14 and 15. The second one is a name in brackets that may hold anything.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(TICK * u32::try_from(ticks()? + ticks()?).ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes << 10)
}

/// USER_HZ, which is 100 on all of Linux's architectures in use. Source: proc_pid_stat(5), time(7).
const TICK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 150 50 7 8 20 0 1 0";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu("42 (a) S 1 2"), None);
    }

    #[test]
    fn this_process_holds_something() {
        let usage = usage(None).expect("proc is there");
        assert!(usage.memory_bytes > 1 << 20 && usage.descriptors >= 3);
        assert_eq!(resident("Name: x\nVmRSS:\t  12 kB\n"), Some(12 << 10));
    }
}
