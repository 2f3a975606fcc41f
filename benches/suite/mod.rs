//! The work that is measured, a file a group, and who does it.
//!
//! A group offers its cases one by one to a [`Visitor`], which measures each in its own way. Of a case
//! that nobody wants nothing is built, and of one that is done nothing stays: connections by the thousand
//! are there only while they are measured.

#![allow(dead_code, reason = "each program that measures uses a part")]

mod churn;
mod dispatch;
mod options;
mod register;
mod round;
mod scale;
mod sockets;
mod threads;
mod throughput;
mod timeouts;
mod user;
mod wake;

/// Some work, and who does it. The first contestant is the one that the others are compared with.
pub(crate) struct Case {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    /// How many of `unit` are done at a time.
    pub(crate) elements: u64,
    /// What is counted: `event`, `byte`, `connection`.
    pub(crate) unit: &'static str,
    pub(crate) contestants: Vec<Contestant>,
    /// Whether those who are added work on one thread.
    on_one_thread: bool,
}

/// One who does the work.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
    /// Whether one thread does all of the work, so that counting what it does tells what it costs.
    pub(crate) countable: bool,
}

/// How the work is measured.
pub(crate) enum Work {
    /// By the time that it takes, done so many times.
    Time(Box<dyn FnMut(u64)>),
    /// By what it returns, in seconds: how late it came.
    Sample(Box<dyn FnMut() -> f64>),
    /// By a figure that is the same each time, of the case's unit: how much memory it takes.
    Figure(f64),
}

impl Case {
    /// Adds one who does the work, measured by its time.
    ///
    /// The work is done in a loop of its own, as in a program: a loop of events does not return from the
    /// function that it is in after each poll, and returns after system calls are expensive.
    pub(crate) fn time(&mut self, name: &'static str, mut work: impl FnMut() + 'static) {
        let many = move |times| (0..times).for_each(|_| work());
        self.add(name, Work::Time(Box::new(many)));
    }

    /// Adds one whose work tells in seconds what is measured.
    pub(crate) fn sample(&mut self, name: &'static str, work: impl FnMut() -> f64 + 'static) {
        self.add(name, Work::Sample(Box::new(work)));
    }

    /// Adds one of whom a figure is known.
    pub(crate) fn figure(&mut self, name: &'static str, figure: f64) {
        self.add(name, Work::Figure(figure));
    }

    /// Says that other threads take part in the work of all who are added from now on.
    pub(crate) fn on_threads(&mut self) {
        self.on_one_thread = false;
    }

    fn add(&mut self, name: &'static str, work: Work) {
        self.contestants.push(Contestant {
            name,
            work,
            countable: self.on_one_thread,
        });
    }
}

/// Who measures.
pub(crate) trait Visitor {
    /// Tells whether a case, named as `group/name`, is to be measured.
    fn wants(&self, name: &str) -> bool;

    /// Measures a case.
    fn visit(&mut self, case: Case);
}

/// What a group offers its cases to.
pub(crate) struct Group<'a> {
    name: &'static str,
    visitor: &'a mut dyn Visitor,
}

impl Group<'_> {
    /// Offers a case; `build` adds the contestants, if it is wanted.
    pub(crate) fn case(
        &mut self,
        name: impl Into<String>,
        elements: u64,
        unit: &'static str,
        build: impl FnOnce(&mut Case),
    ) {
        let name = name.into();
        if !self.visitor.wants(&format!("{}/{name}", self.name)) {
            return;
        }
        let mut case = Case {
            group: self.name,
            name,
            elements,
            unit,
            contestants: Vec::new(),
            on_one_thread: true,
        };
        build(&mut case);
        // Too much for this machine.
        if case.contestants.is_empty() {
            return;
        }
        self.visitor.visit(case);
    }
}

/// A group's name, and what offers its cases.
type Offer = (&'static str, fn(&mut Group<'_>));

/// All groups, in the order of the report.
const GROUPS: [Offer; 10] = [
    ("dispatch", dispatch::cases),
    ("round", round::cases),
    ("throughput", throughput::cases),
    ("churn", churn::cases),
    ("register", register::cases),
    ("wake", wake::cases),
    ("user", user::cases),
    ("timeouts", timeouts::cases),
    ("scale", scale::cases),
    ("options", options::cases),
];

/// Has every case of every group measured.
pub(crate) fn run(visitor: &mut dyn Visitor) {
    for (name, offer) in GROUPS {
        offer(&mut Group {
            name,
            visitor: &mut *visitor,
        });
    }
}
