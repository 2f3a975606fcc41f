//! rumqtt 0.31, an MQTT client on tokio 0.1, against a small broker on threads of the standard library.
//! Publications of every quality of service come back to the subscriber unchanged and in order, large ones too, and the client comes back after the broker drops it.

#[path = "../../support.rs"]
mod support;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rumqtt::{MqttClient, MqttOptions, Notification, QoS, ReconnectOptions};
use support::{assert_same, bytes, within_deadline, Refusing};

// Packet types of MQTT 3.1.1, chapter 2.2.1.
const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;
const SUBSCRIBE: u8 = 8;
const SUBACK: u8 = 9;
const PINGREQ: u8 = 12;
const PINGRESP: u8 = 13;
const DISCONNECT: u8 = 14;

/// Reads one packet: its first byte and what follows the length.
fn read_packet(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let first = byte[0];
    let mut len = 0;
    for shift in (0..).step_by(7) {
        stream.read_exact(&mut byte)?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut rest = vec![0; len];
    stream.read_exact(&mut rest)?;
    Ok((first, rest))
}

fn packet(first: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let mut packet = vec![first];
    let mut len = rest.len();
    loop {
        let more = if len > 0x7f { 0x80 } else { 0 };
        packet.push(len as u8 & 0x7f | more);
        len >>= 7;
        if more == 0 {
            break;
        }
    }
    packet.extend(rest);
    packet
}

/// What the broker saw, apart from publications.
#[derive(Debug, PartialEq)]
enum Seen {
    Connect,
    Subscribe,
    /// A publication came back acknowledged by the subscriber.
    Acknowledged,
    Ping,
    Disconnect,
}

/// A broker that sends every publication to all subscribers, at least once.
struct Broker {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    seen: Receiver<Seen>,
    thread: JoinHandle<()>,
}

type Subscribers = Arc<Mutex<Vec<Sender<Vec<u8>>>>>;

impl Broker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let accepted = connections.clone();
        let (see, seen) = channel();
        let thread = thread::spawn(move || {
            let subscribers = Subscribers::default();
            // A connection that ends without a word ends the broker.
            for stream in listener.incoming().map(Result::unwrap) {
                if stream.peek(&mut [0]).unwrap() == 0 {
                    break;
                }
                stream.set_nodelay(true).unwrap();
                accepted.lock().unwrap().push(stream.try_clone().unwrap());
                let (see, subscribers) = (see.clone(), subscribers.clone());
                // The thread ends when its connection does.
                thread::spawn(move || serve(stream, &see, &subscribers));
            }
        });
        Self {
            address,
            connections,
            seen,
            thread,
        }
    }

    fn options(&self, name: &str) -> MqttOptions {
        let options = MqttOptions::new(name, self.address.ip().to_string(), self.address.port());
        options
            .set_reconnect_opts(ReconnectOptions::Never)
            .set_max_packet_size(4 << 20)
            .set_notification_channel_capacity(1_000)
    }

    /// Ends every connection at once.
    fn drop_connections(&self) {
        for stream in self.connections.lock().unwrap().drain(..) {
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }

    fn wait_for(&self, seen: Seen) {
        while self.seen.recv().unwrap() != seen {}
    }

    fn stop(self) {
        drop(TcpStream::connect(self.address).unwrap());
        self.thread.join().unwrap();
    }
}

fn serve(mut stream: TcpStream, see: &Sender<Seen>, subscribers: &Subscribers) {
    let (out, packets) = channel::<Vec<u8>>();
    let mut writer = stream.try_clone().unwrap();
    thread::spawn(move || {
        packets
            .into_iter()
            .try_for_each(|packet| writer.write_all(&packet))
    });
    let mut next_id = 1_u16;
    let mut held: VecDeque<Vec<u8>> = VecDeque::new();
    // A test that has ended takes no more reports.
    let report = |seen| drop(see.send(seen));
    while let Ok((first, rest)) = read_packet(&mut stream) {
        let reply = |kind: u8, rest: &[&[u8]]| drop(out.send(packet(kind << 4, rest)));
        match first >> 4 {
            CONNECT => {
                reply(CONNACK, &[&[0, 0]]);
                report(Seen::Connect);
            }
            SUBSCRIBE => {
                subscribers.lock().unwrap().push(out.clone());
                reply(SUBACK, &[&rest[..2], &[1]]);
                report(Seen::Subscribe);
            }
            PUBLISH => {
                let (service, topic_len) = (
                    first >> 1 & 3,
                    2 + usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                );
                let (topic, rest) = rest.split_at(topic_len);
                let (id, payload) = rest.split_at(if service == 0 { 0 } else { 2 });
                let forward = packet(
                    PUBLISH << 4 | 1 << 1,
                    &[topic, &next_id.to_be_bytes(), payload],
                );
                next_id += 1;
                if service == 2 {
                    held.push_back(forward);
                    reply(PUBREC, &[id]);
                } else {
                    subscribers
                        .lock()
                        .unwrap()
                        .retain(|out| out.send(forward.clone()).is_ok());
                    if service == 1 {
                        reply(PUBACK, &[id]);
                    }
                }
            }
            PUBREL => {
                let forward = held.pop_front().unwrap();
                subscribers
                    .lock()
                    .unwrap()
                    .retain(|out| out.send(forward.clone()).is_ok());
                reply(PUBCOMP, &[&rest]);
            }
            PUBACK => report(Seen::Acknowledged),
            PINGREQ => {
                reply(PINGRESP, &[]);
                report(Seen::Ping);
            }
            DISCONNECT => report(Seen::Disconnect),
            kind => panic!("packet of type {kind}"),
        }
    }
}

/// Returns the next publication and its topic.
fn next_publication(notifications: &rumqtt::Receiver<Notification>) -> (String, Vec<u8>) {
    loop {
        if let Notification::Publish(publish) = notifications.recv().unwrap() {
            return (publish.topic_name, publish.payload.to_vec());
        }
    }
}

#[test]
fn publications_come_back_in_order() {
    within_deadline(|| {
        for service in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let broker = Broker::start();
            let (mut subscriber, notifications) =
                MqttClient::start(broker.options("subscriber")).unwrap();
            subscriber.subscribe("data", QoS::AtLeastOnce).unwrap();
            broker.wait_for(Seen::Subscribe);
            let (mut publisher, _acknowledgements) =
                MqttClient::start(broker.options("publisher")).unwrap();
            let publish = thread::spawn(move || {
                for n in 0..300 {
                    publisher
                        .publish("data", service, false, bytes(n, n as usize * 31))
                        .unwrap();
                }
                publisher
            });
            for n in 0..300 {
                let (topic, payload) = next_publication(&notifications);
                assert_eq!(topic, "data");
                assert_same(payload, bytes(n, n as usize * 31));
                broker.wait_for(Seen::Acknowledged);
            }
            publish.join().unwrap().shutdown().unwrap();
            broker.wait_for(Seen::Disconnect);
            broker.drop_connections();
            broker.stop();
        }
    });
}

#[test]
fn large_publications_come_back_whole() {
    within_deadline(|| {
        let broker = Broker::start();
        let (mut client, notifications) = MqttClient::start(broker.options("client")).unwrap();
        client.subscribe("large", QoS::AtLeastOnce).unwrap();
        for n in 0..4 {
            client
                .publish("large", QoS::AtLeastOnce, false, bytes(n, 3 << 20))
                .unwrap();
            assert_same(next_publication(&notifications).1, bytes(n, 3 << 20));
        }
        broker.drop_connections();
        broker.stop();
    });
}

#[test]
fn many_clients_publish_to_one() {
    const CLIENTS: u64 = 16;
    within_deadline(|| {
        let broker = Broker::start();
        let (mut subscriber, notifications) =
            MqttClient::start(broker.options("subscriber")).unwrap();
        subscriber.subscribe("all", QoS::AtLeastOnce).unwrap();
        broker.wait_for(Seen::Subscribe);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let options = broker.options(&format!("client-{client}"));
                thread::spawn(move || {
                    let (mut publisher, acknowledgements) = MqttClient::start(options).unwrap();
                    for n in 0..20 {
                        publisher
                            .publish(
                                client.to_string(),
                                QoS::AtLeastOnce,
                                false,
                                bytes(client * 20 + n, 2_000),
                            )
                            .unwrap();
                    }
                    (publisher, acknowledgements)
                })
            })
            .collect();
        let mut next = [0; CLIENTS as usize];
        for _ in 0..20 * CLIENTS {
            let (client, payload) = next_publication(&notifications);
            let client: u64 = client.parse().unwrap();
            let n = &mut next[client as usize];
            assert_same(payload, bytes(client * 20 + *n, 2_000));
            *n += 1;
        }
        assert_eq!(next, [20; CLIENTS as usize]);
        clients
            .into_iter()
            .for_each(|client| drop(client.join().unwrap()));
        broker.drop_connections();
        broker.stop();
    });
}

#[test]
fn a_dropped_client_reconnects() {
    within_deadline(|| {
        let broker = Broker::start();
        let options = broker
            .options("client")
            .set_reconnect_opts(ReconnectOptions::AfterFirstSuccess(0));
        let (mut client, notifications) = MqttClient::start(options).unwrap();
        for round in 0..5 {
            broker.wait_for(Seen::Connect);
            client.subscribe("again", QoS::AtLeastOnce).unwrap();
            broker.wait_for(Seen::Subscribe);
            client
                .publish("again", QoS::AtMostOnce, false, bytes(round, 10_000))
                .unwrap();
            assert_same(next_publication(&notifications).1, bytes(round, 10_000));
            broker.drop_connections();
            while !matches!(notifications.recv().unwrap(), Notification::Reconnection) {}
        }
        client.shutdown().unwrap();
        broker.wait_for(Seen::Disconnect);
        broker.drop_connections();
        broker.stop();
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    within_deadline(|| {
        let refusing = Refusing::new();
        let options = MqttOptions::new("client", "127.0.0.1", refusing.address().port());
        let options = options.set_reconnect_opts(ReconnectOptions::Never);
        let Err(error) = MqttClient::start(options) else {
            panic!("connected")
        };
        assert!(
            format!("{error:?}").contains("ConnectionRefused"),
            "{error:?}"
        );
    });
}
