//! Text: `def setup():`, `def predict():` and `def learn():`, and below each one instruction a line, as in
//! `s1 = dot(v0, v1)`, `v2 = gaussian(0, 0.1)` or `no_op()`. What follows a `#` is a comment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Function, Instruction, Kind, Operation, Program, Register};
use crate::text::{ParseError, number};

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.letter(), self.number)
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operands = self.operands().map(|register| register.to_string());
        if self.is_no_op() {
            return write!(f, "{}()", self.operation().name());
        }
        let all: Vec<String> = operands.chain(self.settings().iter().map(|c| number(*c))).collect();
        write!(f, "{} = {}({})", self.out(), self.operation().name(), all.join(", "))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for function in Function::ALL {
            writeln!(f, "def {}():", function.name())?;
            for instruction in self.function(function) {
                writeln!(f, "    {instruction}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Program {
    type Err = ParseError;

    /// Functions in any order, each at most once; one that is left out is empty.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut program = Self::default();
        let mut seen: Vec<Function> = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let mut line = Line::new(text, index + 1);
            if line.is_done() {
                continue;
            }
            let start = line.at;
            let word = line.word();
            if word == "def" {
                let function = line.header()?;
                if seen.contains(&function) {
                    let expected = "a function that is not there yet";
                    return Err(line.error_at(start, expected, &format!("`{}` again", function.name())));
                }
                seen.push(function);
            } else if let Some(function) = seen.last() {
                line.at = start;
                program.function_mut(*function).push(line.instruction()?);
            } else {
                return Err(line.error_at(start, "`def`", &shown(&word)));
            }
            line.end()?;
        }
        Ok(program)
    }
}

/// What is left of a line.
struct Line {
    characters: Vec<char>,
    at: usize,
    number: usize,
}

impl Line {
    fn new(text: &str, number: usize) -> Self {
        let text = text.split('#').next().unwrap_or_default().trim_end();
        let mut line = Self { characters: text.chars().collect(), at: 0, number };
        line.skip_spaces();
        line
    }

    fn skip_spaces(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> String {
        let rest = &self.characters[self.at..];
        let taken: String = rest.iter().take_while(|c| accepts(**c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn is_done(&self) -> bool {
        self.at == self.characters.len()
    }

    /// Letters, digits, what numbers are made of; empty if something else stands there.
    fn word(&mut self) -> String {
        let word = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'));
        self.skip_spaces();
        word
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = self.characters.get(self.at) == Some(&sign);
        self.at += usize::from(there);
        self.skip_spaces();
        there
    }

    fn expect(&mut self, sign: char) -> Result<(), ParseError> {
        if self.takes(sign) { Ok(()) } else { Err(self.error(&format!("`{sign}`"))) }
    }

    fn end(&self) -> Result<(), ParseError> {
        if self.is_done() { Ok(()) } else { Err(self.error("the end of the line")) }
    }

    fn error(&self, expected: &str) -> ParseError {
        let found = self.characters.get(self.at).map(char::to_string).unwrap_or_default();
        self.error_at(self.at, expected, &shown(&found))
    }

    fn error_at(&self, at: usize, expected: &str, found: &str) -> ParseError {
        ParseError { line: Some(self.number), column: at + 1, expected: expected.into(), found: found.into() }
    }

    /// After `def`.
    fn header(&mut self) -> Result<Function, ParseError> {
        let start = self.at;
        let name = self.word();
        let function = Function::ALL.into_iter().find(|function| function.name() == name);
        let function =
            function.ok_or_else(|| self.error_at(start, "`setup`, `predict` or `learn`", &shown(&name)))?;
        for sign in ['(', ')', ':'] {
            self.expect(sign)?;
        }
        Ok(function)
    }

    fn instruction(&mut self) -> Result<Instruction, ParseError> {
        let out_at = self.at;
        let word = self.word();
        if word == Operation::NO_OP.name() {
            self.expect('(')?;
            self.expect(')')?;
            return Ok(Instruction::NO_OP);
        }
        let Some(out) = register(&word) else {
            return Err(self.error_at(out_at, "a register such as s2, v1 or m0, or `def`", &shown(&word)));
        };
        self.expect('=')?;
        let name_at = self.at;
        let name = self.word();
        if !Operation::all().any(|operation| operation.name() == name) {
            return Err(self.error_at(name_at, &format!("an operation ({})", names()), &shown(&name)));
        }
        self.expect('(')?;
        let (operands, settings) = self.operands()?;
        let kinds: Vec<Kind> = operands.iter().map(|register| register.kind).collect();
        let numbers: Vec<u8> = operands.iter().map(|register| register.number).collect();
        let made = Operation::find(&name, &kinds, out.kind, settings.len())
            .and_then(|operation| Instruction::new(operation, out.number, &numbers, &settings));
        made.map_err(|error| self.error_at(name_at, &signatures(&name), &error.to_string()))
    }

    /// Registers, then numbers, up to the closing parenthesis.
    fn operands(&mut self) -> Result<(Vec<Register>, Vec<f64>), ParseError> {
        let (mut operands, mut settings) = (Vec::new(), Vec::new());
        if self.takes(')') {
            return Ok((operands, settings));
        }
        loop {
            let start = self.at;
            let word = self.word();
            match (register(&word), word.parse::<f64>()) {
                (Some(register), _) if settings.is_empty() => operands.push(register),
                (None, Ok(setting)) if setting.is_finite() => settings.push(setting),
                (Some(_), _) => return Err(self.error_at(start, "a number", &shown(&word))),
                _ => return Err(self.error_at(start, "a register or a number", &shown(&word))),
            }
            if self.takes(')') {
                return Ok((operands, settings));
            }
            if !self.takes(',') {
                return Err(self.error("`,` or `)`"));
            }
        }
    }
}

fn shown(word: &str) -> String {
    if word.is_empty() { "nothing that fits".into() } else { format!("`{word}`") }
}

fn register(word: &str) -> Option<Register> {
    let kind = Kind::ALL.into_iter().find(|kind| word.starts_with(kind.letter()))?;
    let digits = &word[1..];
    let number = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(Register { kind, number })
}

fn names() -> String {
    let mut names: Vec<&str> = Operation::all().map(Operation::name).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Every way to use an operation of this name.
fn signatures(name: &str) -> String {
    let of_name = Operation::all().filter(|operation| operation.name() == name);
    let signature = |operation: Operation| {
        let operands = operation.operands().iter().map(|kind| kind.name());
        let operands: Vec<_> = operands.chain((0..operation.settings()).map(|_| "number")).collect();
        format!("{} = {name}({})", operation.out().name(), operands.join(", "))
    };
    of_name.map(signature).collect::<Vec<_>>().join(" or ")
}

impl Serialize for Program {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_reading_and_writing() {
        let text = "def setup():\n    s2 = constant(-0.5)\n    m1 = gaussian(0, 1e-7)\n    v3 = set(v3, 0.25, 2)\ndef predict():\n    \
            s1 = dot(v0, v255)\n    no_op()\ndef learn():\n";
        let program: Program = text.parse().unwrap();
        assert_eq!(program.to_string(), text);
        let json = serde_json::to_string(&program).unwrap();
        assert_eq!(serde_json::from_str::<Program>(&json).unwrap(), program);
        let loose = "# a comment\n\ndef predict ( ) :\ns1=dot( v0 ,v255 ) # another\nno_op ( )";
        assert_eq!(loose.parse::<Program>().unwrap().predict, program.predict);
        assert_eq!("".parse::<Program>().unwrap(), Program::default());
    }

    #[test]
    fn errors_name_line_and_column_and_what_was_expected() {
        let cases = [
            ("s1 = sin(s2)", "line 1, column 1: expected `def`, found `s1`"),
            ("\ndef run():", "line 2, column 5: expected `setup`, `predict` or `learn`, found `run`"),
            ("def setup()", "line 1, column 12: expected `:`, found nothing that fits"),
            (
                "def setup():\ndef setup():",
                "line 2, column 1: expected a function that is not there yet, found `setup` again",
            ),
            (
                "def setup():\n x1 = sin(s2)",
                "line 2, column 2: expected a register such as s2, v1 or m0, or `def`, found `x1`",
            ),
            (
                "def setup():\n s256 = sin(s2)",
                "line 2, column 2: expected a register such as s2, v1 or m0, or `def`, found `s256`",
            ),
            ("def setup():\n s1 sin(s2)", "line 2, column 5: expected `=`, found `s`"),
            ("def setup():\n s1 = sin(s2", "line 2, column 13: expected `,` or `)`, found nothing that fits"),
            ("def setup():\n s1 = sin(s2) s", "line 2, column 15: expected the end of the line, found `s`"),
            (
                "def setup():\n s1 = constant(1e999)",
                "line 2, column 16: expected a register or a number, found `1e999`",
            ),
            ("def setup():\n v1 = set(1, v1)", "line 2, column 14: expected a number, found `v1`"),
            (
                "def setup():\n s1 = sin(v2)",
                "line 2, column 7: expected scalar = sin(scalar), found no operation `sin(vector) → scalar`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Program>().unwrap_err().to_string(), expected, "{text}");
        }
        let unknown = "def setup():\n s1 = cosh(s2)".parse::<Program>().unwrap_err().to_string();
        assert!(unknown.starts_with("line 2, column 7: expected an operation (abs, add, "), "{unknown}");
    }
}
