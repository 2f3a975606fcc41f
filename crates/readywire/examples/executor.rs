//! Futures without a runtime: an executor for one thread, and an echo service with its clients on it.
//!
//! Each task and each source has a token. A task's waker makes `poll` return the task's token, and the executor runs
//! that task; an event of a source wakes the tasks that wait for it.

use readywire::net::{TcpListener, TcpStream};
use readywire::{Evented, Events, Poll, PollOpt, Ready, Token, Waker};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Context};

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Executor {
    poll: Poll,
    last: Cell<usize>,
    tasks: RefCell<HashMap<Token, (Task, task::Waker)>>,
    /// The wakers of the tasks that wait for each source.
    waiting: RefCell<HashMap<Token, Vec<task::Waker>>>,
}

impl Executor {
    fn new() -> io::Result<Rc<Executor>> {
        Ok(Rc::new(Executor {
            poll: Poll::new()?,
            last: Cell::default(),
            tasks: RefCell::default(),
            waiting: RefCell::default(),
        }))
    }

    fn token(&self) -> Token {
        self.last.set(self.last.get() + 1);
        Token(self.last.get())
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let token = self.token();
        let waker = task::Waker::from(Waker::new(&self.poll, token)?);
        waker.wake_by_ref(); // its first turn
        let task: Task = Box::pin(task);
        self.tasks.borrow_mut().insert(token, (task, waker));
        Ok(())
    }

    /// Runs until there is no task left.
    fn run(&self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.tasks.borrow().is_empty() {
            self.poll.poll(&mut events, None)?;
            for event in &events {
                let token = event.token();
                if let Some(waiting) = self.waiting.borrow_mut().get_mut(&token) {
                    waiting.drain(..).for_each(task::Waker::wake);
                }
                // Taken out, so that it can spawn others.
                let task = self.tasks.borrow_mut().remove(&token);
                if let Some((mut task, waker)) = task {
                    let state = task.as_mut().poll(&mut Context::from_waker(&waker));
                    if state.is_pending() {
                        self.tasks.borrow_mut().insert(token, (task, waker));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Anything that can be registered, for futures.
struct Source<E> {
    io: E,
    token: Token,
    executor: Rc<Executor>,
}

impl<E: Evented> Source<E> {
    fn new(executor: &Rc<Executor>, io: E) -> io::Result<Source<E>> {
        let (token, executor) = (executor.token(), Rc::clone(executor));
        let both = Ready::READABLE | Ready::WRITABLE;
        executor.poll.register(&io, token, both, PollOpt::EDGE)?;
        executor.waiting.borrow_mut().insert(token, Vec::new());
        let source = Source {
            io,
            token,
            executor,
        };
        Ok(source)
    }

    /// Tries `operation` now and after each event, until it would not block.
    async fn ready<R>(&self, mut operation: impl FnMut(&E) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|context| match operation(&self.io) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut waiting = self.executor.waiting.borrow_mut();
                let wakers = waiting.entry(self.token).or_default();
                if !wakers.iter().any(|it| it.will_wake(context.waker())) {
                    wakers.push(context.waker().clone());
                }
                task::Poll::Pending
            }
            result => task::Poll::Ready(result),
        })
        .await
    }
}

impl Source<TcpStream> {
    async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.ready(|mut stream| stream.read(buf)).await
    }

    async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let count = self.ready(|mut stream| stream.write(buf)).await?;
            buf = &buf[count..];
        }
        Ok(())
    }
}

impl<E> Drop for Source<E> {
    fn drop(&mut self) {
        self.executor.waiting.borrow_mut().remove(&self.token);
    }
}

const CLIENTS: usize = 100;
static MESSAGE: [u8; 100_000] = [b'x'; 100_000];

async fn serve(executor: Rc<Executor>, listener: TcpListener) -> io::Result<()> {
    let listener = Source::new(&executor, listener)?;
    for _ in 0..CLIENTS {
        let (stream, _) = listener.ready(TcpListener::accept).await?;
        let stream = Source::new(&executor, stream)?;
        executor.spawn(async { echo(stream).await.expect("the client reads to the end") })?;
    }
    Ok(())
}

async fn echo(stream: Source<TcpStream>) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            count => stream.write_all(&buf[..count]).await?,
        }
    }
}

async fn ask(stream: Source<TcpStream>) -> io::Result<()> {
    stream.ready(TcpStream::finish_connect).await?;
    for chunk in MESSAGE.chunks(10_000) {
        stream.write_all(chunk).await?;
        let (mut answer, mut count) = ([0; 10_000], 0);
        while count < chunk.len() {
            match stream.read(&mut answer[count..]).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                more => count += more,
            }
        }
        assert_eq!(answer, chunk);
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let executor = Executor::new()?;
    let listener = TcpListener::bind(&([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let served = serve(Rc::clone(&executor), listener);
    executor.spawn(async { served.await.expect("the service accepts all clients") })?;
    for _ in 0..CLIENTS {
        let stream = Source::new(&executor, TcpStream::connect(&address)?)?;
        executor.spawn(async { ask(stream).await.expect("the service answers") })?;
    }
    executor.run()?;
    println!("{CLIENTS} clients got back what they sent");
    Ok(())
}
