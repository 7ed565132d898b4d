//! All rational expressions of two leaves, and a decision in a finite field which of them are one function.

use hashing::Rng;
use spaces::expression::{Binary, Expression, Unary};

/// 2⁶¹ − 1, a prime.
const PRIME: u64 = (1 << 61) - 1;
/// Two rational functions of small degree that differ agree at a random point once in 10^17 times; at all of these never.
const PLACES: usize = 3;
pub type Element = [u64; PLACES];

fn product(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

/// By Fermat's little theorem.
fn inverse(a: u64) -> u64 {
    let (mut power, mut result, mut left) = (a, 1, PRIME - 2);
    while left > 0 {
        if left & 1 == 1 {
            result = product(result, power);
        }
        power = product(power, power);
        left >>= 1;
    }
    result
}

pub struct Tree {
    pub expression: Expression,
    pub element: Element,
}

/// `None` where the divisor is zero as a function.
fn divided(a: &Element, b: &Element) -> Option<Element> {
    if *b == [0; PLACES] {
        return None;
    }
    assert!(b.iter().all(|b| *b != 0), "a divisor is zero by chance: draw other places");
    Some(std::array::from_fn(|i| product(a[i], inverse(b[i]))))
}

fn combined(binary: Binary, a: &Element, b: &Element) -> Option<Element> {
    match binary {
        Binary::Add => Some(std::array::from_fn(|i| (a[i] + b[i]) % PRIME)),
        Binary::Subtract => Some(std::array::from_fn(|i| (a[i] + PRIME - b[i]) % PRIME)),
        Binary::Multiply => Some(std::array::from_fn(|i| product(a[i], b[i]))),
        _ => divided(a, b),
    }
}

/// All rational expressions of x and a with so many nodes, given all shorter ones: the inverse of one, or two joined.
fn longer(shorter: &[Vec<Tree>], length: usize) -> Vec<Tree> {
    let mut trees = Vec::new();
    for Tree { expression, element } in &shorter[length - 1] {
        if let Some(element) = divided(&[1; PLACES], element) {
            trees.push(Tree { expression: Expression::unary(Unary::Inverse, expression.clone()), element });
        }
    }
    for left in 1..length.saturating_sub(1) {
        for a in &shorter[left] {
            for b in &shorter[length - 1 - left] {
                for binary in [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide] {
                    if let Some(element) = combined(binary, &a.element, &b.element) {
                        let expression = Expression::binary(binary, &a.expression, &b.expression);
                        trees.push(Tree { expression, element });
                    }
                }
            }
        }
    }
    trees
}

/// By length, up to `longest`; nothing of length 0.
pub fn trees(longest: usize) -> Vec<Vec<Tree>> {
    let mut rng = Rng::named(0, "places", 0);
    let mut leaf = |name| Tree {
        expression: Expression::input(name),
        element: std::array::from_fn(|_| rng.next_u64() % PRIME),
    };
    let mut trees = vec![Vec::new(), vec![leaf("x"), leaf("a")]];
    for length in 2..=longest {
        trees.push(longer(&trees, length));
    }
    trees
}
