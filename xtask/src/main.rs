//! The checks of readywire, one command each.

fn main() {}
