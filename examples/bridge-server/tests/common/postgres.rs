//! Databases for tests: a real PostgreSQL from Debian's package, and SQLite in a file.
//!
//! A PostgreSQL lives in a temporary directory of its own and listens on a socket there. A watchdog, a shell that
//! reads a pipe nobody writes to, removes it as soon as the test process is gone, however that ended.
#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::{
    env, fs,
    io::ErrorKind,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// A database that only one test uses.
pub(crate) struct Database {
    /// For `Store::open` and `DATABASE_URL`.
    pub(crate) url: String,
    /// For messages of failed assertions.
    pub(crate) name: &'static str,
    /// Of SQLite's files.
    _directory: Option<Directory>,
}

/// An empty database of each kind, for a test whose body runs on both.
pub(crate) fn databases() -> [Database; 2] {
    [sqlite(), postgres()]
}

/// An empty SQLite database, gone when dropped.
pub(crate) fn sqlite() -> Database {
    let directory = Directory::new("tl-sqlite");
    Database {
        url: format!("sqlite://{}", directory.path().join("calls.db").display()),
        name: "SQLite",
        _directory: Some(directory),
    }
}

/// An empty database of the PostgreSQL that all tests of this binary share.
pub(crate) fn postgres() -> Database {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start_new).database()
}

/// A PostgreSQL server. Tests that stop it start one of their own.
pub(crate) struct Postgres {
    directory: PathBuf,
    /// Who runs it, if not whoever runs the test: PostgreSQL refuses to be run by root.
    user: Option<(u32, u32)>,
    watchdog: Child,
    /// The watchdog acts when this is closed, which the end of the process does, too.
    leash: Option<ChildStdin>,
}

impl Postgres {
    /// Starts a server with no database but its own.
    pub(crate) fn start_new() -> Self {
        let user = user();
        let directory = unused_path("tl-pg");
        fs::create_dir(&directory).expect("a temporary directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("our directory");
        if let Some((uid, gid)) = user {
            chown(&directory, Some(uid), Some(gid)).expect("root may do that");
        }
        let mut watchdog = command(user, Path::new("/bin/sh"), &directory)
            .args(["-c", WATCHDOG, "sh"])
            .arg(binary("pg_ctl"))
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of a Ctrl-C that ends the tests.
            .process_group(0)
            .spawn()
            .expect("a shell");
        let postgres = Self {
            leash: watchdog.stdin.take(),
            watchdog,
            directory,
            user,
        };
        postgres.run(
            "initdb",
            &["--auth=trust", "--username=postgres", "--encoding=UTF8"],
            &["--locale=C", "--no-sync", "--pgdata=data"],
        );
        postgres.start();
        postgres
    }

    /// Starts it again after [`stop`](Self::stop), with the data it had.
    pub(crate) fn start(&self) {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c max_connections=200 \
             -c shared_buffers=16MB -c fsync=off",
            self.directory.display()
        );
        self.run(
            "pg_ctl",
            &["start", "--pgdata=data", "--log=log", "--wait", "--silent"],
            &["--options", &options],
        );
    }

    /// Ends it at once: all connections break, nothing is answered any more.
    pub(crate) fn stop(&self) {
        self.run(
            "pg_ctl",
            &["stop", "--pgdata=data", "--mode=immediate", "--silent"],
            &[],
        );
    }

    /// A new, empty database.
    pub(crate) fn database(&self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let host = self.directory.display();
        self.run(
            "createdb",
            &["--username=postgres", "--template=template0"],
            &["--host", &host.to_string(), &name],
        );
        Database {
            url: format!("postgres://postgres@localhost/{name}?host={host}"),
            name: "PostgreSQL",
            _directory: None,
        }
    }

    fn run(&self, program: &str, arguments: &[&str], more: &[&str]) {
        let output = command(self.user, &binary(program), &self.directory)
            .args(arguments)
            .args(more)
            .stdin(Stdio::null())
            // A server that is started keeps what it inherits open.
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.directory.join("errors")).expect("our directory"))
            .status();
        let errors = || fs::read_to_string(self.directory.join("errors")).unwrap_or_default();
        match output {
            Ok(status) if status.success() => {}
            Ok(status) => panic!("{program} {arguments:?}: {status}\n{}", errors()),
            Err(error) => panic!("{program}: {error}"),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.leash.take();
        let _ = self.watchdog.wait();
    }
}

/// A directory that is removed with all it holds.
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// An empty one, whose name begins with `prefix`.
    pub(crate) fn new(prefix: &str) -> Self {
        let path = unused_path(prefix);
        fs::create_dir(&path).expect("a temporary directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unused_path(prefix: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("{prefix}-{}-{count}", std::process::id()));
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return path,
            _ => {}
        }
    }
}

/// A program of the newest PostgreSQL that is installed.
fn binary(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    versions
        .filter_map(|version| {
            let number: u32 = version.file_name().to_str()?.parse().ok()?;
            let path = version.path().join("bin").join(name);
            path.exists().then_some((number, path))
        })
        .max()
        .unwrap_or_else(|| {
            panic!(
                "these tests need PostgreSQL, and there is no /usr/lib/postgresql/*/bin/{name}: \
                 `make deps` installs it"
            )
        })
        .1
}

fn command(user: Option<(u32, u32)>, program: &Path, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// The user `postgres`, if root runs the tests.
fn user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").expect("Linux").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("users");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line
        .expect("Debian's package has made the user `postgres`")
        .split(':')
        .skip(2)
        .map(|id| id.parse().expect("a number"));
    Some((fields.next()?, fields.next()?))
}

/// Arguments: `pg_ctl`, and the server's directory.
const WATCHDOG: &str = r#"trap "" INT TERM HUP
read -r line
"$1" stop --pgdata="$2/data" --mode=immediate --silent
cd / && rm -rf "$2""#;
