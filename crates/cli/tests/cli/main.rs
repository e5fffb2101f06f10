//! The real program: what it prints, where, and how it ends.

mod check;
mod daemon;
mod documents;
mod formats;
mod handbook;
mod help;
mod lab;
mod program;
mod report;
mod schema;
mod words;
