//! tokio-postgres against a real PostgreSQL, by TCP and by Unix socket.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use bytes::Bytes;
use futures_util::future::{join_all, poll_fn, try_join_all};
use futures_util::{SinkExt, TryStreamExt, pin_mut};
use support::{Server, assert_bytes, on_each_runtime, pattern, unique_address};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// A PostgreSQL of this process, which all tests share: to make one takes seconds.
struct Postgres {
    address: SocketAddr,
    folder: PathBuf,
    /// It stops when this process ends, in whatever way, because that closes its standard input.
    _process: Server,
}

/// Runs the server until standard input ends, and removes its folder.
const SCRIPT: &str =
    r#""$@" & read -r _; kill -INT $!; wait; folder=$PWD; cd / && rm -rf "$folder""#;

impl Postgres {
    fn shared() -> &'static Postgres {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Postgres::start)
    }

    fn start() -> Postgres {
        let programs = programs();
        let folder = TempDir::new().expect("a folder").keep();
        // It refuses to run as root: then as the user of Debian's package.
        let user = (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])));
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).expect("give the folder away");
        }
        let command = |name: &Path| {
            let mut command = Command::new(name);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .current_dir(&folder);
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let mut initdb = command(&programs.join("initdb"));
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--username=postgres",
            "--locale=C",
        ]);
        let ended = initdb.args(["--encoding=UTF8", "-D", "data"]).status();
        assert!(ended.expect("initdb").success());

        let address = unique_address();
        let mut postgres = command(Path::new("sh"));
        postgres
            .args(["-c", SCRIPT, "sh"])
            .arg(programs.join("postgres"));
        postgres.args(["-D", "data", "-p", &address.port().to_string()]);
        for setting in [
            &format!("listen_addresses={}", address.ip()),
            &format!("unix_socket_directories={}", folder.display()),
            "max_connections=200",
            "fsync=off",
            "shared_buffers=16MB",
        ] {
            postgres.args(["-c", setting]);
        }
        postgres.stdin(Stdio::piped()).stderr(Stdio::piped());
        let log = |child: &mut Child| child.stderr.take();
        let process = Server::start(&mut postgres, log, "ready to accept connections");
        Postgres {
            address,
            folder,
            _process: process,
        }
    }

    fn by_tcp(&self) -> Config {
        let mut config = config(self.address.port());
        config.host(self.address.ip().to_string());
        config
    }

    fn by_unix_socket(&self) -> Config {
        let mut config = config(self.address.port());
        config.host_path(&self.folder);
        config
    }
}

fn config(port: u16) -> Config {
    let mut config = Config::new();
    config.port(port).user("postgres").dbname("postgres");
    config
}

/// Debian has a folder for each version.
fn programs() -> PathBuf {
    fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|version| version.expect("a folder").path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .max()
        .expect("initdb of Debian's package postgresql, in /usr/lib/postgresql")
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().expect("id");
    let digits = String::from_utf8(output.stdout).expect("digits");
    digits.trim().parse().expect("a number")
}

/// Runs a test by TCP and by Unix socket, on each runtime.
fn on_each_transport<F: Future<Output = ()>>(test: impl Fn(Config) -> F) {
    let postgres = Postgres::shared();
    for config in [postgres.by_tcp(), postgres.by_unix_socket()] {
        on_each_runtime(|| test(config.clone()));
    }
}

async fn connect(config: &Config) -> (Client, JoinHandle<Result<(), tokio_postgres::Error>>) {
    let (client, connection) = config.connect(NoTls).await.expect("connect");
    (client, tokio::spawn(connection))
}

async fn finish(client: Client, connection: JoinHandle<Result<(), tokio_postgres::Error>>) {
    drop(client);
    connection
        .await
        .expect("the connection")
        .expect("a clean end");
}

#[test]
fn values_of_all_types_and_sizes_come_back() {
    on_each_transport(async |config| {
        let (client, connection) = connect(&config).await;
        let query = "SELECT $1::BYTEA, $2::TEXT, $3::INT8, $4::FLOAT8, $5::BOOL, $6::TEXT";
        for (seed, length) in [0, 1, 4096, 70_000, 3 << 20].into_iter().enumerate() {
            let bytes = pattern(seed as u64, length);
            let text = "✓ ".repeat(length / 100);
            let (number, none) = (-(seed as i64), None::<&str>);
            let row = client
                .query_one(query, &[&bytes, &text, &number, &0.5, &true, &none])
                .await
                .expect("a row");
            assert_bytes(row.get(0), &bytes);
            assert_bytes(row.get::<_, &str>(1).as_bytes(), text.as_bytes());
            assert_eq!(row.get::<_, i64>(2), number);
            assert_eq!(row.get::<_, f64>(3), 0.5);
            assert!(row.get::<_, bool>(4));
            assert_eq!(row.get::<_, Option<&str>>(5), None);
        }
        let error = client
            .query_one("SELECT 1 / 0", &[])
            .await
            .expect_err("no number");
        assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
        finish(client, connection).await;
    });
}

#[test]
fn many_rows_arrive_in_order() {
    const ROWS: i64 = 20_000;
    on_each_transport(async |config| {
        let (client, connection) = connect(&config).await;
        let query = "SELECT i, repeat(i::TEXT, 10) FROM generate_series(1, $1::INT8) AS i";
        let rows = client.query_raw(query, &[ROWS]).await.expect("rows");
        pin_mut!(rows);
        let mut expected = 0;
        while let Some(row) = rows.try_next().await.expect("no error") {
            expected += 1;
            assert_eq!(row.get::<_, i64>(0), expected);
            assert_eq!(row.get::<_, &str>(1), expected.to_string().repeat(10));
        }
        assert_eq!(expected, ROWS);
        finish(client, connection).await;
    });
}

#[test]
fn queries_are_pipelined_on_one_connection() {
    on_each_transport(async |config| {
        let (client, connection) = connect(&config).await;
        let statement = client.prepare("SELECT $1::BYTEA, $2::INT8").await;
        let statement = statement.expect("a statement");
        let queries = (0..500).map(|seed| {
            let (client, statement) = (&client, &statement);
            async move {
                let bytes = pattern(seed as u64, 31 * seed as usize);
                let row = client
                    .query_one(statement, &[&bytes, &seed])
                    .await
                    .expect("a row");
                assert_bytes(row.get(0), &bytes);
                assert_eq!(row.get::<_, i64>(1), seed);
            }
        });
        join_all(queries).await;
        drop(statement);
        finish(client, connection).await;
    });
}

#[test]
fn many_connections_work_at_once() {
    const CLIENTS: i64 = 30;
    on_each_transport(async |config| {
        let (client, connection) = connect(&config).await;
        let create = "DROP TABLE IF EXISTS counters; CREATE TABLE counters (value INT8); INSERT INTO counters VALUES (0)";
        client.batch_execute(create).await.expect("create");
        let mut tasks = JoinSet::new();
        for number in 0..CLIENTS {
            let config = config.clone();
            tasks.spawn(async move {
                let (mut client, connection) = connect(&config).await;
                for round in 0..5 {
                    let transaction = client.transaction().await.expect("begin");
                    let changed = transaction.execute("UPDATE counters SET value = value + 1", &[]);
                    assert_eq!(changed.await.expect("update"), 1);
                    let bytes = pattern((number * 5 + round) as u64, 20_000);
                    let row = transaction.query_one("SELECT $1::BYTEA", &[&bytes]).await;
                    assert_bytes(row.expect("a row").get(0), &bytes);
                    transaction.commit().await.expect("commit");
                }
                finish(client, connection).await;
            });
        }
        tasks.join_all().await;
        let row = client.query_one("SELECT value FROM counters", &[]).await;
        assert_eq!(row.expect("a row").get::<_, i64>(0), 5 * CLIENTS);
        finish(client, connection).await;
    });
}

#[test]
fn copies_carry_bytes_in_and_out() {
    const LINES: usize = 40_000;
    on_each_transport(async |config| {
        let (client, connection) = connect(&config).await;
        let create = "CREATE TEMPORARY TABLE lines (number INT8, line TEXT)";
        client.batch_execute(create).await.expect("create");
        let lines: Vec<_> = (0..LINES)
            .map(|i| Bytes::from(format!("{i}\tline {i} of many\n")))
            .collect();
        let sink = client
            .copy_in("COPY lines FROM STDIN")
            .await
            .expect("a copy");
        pin_mut!(sink);
        for line in &lines {
            sink.feed(line.clone()).await.expect("send");
        }
        assert_eq!(sink.finish().await.expect("copied"), LINES as u64);
        let copy = "COPY (SELECT * FROM lines ORDER BY number) TO STDOUT";
        let stream = client.copy_out(copy).await.expect("a copy");
        let found: Vec<Bytes> = stream.try_collect().await.expect("no error");
        assert_bytes(&found.concat(), &lines.concat());
        finish(client, connection).await;
    });
}

#[test]
fn notifications_arrive_in_order() {
    on_each_transport(async |config| {
        let (listener, mut connection) = config.connect(NoTls).await.expect("connect");
        let (sender, mut notifications) = mpsc::unbounded_channel();
        let connection = tokio::spawn(async move {
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(notification) = message? {
                    sender.send(notification).expect("a test that listens");
                }
            }
            Ok(())
        });
        listener
            .batch_execute("LISTEN channel")
            .await
            .expect("listen");
        let (notifier, other) = connect(&config).await;
        for number in 0..300 {
            let number = number.to_string();
            let query = "SELECT pg_notify('channel', $1)";
            let notified = notifier.execute(query, &[&number]).await;
            assert_eq!(notified.expect("notify"), 1);
        }
        for number in 0..300 {
            let notification = notifications.recv().await.expect("a notification");
            assert_eq!(notification.channel(), "channel");
            assert_eq!(notification.payload(), number.to_string());
        }
        finish(notifier, other).await;
        finish(listener, connection).await;
    });
}

#[test]
fn a_query_is_cancelled_from_another_connection() {
    on_each_transport(async |config| {
        let (client, connection) = connect(&config).await;
        let (observer, other) = connect(&config).await;
        let id: i32 = client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .expect("a row")
            .get(0);
        let sleeping = client.query("SELECT pg_sleep(600)", &[]);
        let cancelling = async {
            let query = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1";
            loop {
                let row = observer.query_one(query, &[&id]).await.expect("a row");
                if row.get::<_, Option<bool>>(0) == Some(true) {
                    break;
                }
            }
            client
                .cancel_token()
                .cancel_query(NoTls)
                .await
                .expect("cancel");
        };
        let (slept, ()) = tokio::join!(sleeping, cancelling);
        let error = slept.expect_err("cancelled");
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
        let row = client.query_one("SELECT 7", &[]).await.expect("a row");
        assert_eq!(row.get::<_, i32>(0), 7);
        finish(observer, other).await;
        finish(client, connection).await;
    });
}

#[test]
fn a_connection_that_the_server_ends_is_an_error() {
    on_each_transport(async |config| {
        let (observer, other) = connect(&config).await;
        let clients = try_join_all((0..10).map(|_| config.connect(NoTls))).await;
        for (client, connection) in clients.expect("connect") {
            let connection = tokio::spawn(connection);
            let id: i32 = client
                .query_one("SELECT pg_backend_pid()", &[])
                .await
                .expect("a row")
                .get(0);
            let ended = observer
                .query_one("SELECT pg_terminate_backend($1)", &[&id])
                .await;
            assert!(ended.expect("a row").get::<_, bool>(0));
            // Its last message, its end or a reset: whichever is seen first.
            let ended = connection.await.expect("the connection");
            ended.expect_err("ended by the server");
            assert!(client.is_closed());
            assert!(
                client
                    .query("SELECT 1", &[])
                    .await
                    .expect_err("ended")
                    .is_closed()
            );
        }
        finish(observer, other).await;
    });
}

#[test]
fn a_server_that_is_gone_is_an_error() {
    let address = unique_address();
    let mut by_tcp = config(address.port());
    by_tcp.host(address.ip().to_string());
    let folder = TempDir::new().expect("a folder");
    let mut by_unix_socket = config(address.port());
    by_unix_socket.host_path(folder.path());
    let socket = folder.path().join(format!(".s.PGSQL.{}", address.port()));
    // Leaves its file behind.
    drop(UnixListener::bind(socket).expect("bind"));
    for config in [by_tcp, by_unix_socket] {
        on_each_runtime(async || {
            let error = config.connect(NoTls).await.err().expect("no server");
            let cause = error.source().expect("a cause");
            let cause = cause.downcast_ref::<io::Error>().expect("an io error");
            assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
        });
    }
}
