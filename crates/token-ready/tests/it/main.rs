//! The values, and what mio 0.6's callers expect of them.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use token_ready::{Event, Kinds, PollOpt, Ready, Token};

/// A flag as a constant, as a function, as a question, as a number, and its name.
type Kind = (Ready, Ready, fn(&Ready) -> bool, usize, &'static str);

/// The same of an option, which is no number.
type Opt = (PollOpt, PollOpt, fn(&PollOpt) -> bool, &'static str);

const READY: [Kind; 7] = [
    (
        Ready::READABLE,
        Ready::readable(),
        Ready::is_readable,
        0b000_0001,
        "READABLE",
    ),
    (
        Ready::WRITABLE,
        Ready::writable(),
        Ready::is_writable,
        0b000_0010,
        "WRITABLE",
    ),
    (
        Ready::ERROR,
        Ready::error(),
        Ready::is_error,
        0b000_0100,
        "ERROR",
    ),
    (Ready::HUP, Ready::hup(), Ready::is_hup, 0b000_1000, "HUP"),
    (
        Ready::READ_CLOSED,
        Ready::read_closed(),
        Ready::is_read_closed,
        0b001_0000,
        "READ_CLOSED",
    ),
    (
        Ready::WRITE_CLOSED,
        Ready::write_closed(),
        Ready::is_write_closed,
        0b010_0000,
        "WRITE_CLOSED",
    ),
    (
        Ready::PRIORITY,
        Ready::priority(),
        Ready::is_priority,
        0b100_0000,
        "PRIORITY",
    ),
];

const OPTS: [Opt; 4] = [
    (PollOpt::EDGE, PollOpt::edge(), PollOpt::is_edge, "EDGE"),
    (PollOpt::LEVEL, PollOpt::level(), PollOpt::is_level, "LEVEL"),
    (
        PollOpt::ONESHOT,
        PollOpt::oneshot(),
        PollOpt::is_oneshot,
        "ONESHOT",
    ),
    (
        PollOpt::EXCLUSIVE,
        PollOpt::exclusive(),
        PollOpt::is_exclusive,
        "EXCLUSIVE",
    ),
];

#[test]
fn every_readiness_is_a_constant_a_function_and_a_question() {
    for (constant, function, _, number, name) in READY {
        assert_eq!(constant, function);
        assert_eq!(constant.as_usize(), number, "{name}");
        assert_eq!(Ready::from_usize(number), constant);
        assert_eq!(format!("{constant:?}"), name);
        for (other, _, is, _, _) in READY {
            assert_eq!(is(&constant), constant == other, "{constant:?}, {other:?}");
        }
    }
}

#[test]
fn every_option_is_a_constant_a_function_and_a_question() {
    for (constant, function, _, name) in OPTS {
        assert_eq!(constant, function);
        assert_eq!(format!("{constant:?}"), name);
        for (other, _, is, _) in OPTS {
            assert_eq!(is(&constant), constant == other, "{constant:?}, {other:?}");
        }
    }
}

#[test]
fn readiness_is_a_set() {
    let both = Ready::readable() | Ready::writable();
    let mut ready = Ready::empty();
    assert!(ready.is_empty());
    ready.insert(both);
    assert!(ready.contains(Ready::READABLE) && ready.contains(both));
    assert!(!ready.contains(both | Ready::HUP));
    ready.remove(Ready::READABLE);
    assert_eq!(ready, Ready::WRITABLE);

    assert_eq!(both & Ready::WRITABLE, Ready::WRITABLE);
    assert_eq!(both - Ready::WRITABLE, Ready::READABLE);
    assert_eq!(both ^ Ready::WRITABLE, Ready::READABLE);
    assert_eq!(!both & both, Ready::empty());
    assert_eq!(!Ready::empty(), Ready::all());
    let mut assigned = Ready::READABLE;
    assigned |= Ready::HUP;
    assigned -= Ready::READABLE;
    assert_eq!(assigned, Ready::HUP);
}

#[test]
fn sets_read_as_their_flags_joined() {
    assert_eq!(
        format!("{:?}", Ready::readable() | Ready::writable()),
        "READABLE | WRITABLE"
    );
    assert_eq!(
        format!("{:?}", PollOpt::edge() | PollOpt::oneshot()),
        "EDGE | ONESHOT"
    );
    assert_eq!(format!("{:?}", Ready::empty()), "(empty)");
    assert_eq!(format!("{:?}", PollOpt::empty()), "(empty)");
}

#[test]
fn numbers_round_trip_and_unknown_bits_are_dropped() {
    for number in 0..=Ready::all().as_usize() {
        assert_eq!(Ready::from_usize(number).as_usize(), number);
    }
    assert_eq!(Ready::from_usize(usize::MAX), Ready::all());
    assert_eq!(Ready::from_usize(1 << 8), Ready::empty());
}

#[test]
fn a_token_is_a_number() {
    for number in [0, 1, usize::MAX] {
        let token = Token::from(number);
        assert_eq!(token, Token(number));
        assert_eq!(usize::from(token), number);
    }
    assert_eq!(Token::default(), Token(0));
    let tokens = [Token(2), Token(1), Token(2)];
    assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 2);
    let sorted: Vec<_> = tokens
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(sorted, [Token(1), Token(2)]);
}

#[test]
fn an_event_has_the_size_of_two_words() {
    assert_eq!(size_of::<Event>(), 2 * size_of::<usize>());
}

#[test]
fn an_event_that_a_program_makes_implies_nothing() {
    let all = Event::new(Ready::all(), Token(1));
    assert_eq!(all.system_readiness(), Ready::all());
}

#[test]
fn what_is_implied_is_ready_but_was_not_reported() {
    let (ready, implied) = (
        Ready::HUP | Ready::READABLE,
        Ready::READABLE | Ready::WRITABLE,
    );
    let event = Event::of(Kinds::new(ready, implied), Token(1));
    assert_eq!(event.readiness(), ready);
    assert_eq!(event.system_readiness(), Ready::HUP);
}

#[test]
fn events_are_equal_by_readiness_and_token() {
    let hash = |event: Event| BuildHasherDefault::<DefaultHasher>::default().hash_one(event);
    let both = Ready::HUP | Ready::READABLE;
    let event = Event::of(Kinds::new(both, Ready::READABLE), Token(1));
    let made = Event::new(event.readiness(), event.token());
    assert_ne!(event.system_readiness(), made.system_readiness());
    assert_eq!(event, made);
    assert_eq!(hash(event), hash(made));
    for other in [Event::new(both, Token(2)), Event::new(Ready::HUP, Token(1))] {
        assert_ne!(event, other);
    }
}

#[test]
fn an_event_tells_token_and_readiness() {
    let event = Event::new(Ready::all() - Ready::HUP, Token(9));
    assert_eq!(event.token(), Token(9));
    assert_eq!(event.readiness(), Ready::all() - Ready::HUP);
    assert_eq!(event.kind(), event.readiness());
    assert!(event.is_readable() && event.is_writable() && event.is_priority());
    assert!(event.is_error() && event.is_read_closed() && event.is_write_closed());
    assert!(!event.is_hup());
    assert_eq!(
        format!("{:?}", Event::new(Ready::HUP, Token(9))),
        "Event { readiness: HUP, token: Token(9) }"
    );
    let copy = event;
    assert_eq!(copy, event);
}
