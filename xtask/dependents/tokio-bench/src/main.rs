//! Runs one case on tokio for some time, and prints its operations, seconds and processor seconds.
//!
//! `tokio-bench CASE SECONDS`; without arguments it prints the cases.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, mem, process, thread};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time;

/// How many operations were done so far.
type Done = Arc<AtomicU64>;

type Work = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

struct Case {
    name: &'static str,
    threads: usize,
    /// Runs until it is dropped.
    work: fn(Done) -> Work,
}

macro_rules! cases {
    ($($name:literal, $threads:literal, $work:expr;)*) => {
        [$(Case { name: $name, threads: $threads, work: |done| Box::pin($work(done)) }),*]
    };
}

fn cases() -> [Case; 12] {
    cases! {
        "echo, 1 connection", 1, |done| echo(done, 1, false);
        "echo, 64 connections", 1, |done| echo(done, 64, false);
        "echo, 1 connection, a timer pending", 1, |done| with_timer(echo(done, 1, false));
        "echo, 64 connections, a timer pending", 1, |done| with_timer(echo(done, 64, false));
        "echo, 1 connection, reads under a timeout", 1, |done| echo(done, 1, true);
        "echo, 64 connections, reads under a timeout", 1, |done| echo(done, 64, true);
        "echo, 64 connections, 2 threads", 2, |done| echo(done, 64, false);
        "connect and close", 1, connect;
        "1 sleeping task", 1, |done| sleep(done, 1);
        "100 sleeping tasks", 1, |done| sleep(done, 100);
        "wakes from 4 threads", 1, |done| wakes(done, 4);
        "wakes from 4 threads, a timer pending", 1, |done| with_timer(wakes(done, 4));
    }
}

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        cases().iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    };
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
    let case = cases().into_iter().find(|case| case.name == name);
    let (Some(seconds), Some(case)) = (seconds, case) else {
        return Err(io::Error::other("usage: tokio-bench CASE SECONDS"));
    };
    let done = Done::default();
    let work = (case.work)(Arc::clone(&done));
    // Not a timer of tokio's: with one, each wait would have a timeout.
    let measured = thread::spawn(move || -> io::Result<()> {
        // What is set up once, such as connections, does not count.
        thread::sleep(Duration::from_millis(50));
        let (start, before) = (Instant::now(), done.load(Ordering::Relaxed));
        let processor = processor_time()?;
        thread::sleep(Duration::from_secs_f64(seconds));
        let processor = processor_time()? - processor;
        let done = done.load(Ordering::Relaxed) - before;
        let took = start.elapsed().as_secs_f64();
        println!("{done} {took} {}", processor.as_secs_f64());
        process::exit(0)
    });
    runtime(case.threads)?.block_on(async { tokio::spawn(work).await? })?;
    // The work ends only when it has failed; this waits for ever otherwise.
    measured.join().unwrap_or_else(|_| Err(io::Error::other("the measuring thread panicked")))
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build(),
    }
}

/// The processor time that this process has taken.
fn processor_time() -> io::Result<Duration> {
    let mut time = mem::MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the kernel writes a timespec to the pointer, which is valid for that.
    if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel has written all of it.
    let time = unsafe { time.assume_init() };
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

const MESSAGE: usize = 64;

/// Each operation is a message there and back.
async fn echo(done: Done, connections: usize, timeouts: bool) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let client = TcpStream::connect(address).await?;
        let (server, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        tasks.spawn(serve(server));
        tasks.spawn(ask(client, timeouts, Arc::clone(&done)));
    }
    all(tasks).await
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

async fn ask(mut stream: TcpStream, timeouts: bool, done: Done) -> io::Result<()> {
    let mut answer = [0; MESSAGE];
    loop {
        stream.write_all(&[7; MESSAGE]).await?;
        let read = stream.read_exact(&mut answer);
        if timeouts {
            time::timeout(Duration::from_secs(5), read).await??;
        } else {
            read.await?;
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Each operation is a connection that is made, accepted and closed.
async fn connect(done: Done) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    loop {
        let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
        // A reset leaves no port behind in TIME_WAIT.
        let client = reset_on_drop(client?)?;
        drop((client, server?));
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[expect(deprecated, reason = "a linger of zero does not block")]
fn reset_on_drop(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

/// Each operation is a sleep of a millisecond.
async fn sleep(done: Done, count: usize) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let done = Arc::clone(&done);
        tasks.spawn(async move {
            loop {
                time::sleep(Duration::from_millis(1)).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    all(tasks).await
}

/// Each operation is a message from another thread.
async fn wakes(done: Done, threads: usize) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel(64);
    let stop = Stop(Arc::default());
    for _ in 0..threads {
        let (sender, stopped) = (sender.clone(), Arc::clone(&stop.0));
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) && sender.blocking_send(()).is_ok() {}
        });
    }
    while receiver.recv().await.is_some() {
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Ends the threads when it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` while a timer is pending, so that each wait has a timeout.
async fn with_timer(work: impl Future<Output = io::Result<()>> + Send + 'static) -> io::Result<()> {
    tokio::select! {
        result = work => result,
        () = async { time::sleep(Duration::from_secs(3600)).await; pending().await } => Ok(()),
    }
}

async fn all(mut tasks: JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}
