//! A PostgreSQL server in a temporary folder, reached through a socket there.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use postgres::{Client, NoTls};
use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

use crate::patience::wait_for;

/// Where distributions put what is not on the PATH, each version in a folder.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The server refuses to run as root: whom it may be run as instead.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A server that runs, or could.
pub struct Server {
    installed: Installed,
    folder: TempDir,
    process: Option<Child>,
}

/// What there is on this machine.
pub struct Installed {
    /// The folder of the programs.
    programs: PathBuf,
    /// Numbers of the user and group to run as, if we are root.
    user: Option<(u32, u32)>,
}

/// Looks for a server.
///
/// # Errors
/// Why there is none.
pub fn find() -> Result<Installed, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let versions = versions.map(|version| version.path().join("bin"));
    let programs = std::env::split_paths(&path)
        .chain(versions)
        .find(|folder| ["initdb", "postgres"].iter().all(|it| folder.join(it).is_file()));
    let programs =
        programs.ok_or_else(|| format!("no PostgreSQL, on the PATH or in {VERSIONS}"))?;
    let user = match getuid().is_root() {
        false => None,
        true => {
            let user = USERS.iter().find_map(|name| numbers_of(name));
            Some(user.ok_or("PostgreSQL does not run as root, and there is no other user")?)
        }
    };
    Ok(Installed { programs, user })
}

/// The numbers of a user and its group.
fn numbers_of(user: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(user))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

impl Server {
    /// A new, empty server that runs.
    pub fn start_new() -> Self {
        let installed = find().expect("it was found before");
        let folder = tempfile::tempdir().expect("a temporary folder");
        if let Some((user, group)) = installed.user {
            chown(folder.path(), Some(user), Some(group)).expect("we are root");
        }
        let mut server = Self { installed, folder, process: None };
        let mut command = server.command("initdb");
        command.args(["-U", "lockstep", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let made = command.arg("-D").arg(server.path("data")).output().expect("it is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.start();
        server
    }

    /// Starts it, and waits until it can be asked.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log.txt"));
        let log = log.expect("the folder is writable");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.path("data")).arg("-k").arg(self.folder.path());
        command.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"]);
        command.stdout(log.try_clone().expect("an open file")).stderr(log);
        self.process = Some(command.spawn().expect("it is installed"));
        wait_for("PostgreSQL", || self.try_connect());
    }

    /// Ends it as a crash does: nothing is finished, nothing is written.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        kill_process(Pid::from_child(&process), Signal::QUIT).expect("it is our child");
        process.wait().expect("it is our child");
    }

    /// A connection.
    pub fn connect(&self) -> Client {
        self.try_connect().expect("it runs")
    }

    fn try_connect(&self) -> Option<Client> {
        Client::connect(&self.settings(), NoTls).ok()
    }

    /// How nodes connect.
    pub fn settings(&self) -> String {
        format!("host={} user=lockstep dbname=postgres", self.folder.path().display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.installed.programs.join(program));
        command.current_dir(Path::new("/")).env("LC_ALL", "C").stdin(Stdio::null());
        if let Some((user, group)) = self.installed.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("log.txt")).unwrap_or_default();
            eprintln!("--- PostgreSQL's log\n{log}");
        }
        if self.process.is_some() {
            self.kill();
        }
    }
}
