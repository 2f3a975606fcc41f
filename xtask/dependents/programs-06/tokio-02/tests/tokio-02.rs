//! tokio 0.2 with all its features: TCP, UDP, Unix sockets, timers, signals and processes.
//! Every byte arrives in order and unchanged, also through the pipes of child processes, and signals, exits and timers are reported, timers never early.

#[path = "../../support.rs"]
mod support;

use std::future::Future;
use std::io::{self, ErrorKind, Read};
use std::net::{self, Shutdown};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use support::{assert_same, bytes, within_deadline, Folder, Refusing};
use tokio::io::{copy, split, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use tokio::process::Command;
use tokio::runtime::Builder;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::mpsc;
use tokio::time::{delay_until, interval, timeout, Instant};

/// Runs a test on the runtime of one thread and on that of many.
fn on_both_runtimes<F: Future<Output = ()>>(test: impl Fn() -> F + Send + 'static) {
    within_deadline(move || {
        Builder::new()
            .basic_scheduler()
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
        Builder::new()
            .threaded_scheduler()
            .core_threads(3)
            .enable_all()
            .build()
            .unwrap()
            .block_on(test());
    });
}

/// Sends back what `stream` receives, until its end.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

/// Writes `sent` in pieces while reading, then ends writing: all of it has to come back.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: S, sent: Vec<u8>) -> io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    let write = async {
        for piece in sent.chunks(9_001) {
            writer.write_all(piece).await?;
        }
        writer.shutdown().await
    };
    let mut received = Vec::new();
    tokio::try_join!(reader.read_to_end(&mut received), write)?;
    assert_same(received, sent);
    Ok(())
}

#[test]
fn tcp_echoes_many_connections() {
    on_both_runtimes(|| async {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..64)
            .map(|n| {
                tokio::spawn(async move {
                    let stream = TcpStream::connect(address).await?;
                    exchange(stream, bytes(n, 100_000 + n as usize * 3_331)).await
                })
            })
            .collect();
        let mut servers = Vec::new();
        for _ in &clients {
            let (stream, _) = listener.accept().await.unwrap();
            servers.push(tokio::spawn(echo(stream)));
        }
        for task in clients.into_iter().chain(servers) {
            task.await.unwrap().unwrap();
        }
    });
}

#[test]
fn tcp_halves_move_to_tasks_of_their_own() {
    on_both_runtimes(|| async {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (mut client_reader, mut client_writer) = client.into_split();
        let (mut server_reader, mut server_writer) = server.into_split();
        let up = tokio::spawn(async move { client_writer.write_all(&bytes(1, 12 << 20)).await });
        let down = tokio::spawn(async move { server_writer.write_all(&bytes(2, 12 << 20)).await });
        let received_up = tokio::spawn(async move {
            let mut received = Vec::new();
            server_reader
                .read_to_end(&mut received)
                .await
                .map(|_| received)
        });
        let mut received_down = Vec::new();
        client_reader.read_to_end(&mut received_down).await.unwrap();
        up.await.unwrap().unwrap();
        down.await.unwrap().unwrap();
        assert_same(received_down, bytes(2, 12 << 20));
        assert_same(received_up.await.unwrap().unwrap(), bytes(1, 12 << 20));
    });
}

#[test]
fn tcp_peeks_and_half_closes() {
    on_both_runtimes(|| async {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut peeked = [0; 3];
        assert_eq!(server.peek(&mut peeked).await.unwrap(), 3);
        assert_same(peeked, b"que");
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        assert_same(question, b"question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_same(answer, b"answer");
    });
}

#[test]
fn tcp_reports_refusal_and_reset() {
    on_both_runtimes(|| async {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"unread").await.unwrap();
        assert_eq!(server.peek(&mut [0]).await.unwrap(), 1);
        // Closing a socket with unread bytes resets the connection.
        drop(server);
        assert_eq!(
            client.read(&mut [0]).await.unwrap_err().kind(),
            ErrorKind::ConnectionReset
        );
        let refusing = Refusing::new();
        assert_eq!(
            TcpStream::connect(refusing.address())
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::ConnectionRefused
        );
    });
}

#[test]
fn udp_datagrams_keep_their_bounds() {
    on_both_runtimes(|| async {
        let mut server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(server.local_addr().unwrap()).await.unwrap();
        let mut buffer = vec![0; 65_536];
        for n in 0..300 {
            let sent = bytes(n, (n as usize * 211) % 60_000);
            assert_eq!(client.send(&sent).await.unwrap(), sent.len());
            let (len, peer) = server.recv_from(&mut buffer).await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            assert_same(&buffer[..len], &sent);
            let (answered, received) = tokio::join!(server.send_to(&sent, &peer), async {
                client.recv(&mut buffer).await
            });
            assert_eq!(
                (answered.unwrap(), received.unwrap()),
                (sent.len(), sent.len())
            );
            assert_same(&buffer[..sent.len()], &sent);
        }
    });
}

#[test]
fn unix_streams_echo_many_connections() {
    on_both_runtimes(|| async {
        let folder = Folder::new();
        let path = folder.join("socket");
        let mut listener = UnixListener::bind(&path).unwrap();
        let clients: Vec<_> = (0..32)
            .map(|n| {
                let path = path.clone();
                tokio::spawn(async move {
                    exchange(UnixStream::connect(path).await?, bytes(n, 300_000)).await
                })
            })
            .collect();
        let mut servers = Vec::new();
        for _ in &clients {
            servers.push(tokio::spawn(echo(listener.accept().await.unwrap().0)));
        }
        for task in clients.into_iter().chain(servers) {
            task.await.unwrap().unwrap();
        }
    });
}

#[test]
fn unix_datagrams_wait_for_a_full_queue() {
    on_both_runtimes(|| async {
        let (mut sender, mut receiver) = UnixDatagram::pair().unwrap();
        let send = tokio::spawn(async move {
            for n in 0..500 {
                let sent = bytes(n, 1 + n as usize * 7);
                assert_eq!(sender.send(&sent).await.unwrap(), sent.len());
            }
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut buffer = vec![0; 8_192];
        for n in 0..500 {
            let len = receiver.recv(&mut buffer).await.unwrap();
            assert_same(&buffer[..len], bytes(n, 1 + n as usize * 7));
        }
        send.await.unwrap();
    });
}

#[test]
fn timers_end_in_order_and_never_early() {
    on_both_runtimes(|| async {
        let start = Instant::now();
        let (ended, mut order) = mpsc::unbounded_channel();
        for n in (0..20).rev() {
            let ended = ended.clone();
            tokio::spawn(async move {
                let due = start + Duration::from_millis(5 * n);
                delay_until(due).await;
                assert!(Instant::now() >= due);
                ended.send((due, Instant::now())).unwrap();
            });
        }
        drop(ended);
        let mut ticks = interval(Duration::from_millis(3));
        for _ in 0..20 {
            ticks.tick().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(3 * 19));
        let mut count = 0;
        while let Some((due, now)) = order.recv().await {
            assert!(now >= due);
            count += 1;
        }
        assert_eq!(count, 20);
    });
}

#[test]
fn a_timeout_ends_a_read_and_leaves_the_stream_whole() {
    on_both_runtimes(|| async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let mut buffer = [0; 4];
        let start = Instant::now();
        timeout(Duration::from_millis(50), one.read_exact(&mut buffer))
            .await
            .expect_err("nothing was sent");
        assert!(start.elapsed() >= Duration::from_millis(50));
        let (read, written) = tokio::join!(one.read_exact(&mut buffer), other.write_all(b"late"));
        read.unwrap();
        written.unwrap();
        assert_same(buffer, b"late");
    });
}

#[test]
fn a_runtime_is_woken_from_other_threads() {
    on_both_runtimes(|| async {
        let (sender, mut receiver) = mpsc::channel(4);
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let mut sender = sender.clone();
                std::thread::spawn(move || {
                    for n in 0..1_000 {
                        let mut message = Some((thread, n));
                        while let Err(mpsc::error::TrySendError::Full(back)) =
                            sender.try_send(message.take().unwrap())
                        {
                            message = Some(back);
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        let mut next = [0; 4];
        while let Some((thread, n)) = receiver.recv().await {
            assert_eq!(n, next[thread]);
            next[thread] += 1;
        }
        assert_eq!(next, [1_000; 4]);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn signals_reach_every_stream() {
    on_both_runtimes(|| async {
        let mut streams = [
            signal(SignalKind::user_defined1()).unwrap(),
            signal(SignalKind::user_defined1()).unwrap(),
        ];
        let mut other = signal(SignalKind::user_defined2()).unwrap();
        for _ in 0..20 {
            // SAFETY: raise(3) takes any number; tokio's handler is installed for this one.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
            for stream in &mut streams {
                stream.recv().await.unwrap();
            }
        }
        // SAFETY: as above.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
        other.recv().await.unwrap();
    });
}

#[test]
fn children_echo_through_their_pipes() {
    on_both_runtimes(|| async {
        let children: Vec<_> = (0..8)
            .map(|n| {
                tokio::spawn(async move {
                    let mut command = Command::new("cat");
                    let mut child = command
                        .stdin(Stdio::piped())
                        .stdout(Stdio::piped())
                        .spawn()
                        .unwrap();
                    let (mut stdin, mut stdout) =
                        (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                    let sent = bytes(n, 500_000);
                    let write = async {
                        stdin.write_all(&sent).await?;
                        drop(stdin);
                        io::Result::Ok(())
                    };
                    let mut received = Vec::new();
                    tokio::try_join!(write, stdout.read_to_end(&mut received)).unwrap();
                    assert_same(received, &sent);
                    assert!(child.await.unwrap().success());
                })
            })
            .collect();
        for child in children {
            child.await.unwrap();
        }
    });
}

#[test]
fn children_exit_and_are_killed() {
    on_both_runtimes(|| async {
        let output = Command::new("sh")
            .args(["-c", "printf out; printf err >&2; exit 7"])
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(7));
        assert_same(output.stdout, b"out");
        assert_same(output.stderr, b"err");
        let mut endless = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        endless.kill().unwrap();
        assert_eq!(endless.await.unwrap().signal(), Some(libc::SIGKILL));
        let statuses: Vec<_> = (0..20)
            .map(|code| {
                tokio::spawn(
                    Command::new("sh")
                        .arg("-c")
                        .arg(format!("exit {code}"))
                        .status(),
                )
            })
            .collect();
        for (code, status) in statuses.into_iter().enumerate() {
            assert_eq!(status.await.unwrap().unwrap().code(), Some(code as i32));
        }
    });
}

#[test]
fn files_and_blocking_readers_work_beside_sockets() {
    on_both_runtimes(|| async {
        let folder = Folder::new();
        let path = folder.join("file");
        tokio::fs::write(&path, bytes(3, 3 << 20)).await.unwrap();
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reader = tokio::task::spawn_blocking(move || {
            let mut received = Vec::new();
            net::TcpStream::connect(address)
                .unwrap()
                .read_to_end(&mut received)
                .unwrap();
            received
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut file = tokio::fs::File::open(&path).await.unwrap();
        assert_eq!(copy(&mut file, &mut stream).await.unwrap(), 3 << 20);
        drop(stream);
        assert_same(reader.await.unwrap(), bytes(3, 3 << 20));
    });
}
