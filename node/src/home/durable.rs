//! Replacing a file so that, whatever happens, there is the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Synced writes that one replacement takes: the file, and the folder that names it.
pub const SYNCS: u64 = 2;

/// Where the new file is written before it takes the old one's place.
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

/// Puts `bytes` in the place of a file, durably: when it returns, a power cut cannot undo it.
///
/// # Errors
/// If a call to the system fails. It must not be tried again: after a failed sync nobody knows
/// what is on the disk.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_unfinished(path, bytes, mode)?;
    rename_unfinished(path)?;
    sync_folder_of(path)
}

/// The first step of [`replace`]: the new file is whole, under another name.
///
/// # Errors
/// As [`replace`].
pub fn write_unfinished(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let unfinished = unfinished(path);
    // What a crash left half written has other permissions, perhaps; so it goes first.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The second step of [`replace`]: the name leads to the new file, until a power cut.
///
/// # Errors
/// As [`replace`].
pub fn rename_unfinished(path: &Path) -> io::Result<()> {
    fs::rename(unfinished(path), path)
}

/// The last step of [`replace`]: makes the names within the file's folder durable.
///
/// # Errors
/// As [`replace`].
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_new_file_has_the_bytes_and_the_mode() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("state.json");
        for bytes in [b"first".as_slice(), b"second"] {
            // A crash left something behind.
            fs::write(unfinished(&path), b"half").expect("the folder is writable");
            replace(&path, bytes, 0o600).expect("the folder is writable");
            assert_eq!(fs::read(&path).expect("it is there"), bytes);
            let mode = fs::metadata(&path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(!unfinished(&path).exists());
        }
    }
}
