//! The example `httpd` as a process.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;

use selector::Backend;
use tempfile::TempDir;

use crate::process::{Server, example, fails, is_reset, run, succeeds};

/// A server and the directory that it serves.
struct Site {
    server: Server,
    directory: TempDir,
}

const PAGE: &str = "<title>Front page</title>\n";

impl Site {
    #[track_caller]
    fn new(backend: Backend) -> Site {
        // No test waits so long, unless it fails.
        Site::with_timeout(backend, "600")
    }

    #[track_caller]
    fn with_timeout(backend: Backend, seconds: &str) -> Site {
        let mut command = example("httpd");
        command.args(["--timeout", seconds, "--backend", &backend.to_string()]);
        Site::start(&mut command)
    }

    #[track_caller]
    fn start(command: &mut Command) -> Site {
        let directory = TempDir::new().expect("a folder");
        let path = directory.path();
        let docs = path.join("site").join("docs");
        fs::create_dir_all(&docs).expect("make folders");
        let write = |name: &Path, data: &[u8]| fs::write(name, data).expect("write a file");
        write(&path.join("secret.txt"), b"not for you");
        write(&path.join("site/index.html"), PAGE.as_bytes());
        write(&path.join("site/empty.txt"), b"");
        write(&path.join("site/a file.css"), b"body { }");
        write(&path.join("site/unknown"), b"\x01\x02");
        write(&docs.join("index.html"), b"docs");
        let server = Server::start(command.arg(path.join("site")));
        Site { server, directory }
    }

    /// Adds a file that is more than all buffers on the way hold.
    #[track_caller]
    fn with_large(self) -> Site {
        let path = self.directory.path().join("site/large.bin");
        fs::write(path, large()).expect("write a file");
        self
    }

    /// Sends what is to be the last request, and returns all that is answered.
    #[track_caller]
    fn say(&self, request: &[u8]) -> Vec<Response> {
        let mut stream = self.server.connect();
        stream.write_all(request).expect("send");
        stream.shutdown(Shutdown::Write).expect("shut down");
        responses(&mut stream, request.starts_with(b"HEAD"))
    }

    #[track_caller]
    fn get(&self, target: &str) -> Response {
        let request = format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n");
        let [response] = <[_; 1]>::try_from(self.say(request.as_bytes())).expect("one response");
        response
    }

    /// Sends a request to a server that waits for a short time only, and waits for the answer. Who is
    /// kept from sending for longer than that is closed like any silent client, and tries again.
    #[track_caller]
    fn ask_in_time(&self, request: &[u8]) -> TcpStream {
        let mut answered = None;
        testkit::until("a client that is fast enough is answered", || {
            let mut stream = self.server.connect();
            let sent = stream.write_all(request);
            let begun = sent.and_then(|()| stream.peek(&mut [0]));
            match begun {
                Ok(0) => {}
                Ok(_) => answered = Some(stream),
                Err(error) => assert!(is_reset(&error), "{error}"),
            }
            answered.is_some()
        });
        answered.expect("one was")
    }

    #[track_caller]
    fn status_of(&self, request: &str) -> u16 {
        let mut stream = self.server.connect();
        stream.write_all(request.as_bytes()).expect("send");
        response(&mut stream, false).expect("a response").status
    }
}

const LARGE: usize = 24 << 20;

/// The same block again and again, of a length that nothing is cut by. Made byte by byte, so many take
/// a debug build long, and under an emulator a minute.
fn large() -> Vec<u8> {
    let words = (0..1_u32 << 14).map(|at| at.wrapping_mul(0x9e37_79b9).to_le_bytes());
    let mut block: Vec<u8> = words.flatten().collect();
    block.push(0);
    let mut all = block.repeat(LARGE / block.len() + 1);
    all.truncate(LARGE);
    all
}

#[derive(Debug)]
struct Response {
    status: u16,
    fields: Vec<String>,
    body: Vec<u8>,
}

impl Response {
    fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|line| line == field)
    }

    fn length(&self) -> usize {
        let length = self
            .fields
            .iter()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        length.expect("a length").parse().expect("a number")
    }
}

/// Reads the next response; `None` if the connection ends instead.
#[track_caller]
fn response(stream: &mut TcpStream, head_only: bool) -> Option<Response> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).expect("read a response") {
            0 if head.is_empty() => return None,
            0 => panic!("an end within {:?}", String::from_utf8_lossy(&head)),
            _ => head.push(byte[0]),
        }
    }
    let text = String::from_utf8(head).expect("text");
    let mut lines = text.trim_end().split("\r\n").map(str::to_owned);
    let status = lines.next().expect("a status");
    let number = status
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let mut response = Response {
        status: number.expect("a version").parse().expect("a number"),
        fields: lines.collect(),
        body: Vec::new(),
    };
    if !head_only {
        response.body.resize(response.length(), 0);
        stream.read_exact(&mut response.body).expect("the body");
    }
    Some(response)
}

/// Reads responses until the server closes.
#[track_caller]
fn responses(stream: &mut TcpStream, head_only: bool) -> Vec<Response> {
    std::iter::from_fn(|| response(stream, head_only)).collect()
}

/// Writes, however long it takes, until there is nobody to write to.
#[track_caller]
fn write_until_reset(stream: &mut TcpStream, data: &[u8]) {
    testkit::until("the server resets the connection", || {
        let written = stream.write_all(data);
        written.is_err_and(|error| {
            assert!(is_reset(&error), "{error}");
            true
        })
    });
}

testkit::on_each_backend! {
    files_are_served_with_length_and_type,
    a_connection_serves_one_request_after_the_other,
    pipelined_requests_are_answered_in_order,
    the_last_request_is_the_one_that_says_so,
    what_does_not_exist_is_not_found,
    nothing_outside_the_directory_is_served,
    malformed_requests_are_refused,
    targets_follow_the_grammar,
    hosts_follow_the_grammar,
    oversized_requests_are_refused,
    other_methods_are_refused,
    a_refusal_arrives_though_the_client_still_sends,
    bodies_are_skipped,
    a_large_file_arrives_whole_at_a_slow_reader,
    a_client_that_sends_half_a_request_is_told_and_closed,
    a_client_that_sends_byte_by_byte_is_not_waited_for_longer,
    a_client_that_is_silent_is_closed,
    a_client_that_does_not_take_its_response_is_reset,
}

fn files_are_served_with_length_and_type(backend: Backend) {
    let site = Site::new(backend).with_large();
    for (target, kind, body) in [
        ("/", "text/html; charset=utf-8", PAGE.as_bytes()),
        (
            "/index.html?query=1",
            "text/html; charset=utf-8",
            PAGE.as_bytes(),
        ),
        ("http://there/docs/", "text/html; charset=utf-8", b"docs"),
        ("/%61%20file.css", "text/css; charset=utf-8", b"body { }"),
        ("//./docs//index.html", "text/html; charset=utf-8", b"docs"),
        ("/empty.txt", "text/plain; charset=utf-8", b""),
        ("/unknown", "application/octet-stream", b"\x01\x02"),
    ] {
        let response = site.get(target);
        assert_eq!((response.status, &*response.body), (200, body), "{target}");
        assert!(
            response.has(&format!("Content-Type: {kind}")),
            "{response:?}"
        );
        assert!(
            response
                .fields
                .iter()
                .any(|line| line.starts_with("Date: "))
        );
    }
    let heads = site.say(b"HEAD /large.bin HTTP/1.1\r\nHost: here\r\n\r\n");
    assert_eq!((heads.len(), heads[0].length()), (1, LARGE));
}

fn a_connection_serves_one_request_after_the_other(backend: Backend) {
    let site = Site::new(backend);
    let mut stream = site.server.connect();
    for _ in 0..50 {
        // In two parts, the second of which comes when the first was read, or not.
        stream.write_all(b"GET / HTTP/1.1\r\nHo").expect("send");
        stream.write_all(b"st: here\r\n\r\n").expect("send");
        let response = response(&mut stream, false).expect("a response");
        assert_eq!(response.body, PAGE.as_bytes());
        assert!(response.has("Connection: keep-alive"));
    }
}

fn pipelined_requests_are_answered_in_order(backend: Backend) {
    let site = Site::new(backend);
    let mut request = String::new();
    for round in 0..300 {
        let target = ["/", "/docs/", "/nothing", "/unknown"][round % 4];
        request += &format!("GET {target} HTTP/1.1\r\nHost: here\r\n\r\n");
    }
    let responses = site.say(request.as_bytes());
    assert_eq!(responses.len(), 300);
    for (round, response) in responses.iter().enumerate() {
        let body = [PAGE.as_bytes(), b"docs", b"404 Not Found\n", b"\x01\x02"][round % 4];
        assert_eq!(response.body, body, "response {round}");
    }
}

fn the_last_request_is_the_one_that_says_so(backend: Backend) {
    let site = Site::new(backend);
    let next = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    for (request, lasts) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nconnection: TE, Close\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
    ] {
        let responses = site.say(format!("{request}{next}").as_bytes());
        assert_eq!(responses.len(), if lasts { 2 } else { 1 }, "{request}");
        assert_eq!(responses[0].has("Connection: close"), !lasts, "{request}");
    }
}

fn what_does_not_exist_is_not_found(backend: Backend) {
    let site = Site::new(backend);
    let too_long = format!("/{}", "a".repeat(300));
    for target in [
        "/nothing",
        &too_long,
        "/index.html/",
        "/index.html/more",
        "/%ff",
        "/docs/docs/",
    ] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
    // A folder has a slash, or links on its page would lead elsewhere.
    for target in ["/docs", "//docs", "/docs?a=b"] {
        let response = site.get(target);
        assert_eq!(response.status, 301, "{target}");
        assert!(response.has("Location: /docs/"), "{response:?}");
    }
}

fn nothing_outside_the_directory_is_served(backend: Backend) {
    let site = Site::new(backend);
    for target in [
        "/../secret.txt",
        "/docs/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2E/secret.txt",
        "/..%2fsecret.txt",
        "/%2fetc/passwd",
        "/docs/../index.html",
    ] {
        assert_eq!(site.get(target).status, 403, "{target}");
    }
    #[cfg(unix)]
    {
        let link = |to: &Path, name: &str| {
            let at = site.directory.path().join("site").join(name);
            std::os::unix::fs::symlink(to, at).expect("make a link");
        };
        link(&site.directory.path().join("secret.txt"), "out");
        link(site.directory.path(), "up");
        link(Path::new("docs/index.html"), "in");
        assert_eq!(site.get("/out").status, 403);
        assert_eq!(site.get("/up/secret.txt").status, 403);
        assert_eq!(site.get("/up/site/index.html").status, 200, "back inside");
        assert_eq!(site.get("/in").body, b"docs");
    }
    // A name that begins like the directory's is not in it.
    let twin = site.directory.path().join("site-2");
    fs::create_dir(&twin).expect("make a folder");
    assert_eq!(site.get("/..%2fsite-2/").status, 403);
}

fn malformed_requests_are_refused(backend: Backend) {
    let site = Site::new(backend);
    for request in [
        "\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(site.status_of(request), 400, "{request:?}");
    }
    assert_eq!(site.status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
}

fn targets_follow_the_grammar(backend: Backend) {
    let site = Site::new(backend);
    for (method, target, status) in [
        // The query of a URL without a path is no path: this is `/`, which has a page.
        ("GET", "http://a?next=/nothing", 200),
        ("GET", "http://a", 200),
        ("GET", "HTTP://a:80/docs/", 200),
        ("GET", "http://a:/?b", 200),
        ("GET", "http://[::1]:80/", 200),
        ("GET", "http://[::ffff:127.0.0.1]/", 200),
        ("GET", "http://[v1.a:b]/", 200),
        ("GET", "http://%41.b/", 200),
        ("GET", "/?a=/b?c:@%20", 200),
        ("GET", "http:///docs/", 400),
        ("GET", "http://", 400),
        ("GET", "http://?a", 400),
        ("GET", "http://:80/", 400),
        ("GET", "http://user@a/", 400),
        ("GET", "http://a:b/", 400),
        ("GET", "http://a:80:80/", 400),
        ("GET", "http://[::1/", 400),
        ("GET", "http://[::1]80/", 400),
        ("GET", "http://[::1%25eth0]/", 400),
        ("GET", "http://[1.2.3.4]/", 400),
        ("GET", "http://[v.a]/", 400),
        ("GET", "http://%4/", 400),
        ("GET", "ftp://a/", 400),
        ("GET", "http:/docs/", 400),
        ("GET", "/#a", 400),
        ("GET", "/?%zz", 400),
        // As browsers send them.
        ("GET", "/?a[]=b|c&d={e}", 200),
        ("GET", "/[a]|b", 404),
        ("GET", "/?a\"b", 400),
        ("GET", "*", 400),
        ("GET", "a:80", 400),
        ("OPTIONS", "*", 405),
        ("OPTIONS", "/", 405),
        ("OPTIONS", "**", 400),
        ("CONNECT", "a:80", 405),
        ("CONNECT", "[::1]:80", 405),
        ("CONNECT", "a", 400),
        ("CONNECT", "a:", 400),
        ("CONNECT", ":80", 400),
        ("CONNECT", "/", 400),
        ("DELETE", "*", 400),
    ] {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: here\r\n\r\n");
        assert_eq!(site.status_of(&request), status, "{method} {target}");
    }
}

fn hosts_follow_the_grammar(backend: Backend) {
    let site = Site::new(backend);
    for (hosts, status) in [
        (
            ["", "a", "a.b", "A-1_~", "a:80", "a:", "127.0.0.1:7"].as_slice(),
            200,
        ),
        (
            &[
                "[::1]",
                "[::1]:80",
                "[1:2::3.4.5.6]",
                "[v7.x]:",
                "%c3%a4",
                "a!$&'()*+,;=",
            ],
            200,
        ),
        (
            &[
                "a b", "user@a", "a/", "a?b", "a#b", "http://a", "a,b c", "a\tb",
            ],
            400,
        ),
        (
            &[
                "a:b", "a:8 0", "a:80:80", ":80", ":", "a:-1", "%", "%4", "%4g",
            ],
            400,
        ),
        (
            &[
                "::1",
                "[::1",
                "::1]",
                "[]",
                "[::1]80",
                "[::g]",
                "[::1%eth0]",
                "[v.x]",
                "[vz.x]",
            ],
            400,
        ),
        (
            &["\u{e4}", "a\\b", "a\"b", "a<b>", "{a}", "a^b", "a|b", "a`b"],
            400,
        ),
    ] {
        for host in hosts {
            // A URL as target does not excuse a wrong field.
            for target in ["/", "http://there/"] {
                for version in ["HTTP/1.1", "HTTP/1.0"] {
                    let request = format!("GET {target} {version}\r\nHost: {host}\r\n\r\n");
                    assert_eq!(site.status_of(&request), status, "{request:?}");
                }
            }
        }
    }
}

fn oversized_requests_are_refused(backend: Backend) {
    let site = Site::new(backend);
    let long = "a".repeat(9000);
    let many = "A: b\r\n".repeat(65);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"),
            431,
        ),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n".into(),
            413,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n".into(),
            413,
        ),
    ] {
        assert_eq!(site.status_of(&request), status, "{}", &request[..40]);
    }
}

fn other_methods_are_refused(backend: Backend) {
    let site = Site::new(backend);
    let [response] = <[_; 1]>::try_from(site.say(b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"))
        .expect("one response");
    assert_eq!(response.status, 405);
    assert!(response.has("Allow: GET, HEAD"));
    assert_eq!(site.status_of("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    let chunked = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(site.status_of(chunked), 501);
}

fn a_refusal_arrives_though_the_client_still_sends(backend: Backend) {
    let site = Site::new(backend);
    let mut stream = site.server.connect();
    stream
        .write_all(b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n")
        .expect("send");
    stream
        .write_all(&vec![b'x'; 8_000_000])
        .expect("send all the same");
    stream.shutdown(Shutdown::Write).expect("shut down");
    let responses = responses(&mut stream, false);
    assert_eq!((responses.len(), responses[0].status), (1, 413));
}

fn bodies_are_skipped(backend: Backend) {
    let site = Site::new(backend);
    let body = "x".repeat(60_000);
    let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{body}");
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let responses = site.say(format!("{post}{get}{post}{get}").as_bytes());
    let statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses, [405, 200, 405, 200]);
    // Nobody can tell whether a body follows that was asked for.
    let asking = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(site.say(format!("{asking}{get}").as_bytes()).len(), 1);
}

fn a_large_file_arrives_whole_at_a_slow_reader(backend: Backend) {
    let site = Site::new(backend).with_large();
    let request = b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut slow = site.server.connect();
    slow.write_all(request).expect("send");
    // While it does not read, others are served: the same file among others.
    for _ in 0..3 {
        assert_eq!(site.get("/").body, PAGE.as_bytes());
    }
    assert!(
        site.get("/large.bin").body == large(),
        "other bytes arrived"
    );
    let late = response(&mut slow, false).expect("a response");
    assert!(late.body == large(), "other bytes arrived");
}

fn a_client_that_sends_half_a_request_is_told_and_closed(backend: Backend) {
    let site = Site::with_timeout(backend, "1");
    let mut stream = site.ask_in_time(b"GET / HTTP/1.1\r\nHost:");
    let responses = responses(&mut stream, false);
    assert_eq!((responses.len(), responses[0].status), (1, 408));
    assert!(responses[0].has("Connection: close"));
}

fn a_client_that_sends_byte_by_byte_is_not_waited_for_longer(backend: Backend) {
    let site = Site::with_timeout(backend, "0.05");
    let mut stream = site.server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").expect("send");
    // With every byte as a new beginning the server would wait for ever.
    write_until_reset(&mut stream, b"x");
}

fn a_client_that_is_silent_is_closed(backend: Backend) {
    let site = Site::with_timeout(backend, "0.05");
    let mut silent = site.server.connect();
    assert!(response(&mut silent, false).is_none());
    let site = Site::with_timeout(backend, "1");
    let mut served = site.ask_in_time(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        response(&mut served, false).expect("a response").status,
        200
    );
    assert!(response(&mut served, false).is_none());
}

fn a_client_that_does_not_take_its_response_is_reset(backend: Backend) {
    let site = Site::with_timeout(backend, "0.2").with_large();
    let mut stream = site.server.connect();
    stream
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("send");
    // Nothing is read here until the server has given up.
    write_until_reset(&mut stream, b"\r\n");
    let mut all = Vec::new();
    let error = stream.read_to_end(&mut all).err();
    assert!(all.len() < LARGE, "{} bytes, {error:?}", all.len());
}

#[test]
fn arguments_are_explained_and_checked() {
    let help = succeeds(example("httpd").arg("--help"));
    for option in ["--listen", "--backend", "--timeout", "[DIRECTORY]"] {
        assert!(help.contains(option), "{option}");
    }
    for wrong in [
        ["--timeout", "0"],
        ["--timeout", "-1"],
        ["--timeout", "1e99"],
        ["--timeout", "NaN"],
        ["--backend", "none"],
        ["--listen", "nowhere"],
    ] {
        let status = run(example("httpd").args(wrong)).status;
        assert_eq!(status.code(), Some(2), "{wrong:?}");
    }
    let error = fails(example("httpd").arg("/no/such/directory"));
    assert!(error.contains("cannot serve /no/such/directory"));
}

#[cfg(unix)]
mod on_unix {
    use super::*;
    use crate::process::{example_short_of_descriptors, expect_gone};

    testkit::on_each_backend! {
        an_interrupt_ends_it_after_the_response_that_is_under_way,
        short_of_descriptors_it_serves_in_turn,
    }

    fn an_interrupt_ends_it_after_the_response_that_is_under_way(backend: Backend) {
        let site = Site::new(backend).with_large();
        let mut idle = site.server.connect();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("send");
        response(&mut idle, false).expect("a response");
        let mut busy = site.server.connect();
        busy.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("send");
        // It is under way, and far from over.
        busy.read_exact(&mut [0; 8]).expect("the beginning");
        site.server.process.signal("INT");
        expect_gone(&mut idle);
        let mut rest = 0;
        let mut buf = vec![0; 1 << 16];
        // The server waits for the client to close as well.
        while rest < LARGE {
            let n = busy.read(&mut buf).expect("read");
            assert_ne!(n, 0, "after {rest} bytes");
            rest += n;
        }
        drop(busy);
        let Site { server, .. } = site;
        let Server {
            mut process,
            mut output,
            ..
        } = server;
        let mut summary = String::new();
        output.read_to_string(&mut summary).expect("the summary");
        assert!(process.wait().success());
        assert!(summary.contains("2 connections, 2 requests") && summary.contains(" 0 lost"));
    }

    fn short_of_descriptors_it_serves_in_turn(backend: Backend) {
        let mut command = example_short_of_descriptors("httpd", 16);
        command.args(["--timeout", "600", "--backend", &backend.to_string()]);
        let site = Site::start(&mut command);
        let mut streams: Vec<_> = (0..40).map(|_| site.server.connect()).collect();
        for stream in &mut streams {
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .expect("send");
        }
        for mut stream in streams {
            // While all descriptors are clients, there is none for the file.
            let response = response(&mut stream, false).expect("a response");
            assert!(matches!(response.status, 200 | 503), "{response:?}");
        }
        // Those that have their answer give their descriptors back, one after the other.
        testkit::until("there is a descriptor for the file", || {
            site.get("/").status == 200
        });
    }

    #[test]
    fn what_is_not_a_file_is_refused() {
        let site = Site::new(Backend::available()[0]);
        let pipe = site.directory.path().join("site").join("pipe");
        succeeds(Command::new("mkfifo").arg(pipe));
        assert_eq!(site.get("/pipe").status, 403);
    }
}

#[cfg(target_os = "linux")]
mod with_real_clients {
    use super::*;
    use crate::process::program;

    testkit::on_each_backend! {
        curl_gets_what_is_there,
        wrk_sees_no_error,
    }

    fn curl_gets_what_is_there(backend: Backend) {
        let site = Site::new(backend).with_large();
        let url = format!("http://{}", site.server.address);
        let curl = |args: &[&str]| {
            let mut command = program("curl", "curl");
            command.args(["--silent", "--show-error", "--max-time", "25"]);
            // The environment may name one.
            command.args(["--noproxy", "*"]);
            run(command.args(args))
        };
        let file = site.directory.path().join("copy");
        let copy = file.to_str().expect("a path of this test");
        let large = curl(&["--fail", "--output", copy, &format!("{url}/large.bin")]);
        assert!(large.status.success());
        assert!(
            fs::read(&file).expect("the copy") == super::large(),
            "other bytes"
        );

        // Two requests on one connection, and curl's account of it.
        let two = curl(&["--verbose", &url, &format!("{url}/docs/")]);
        assert_eq!(two.stdout, [PAGE.as_bytes(), b"docs"].concat());
        let log = String::from_utf8_lossy(&two.stderr);
        assert!(log.contains("Re-using existing connection"), "{log}");

        let head = curl(&["--head", &url]);
        assert!(String::from_utf8_lossy(&head.stdout).starts_with("HTTP/1.1 200 OK"));
        let out = curl(&[
            "--path-as-is",
            "--write-out",
            "%{http_code}",
            &format!("{url}/../secret.txt"),
        ]);
        assert_eq!(out.stdout, b"403 Forbidden\n403");
        let upload = curl(&[
            "--data-binary",
            &format!("@{copy}"),
            "--write-out",
            "%{http_code}",
            &url,
        ]);
        assert_eq!(upload.stdout, b"413 Content Too Large\n413");
        let moved = curl(&["--location", &format!("{url}/docs")]);
        assert_eq!(moved.stdout, b"docs");
    }

    fn wrk_sees_no_error(backend: Backend) {
        let site = Site::new(backend);
        let url = format!("http://{}/", site.server.address);
        let load = [
            "--connections",
            "100",
            "--threads",
            "2",
            "--duration",
            "2s",
            // A machine that is slow is no trouble.
            "--timeout",
            "30s",
            &url,
        ];
        let summary = succeeds(program("wrk", "wrk").args(load));
        for trouble in ["Socket errors", "Non-2xx", "unable"] {
            assert!(!summary.contains(trouble), "{summary}");
        }
        assert!(summary.contains("Requests/sec"));
        let totals = site.server.interrupt();
        assert!(totals.contains(" 0 too slow"), "{totals}");
    }
}
