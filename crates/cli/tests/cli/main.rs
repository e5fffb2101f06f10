//! The real program: what it prints, where, and how it ends.

mod check;
mod daemon;
mod documents;
mod help;
mod lab;
mod program;
mod report;
mod words;
