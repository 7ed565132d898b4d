//! Infix text: `-x * (y + 2) / max(z, 0.5)`. Products before sums, from left to right; a sign binds closest.
//!
//! Reader and writer keep stacks of their own, so that no depth of nesting is too deep.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::expression::COMPLETE;
use super::{Binary, Expression, Node, Unary};
use crate::text::{ParseError, number};

const SUM: u8 = 1;
const PRODUCT: u8 = 2;
const SIGN: u8 = 3;
const ATOM: u8 = 4;

/// How close the parts of a text hold together; `None` for functions.
fn precedence(binary: Binary) -> Option<u8> {
    match binary {
        Binary::Add | Binary::Subtract => Some(SUM),
        Binary::Multiply | Binary::Divide => Some(PRODUCT),
        Binary::Minimum | Binary::Maximum => None,
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, _) = self.fold(|node, stack: &mut Vec<(String, u8)>| match node {
            Node::Input(i) => (name(&self.inputs()[i]), ATOM),
            Node::Constant(c) => (number(c), if c < 0.0 { SIGN } else { ATOM }),
            Node::Unary(Unary::Negate) => {
                let (text, inner) = stack.pop().expect(COMPLETE);
                // `-2` is a constant, so the negative of 2 has parentheses.
                let digit = text.starts_with(|c: char| c.is_ascii_digit());
                let closed = if digit { format!("({text})") } else { within(text, inner, SIGN) };
                (format!("-{closed}"), SIGN)
            }
            Node::Unary(unary) => (format!("{}({})", unary.name(), stack.pop().expect(COMPLETE).0), ATOM),
            Node::Binary(binary) => {
                let (right, right_holds) = stack.pop().expect(COMPLETE);
                let (left, left_holds) = stack.pop().expect(COMPLETE);
                let sign = binary.name();
                match precedence(binary) {
                    None => (format!("{sign}({left}, {right})"), ATOM),
                    Some(holds) => {
                        let right = within(right, right_holds, holds + 1);
                        let mut text = within(left, left_holds, holds);
                        // At the end of what is there, so that a long sum is not copied for each of its terms.
                        for part in [" ", sign, " ", &right] {
                            text.push_str(part);
                        }
                        (text, holds)
                    }
                }
            }
        });
        f.write_str(&text)
    }
}

fn within(text: String, holds: u8, needed: u8) -> String {
    if holds < needed { format!("({text})") } else { text }
}

fn name(name: &str) -> String {
    let plain = name.starts_with(begins_name) && name.chars().all(continues_name);
    if plain { name.into() } else { format!("`{}`", name.replace('`', "``")) }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    /// Between backticks, so never a function.
    Quoted(String),
    Sign(char),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "`{}`", number(*value)),
            Self::Name(text) => write!(f, "`{text}`"),
            Self::Quoted(text) => f.write_str(&name(text)),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// What waits for its last operand, or for its `)`.
#[derive(Clone, Copy)]
enum Waiting {
    Parenthesis { column: usize },
    Call { function: Function, given: usize, column: usize },
    Negate,
    Binary(Binary),
}

#[derive(Clone, Copy)]
enum Function {
    One(Unary),
    Two(Binary),
}

impl Function {
    fn find(name: &str) -> Option<Self> {
        let one = Unary::ALL.into_iter().find(|unary| *unary != Unary::Negate && unary.name() == name);
        let two = || Binary::ALL.into_iter().find(|b| precedence(*b).is_none() && b.name() == name);
        one.map(Self::One).or_else(|| two().map(Self::Two))
    }

    fn node(self) -> Node {
        match self {
            Self::One(unary) => Node::Unary(unary),
            Self::Two(binary) => Node::Binary(binary),
        }
    }

    fn operands(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Two(_) => 2,
        }
    }
}

/// Reads from left to right; operators wait until something that holds less closely follows (Dijkstra's shunting yard).
struct Reader {
    /// With columns.
    tokens: Vec<(Token, usize)>,
    next: usize,
    waiting: Vec<Waiting>,
    names: Vec<String>,
    nodes: Vec<Node>,
}

impl FromStr for Expression {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let tokens = tokens(text)?;
        let mut reader =
            Reader { tokens, next: 0, waiting: Vec::new(), names: Vec::new(), nodes: Vec::new() };
        loop {
            reader.operand()?;
            if reader.operators()? {
                return Ok(Self::of(&reader.names, reader.nodes));
            }
        }
    }
}

impl Reader {
    fn take(&mut self) -> (Token, usize) {
        let taken = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        taken
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = self.tokens[self.next].0 == Token::Sign(sign);
        self.next += usize::from(there);
        there
    }

    /// Signs and opening parentheses up to an input or a constant.
    fn operand(&mut self) -> Result<(), ParseError> {
        loop {
            let (token, column) = self.take();
            match token {
                Token::Number(value) => {
                    self.nodes.push(Node::constant(value));
                    return Ok(());
                }
                Token::Name(name) if self.takes('(') => {
                    let Some(function) = Function::find(&name) else {
                        return Err(error(column, functions(), &Token::Name(name)));
                    };
                    self.waiting.push(Waiting::Call { function, given: 0, column });
                }
                Token::Name(name) | Token::Quoted(name) => {
                    self.nodes.push(Node::Input(self.names.len()));
                    self.names.push(name);
                    return Ok(());
                }
                Token::Sign('-') => {
                    if let Token::Number(value) = self.tokens[self.next].0 {
                        self.next += 1;
                        self.nodes.push(Node::constant(-value));
                        return Ok(());
                    }
                    self.waiting.push(Waiting::Negate);
                }
                Token::Sign('(') => self.waiting.push(Waiting::Parenthesis { column }),
                other => return Err(error(column, "a number, a name, `-` or `(`", &other)),
            }
        }
    }

    /// Closing parentheses up to an operator, after which an operand is due, or the end: true.
    fn operators(&mut self) -> Result<bool, ParseError> {
        loop {
            let (token, column) = self.take();
            let binary = Binary::ALL.into_iter().find(|binary| match token {
                Token::Sign(sign) => precedence(*binary).is_some() && binary.name().starts_with(sign),
                _ => false,
            });
            if let Some(binary) = binary {
                self.finish(precedence(binary).unwrap_or(ATOM));
                self.waiting.push(Waiting::Binary(binary));
                return Ok(false);
            }
            self.finish(0);
            match (self.waiting.pop(), &token) {
                (None, Token::End) => return Ok(true),
                (Some(Waiting::Parenthesis { .. }), Token::Sign(')')) => {}
                (Some(Waiting::Call { function, given, .. }), Token::Sign(')'))
                    if given + 1 == function.operands() =>
                {
                    self.nodes.push(function.node());
                }
                (Some(Waiting::Call { function, given, column }), Token::Sign(','))
                    if given + 1 < function.operands() =>
                {
                    self.waiting.push(Waiting::Call { function, given: given + 1, column });
                    return Ok(false);
                }
                (Some(Waiting::Call { function, given, .. }), _) if given + 1 < function.operands() => {
                    return Err(error(column, "an operator or `,`", &token));
                }
                (Some(Waiting::Parenthesis { column: open } | Waiting::Call { column: open, .. }), _) => {
                    let expected = format!("an operator or the `)` of column {open}");
                    return Err(error(column, &expected, &token));
                }
                (_, token) => return Err(error(column, "an operator or the end", token)),
            }
        }
    }

    /// Writes the operators that hold at least this closely.
    fn finish(&mut self, holds: u8) {
        while let Some(last) = self.waiting.last() {
            let node = match last {
                Waiting::Negate => Node::Unary(Unary::Negate),
                Waiting::Binary(binary) if precedence(*binary) >= Some(holds) => Node::Binary(*binary),
                _ => return,
            };
            self.nodes.push(node);
            self.waiting.pop();
        }
    }
}

fn error(column: usize, expected: &str, found: &Token) -> ParseError {
    ParseError { line: None, column, expected: expected.into(), found: found.to_string() }
}

fn functions() -> &'static str {
    "one of the functions inv, abs, square, sqrt, exp, log, tanh, sigmoid, relu, min, max"
}

fn tokens(text: &str) -> Result<Vec<(Token, usize)>, ParseError> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let column = at + 1;
        let rest = &characters[at..];
        let while_all = |accepts: fn(char) -> bool| rest.iter().take_while(|c| accepts(**c)).count();
        let (token, length) = match rest[0] {
            space if space.is_whitespace() => {
                at += 1;
                continue;
            }
            '`' => quoted(rest, column)?,
            digit if digit.is_ascii_digit() || digit == '.' => numeral(rest, column)?,
            letter if begins_name(letter) => {
                let length = while_all(continues_name);
                (Token::Name(rest[..length].iter().collect()), length)
            }
            sign => (Token::Sign(sign), 1),
        };
        tokens.push((token, column));
        at += length;
    }
    tokens.push((Token::End, characters.len() + 1));
    Ok(tokens)
}

/// Digits, a point, an exponent with or without a sign.
fn numeral(rest: &[char], column: usize) -> Result<(Token, usize), ParseError> {
    let mut length = 0;
    while let Some(c) = rest.get(length) {
        let exponent = length > 0 && matches!(rest[length - 1], 'e' | 'E');
        if !(continues_name(*c) || exponent && matches!(c, '-' | '+')) {
            break;
        }
        length += 1;
    }
    let text: String = rest[..length].iter().collect();
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), length)),
        _ => Err(error(column, "a number within the range of f64", &Token::Name(text))),
    }
}

/// Between backticks, where two of them stand for one.
fn quoted(rest: &[char], column: usize) -> Result<(Token, usize), ParseError> {
    let mut name = String::new();
    let mut at = 1;
    loop {
        match rest[at..] {
            ['`', '`', ..] => at += 1,
            ['`', ..] => return Ok((Token::Quoted(name), at + 1)),
            [] => return Err(error(column + at, "the closing backtick", &Token::End)),
            _ => {}
        }
        name.push(rest[at]);
        at += 1;
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        text.parse::<Expression>().map_or_else(|error| error.to_string(), |expression| expression.to_string())
    }

    #[test]
    fn text_survives_reading_and_writing() {
        let texts = [
            "x - (y - z) - w / (u * v)",
            "-x * y + -(x * y)",
            "--x - -2 - -(2)",
            "max(min(x, 1e-7), -0.5) / 3",
            "`a b` + `c``d` + log",
            "inv(square(sqrt(exp(log(tanh(sigmoid(relu(abs(x)))))))))",
            "1e300 * x - -(2 / x)",
            "x + (y + z)",
            "größe.2",
        ];
        for text in texts {
            assert_eq!(written(text), text);
            let json = serde_json::to_string(&text.parse::<Expression>().unwrap()).unwrap();
            assert_eq!(serde_json::from_str::<Expression>(&json).unwrap(), text.parse().unwrap());
        }
        assert_eq!(written(" x*-y+2.50 "), "x * -y + 2.5");
        assert_eq!(written(&format!("{}x{}", "(".repeat(100_000), ")".repeat(100_000))), "x");
    }

    #[test]
    fn errors_name_the_column_and_what_was_expected() {
        let cases = [
            ("", "column 1: expected a number, a name, `-` or `(`, found the end"),
            ("x + * y", "column 5: expected a number, a name, `-` or `(`, found `*`"),
            ("(x + y", "column 7: expected an operator or the `)` of column 1, found the end"),
            ("x y", "column 3: expected an operator or the end, found `y`"),
            ("x)", "column 2: expected an operator or the end, found `)`"),
            ("max(x)", "column 6: expected an operator or `,`, found `)`"),
            ("log(x, y)", "column 6: expected an operator or the `)` of column 1, found `,`"),
            ("1e999", "column 1: expected a number within the range of f64, found `1e999`"),
            ("2x", "column 1: expected a number within the range of f64, found `2x`"),
            ("`a", "column 3: expected the closing backtick, found the end"),
            ("x ^ 2", "column 3: expected an operator or the end, found `^`"),
        ];
        for (text, expected) in cases {
            assert_eq!(written(text), expected, "{text}");
        }
        assert!(written("y + cosh(x)").starts_with("column 5: expected one of the functions inv, abs"));
    }
}
