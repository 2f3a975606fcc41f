//! The name of a registration.

/// The name a caller gives to a registration; every event of it carries the token back.
///
/// Any value may be used, `usize::MAX` included: none is reserved. An index into a table of the program is
/// the best one. If it is an address, and several threads poll or drop, free what is there only when no
/// thread can have an event with it any more: `Batches::are_over` reports that.
///
/// ```
/// use readywire::Token;
///
/// let token = Token::from(3);
/// assert_eq!(usize::from(token), 3);
/// assert_eq!(token, Token(3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

impl From<usize> for Token {
    fn from(value: usize) -> Token {
        Token(value)
    }
}

impl From<Token> for usize {
    fn from(token: Token) -> usize {
        token.0
    }
}
