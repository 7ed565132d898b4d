//! The `.ts` text format of sktime and aeon: comments, a header of `@` lines, then one case a line.
//!
//! ```text
//! # a comment, as is a line that begins with %
//! @problemName Example
//! @univariate false
//! @dimensions 2
//! @classLabel true up down
//! @data
//! 1.0,2.0,3.0:0.1,0.2,0.3:up
//! ```
//!
//! Dimensions are separated by `:`, their values by `,`; the class is last. [`lines`] reads within bounds, [`header`]
//! and [`case`] know the two halves, [`parse`] joins them.

mod case;
mod fault;
mod header;
mod lines;
mod parse;

pub(crate) use parse::read;
