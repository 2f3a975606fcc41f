//! The client redis against a real redis-server, by TCP and by Unix socket.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use futures_util::StreamExt;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult};
use support::{DEADLINE, Server, assert_bytes, on_each_runtime, pattern, unique_address};
use tempfile::TempDir;
use tokio::task::JoinSet;

struct Redis {
    process: Server,
    address: SocketAddr,
    folder: TempDir,
}

impl Redis {
    fn start() -> Redis {
        let folder = TempDir::new().expect("a folder");
        let address = unique_address();
        let process = Redis::start_at(address, &folder);
        Redis {
            process,
            address,
            folder,
        }
    }

    fn start_at(address: SocketAddr, folder: &TempDir) -> Server {
        let mut command = Command::new("redis-server");
        command.args(["--bind", &address.ip().to_string()]);
        command.args(["--port", &address.port().to_string()]);
        command.args(["--unixsocket", "socket", "--save", "", "--appendonly", "no"]);
        command.current_dir(folder).stdout(Stdio::piped());
        let log = |child: &mut std::process::Child| child.stdout.take();
        // The last line: the Unix socket is open too.
        Server::start(&mut command, log, "connections at")
    }

    fn restart(&mut self) {
        self.process.kill();
        self.process = Redis::start_at(self.address, &self.folder);
    }

    fn by_tcp(&self) -> Client {
        Client::open(format!("redis://{}", self.address)).expect("a client")
    }

    fn by_unix_socket(&self) -> Client {
        let path = self.folder.path().join("socket");
        Client::open(format!("redis+unix://{}", path.display())).expect("a client")
    }
}

/// Runs a test by TCP and by Unix socket, on each runtime.
fn on_each_transport<F: Future<Output = ()>>(test: impl Fn(Client) -> F) {
    let redis = Redis::start();
    for client in [redis.by_tcp(), redis.by_unix_socket()] {
        on_each_runtime(async || {
            let mut connection = connect(&client).await;
            let cleared: RedisResult<()> =
                redis::cmd("FLUSHALL").query_async(&mut connection).await;
            cleared.expect("clear");
            test(client.clone()).await;
        });
    }
}

async fn connect(client: &Client) -> MultiplexedConnection {
    // By itself it gives an answer up after half a second.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DEADLINE))
        .set_response_timeout(Some(DEADLINE));
    let connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await;
    connection.expect("connect")
}

#[test]
fn values_of_all_sizes_come_back() {
    on_each_transport(async |client| {
        let mut connection = connect(&client).await;
        for (seed, length) in [0, 1, 4096, 70_000, 4 << 20].into_iter().enumerate() {
            let value = pattern(seed as u64, length);
            let () = connection.set(seed, &value).await.expect("set");
            let found: Vec<u8> = connection.get(seed).await.expect("get");
            assert_bytes(&found, &value);
        }
        let missing: Option<Vec<u8>> = connection.get("missing").await.expect("get");
        assert_eq!(missing, None);
        let wrong: RedisResult<()> = connection.lpush(0, "to a string").await;
        assert_eq!(wrong.expect_err("a string").code(), Some("WRONGTYPE"));
    });
}

#[test]
fn long_pipelines_are_answered_in_order() {
    const COMMANDS: usize = 3000;
    on_each_transport(async |client| {
        let mut connection = connect(&client).await;
        let mut sets = redis::pipe();
        let mut gets = redis::pipe();
        for key in 0..COMMANDS {
            sets.set(key, pattern(key as u64, 300)).ignore();
            gets.get(key);
        }
        let () = sets.query_async(&mut connection).await.expect("set all");
        let found: Vec<Vec<u8>> = gets.query_async(&mut connection).await.expect("get all");
        assert_eq!(found.len(), COMMANDS);
        for (key, value) in found.iter().enumerate() {
            assert_bytes(value, &pattern(key as u64, 300));
        }
    });
}

#[test]
fn tasks_share_a_connection() {
    on_each_transport(async |client| {
        let connection = connect(&client).await;
        let mut tasks = JoinSet::new();
        for task in 0..50_u64 {
            let mut connection = connection.clone();
            tasks.spawn(async move {
                for round in 0..10 {
                    let value = pattern(task * 100 + round, 2000);
                    let () = connection.set(task, &value).await.expect("set");
                    let found: Vec<u8> = connection.get(task).await.expect("get");
                    assert_bytes(&found, &value);
                    let _: u64 = connection.incr("counter", 1).await.expect("count");
                }
            });
        }
        tasks.join_all().await;
        let counter: u64 = connection.clone().get("counter").await.expect("get");
        assert_eq!(counter, 500);
    });
}

#[test]
fn many_connections_work_at_once() {
    const CLIENTS: u64 = 100;
    on_each_transport(async |client| {
        let mut tasks = JoinSet::new();
        for task in 0..CLIENTS {
            let client = client.clone();
            tasks.spawn(async move {
                let mut connection = connect(&client).await;
                let value = pattern(task, 9000);
                let () = connection.set(task, &value).await.expect("set");
                let found: Vec<u8> = connection.get(task).await.expect("get");
                assert_bytes(&found, &value);
                let id = redis::cmd("CLIENT")
                    .arg("ID")
                    .query_async(&mut connection)
                    .await;
                (id.expect("an id"), connection)
            });
        }
        let connections: Vec<(u64, _)> = tasks.join_all().await;
        let mut ids: Vec<_> = connections.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, CLIENTS);
    });
}

#[test]
fn messages_reach_every_subscriber_in_order() {
    const SUBSCRIBERS: usize = 8;
    const MESSAGES: u64 = 200;
    on_each_transport(async |client| {
        let mut subscribers = JoinSet::new();
        let mut publisher = connect(&client).await;
        for _ in 0..SUBSCRIBERS {
            let mut subscriber = client.get_async_pubsub().await.expect("connect");
            subscriber.subscribe("channel").await.expect("subscribe");
            subscriber.psubscribe("pattern.*").await.expect("subscribe");
            subscribers.spawn(async move {
                let mut messages = subscriber.on_message();
                for number in 0..MESSAGES {
                    let message = messages.next().await.expect("a message");
                    assert_eq!(message.get_channel_name(), "channel");
                    assert_bytes(message.get_payload_bytes(), &pattern(number, 1500));
                }
                let last = messages.next().await.expect("a message");
                assert_eq!(last.get_channel_name(), "pattern.last");
            });
        }
        for number in 0..MESSAGES {
            let reached = publisher.publish("channel", pattern(number, 1500)).await;
            assert_eq!(reached, Ok(SUBSCRIBERS));
        }
        let reached = publisher.publish("pattern.last", "").await;
        assert_eq!(reached, Ok(SUBSCRIBERS));
        subscribers.join_all().await;
    });
}

#[test]
fn a_blocked_client_waits_for_another() {
    on_each_transport(async |client| {
        let mut consumer = connect(&client).await;
        let mut producer = connect(&client).await;
        let id: u64 = redis::cmd("CLIENT")
            .arg("ID")
            .query_async(&mut consumer)
            .await
            .expect("an id");
        let consumer = tokio::spawn(async move {
            let found: (String, Vec<u8>) = consumer.blpop("queue", 0.0).await.expect("an element");
            found
        });
        loop {
            let list = redis::cmd("CLIENT")
                .arg("LIST")
                .arg("ID")
                .arg(id)
                .query_async(&mut producer)
                .await;
            let list: String = list.expect("the client");
            if list.contains("cmd=blpop") {
                break;
            }
        }
        let _: usize = producer
            .rpush("queue", pattern(1, 100_000))
            .await
            .expect("push");
        let (queue, found) = consumer.await.expect("the consumer");
        assert_eq!(queue, "queue");
        assert_bytes(&found, &pattern(1, 100_000));
    });
}

#[test]
fn the_death_of_the_server_is_noticed() {
    for by_tcp in [true, false] {
        on_each_runtime(async || {
            let mut redis = Redis::start();
            let client = if by_tcp {
                redis.by_tcp()
            } else {
                redis.by_unix_socket()
            };
            let mut connection = connect(&client).await;
            let mut subscriber = client.get_async_pubsub().await.expect("connect");
            subscriber.subscribe("channel").await.expect("subscribe");
            let () = connection.set("key", "value").await.expect("set");
            redis.process.kill();
            assert!(subscriber.on_message().next().await.is_none());
            let error = connection
                .get::<_, String>("key")
                .await
                .expect_err("no server");
            assert!(error.is_connection_dropped(), "{error:?}");
            let error = client.get_multiplexed_async_connection().await.err();
            assert!(error.expect("no server").is_connection_refusal());
        });
    }
}

#[test]
fn a_manager_connects_to_the_restarted_server() {
    on_each_runtime(async || {
        let mut redis = Redis::start();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(DEADLINE))
            .set_response_timeout(Some(DEADLINE));
        let manager = ConnectionManager::new_with_config(redis.by_tcp(), config).await;
        let mut manager = manager.expect("connect");
        for round in 0..3 {
            let value = pattern(round, 50_000);
            let () = manager.set("key", &value).await.expect("set");
            let found: Vec<u8> = manager.get("key").await.expect("get");
            assert_bytes(&found, &value);
            redis.restart();
            // The first calls fail on the connection that broke, and make the manager connect again.
            let missing = loop {
                match manager.get::<_, Option<Vec<u8>>>("key").await {
                    Ok(found) => break found,
                    Err(error) => assert!(error.is_connection_dropped(), "{error:?}"),
                }
            };
            assert_eq!(missing, None, "the new server is empty");
        }
    });
}
