//! What the figures were measured on.

use std::fs::{self, File};
use std::io::Write;
use std::time::Instant;

use anyhow::Context;

/// Synced writes that the disk is tried with.
const TRIES: usize = 100;

/// One line on the processor, the load and the disk.
pub fn describe() -> anyhow::Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo").context("this needs Linux")?;
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{cores} cores of {model}, Linux {}, load average {load} at the start, a synced write of \
         200 bytes takes {:.2} ms (median)",
        release.trim(),
        synced_write_ms()?,
    ))
}

/// How long the disk under the temporary folder takes, which bounds a validator's pace.
fn synced_write_ms() -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("tried"))?;
    let mut times = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let began = Instant::now();
        file.write_all(&[7; 200])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TRIES / 2])
}
