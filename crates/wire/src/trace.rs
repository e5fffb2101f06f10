//! What a reader took, field by field: a dissection is the reader's own account, not a second reading.

use std::cell::{Cell, RefCell};

/// What a field is within its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Several fields, which follow one level deeper.
    Group,
    /// A length and what it announces, which follow one level deeper.
    Vector,
    /// The length of a vector; alone where the vector does not fit.
    Length,
    /// A value, or bytes that mean nothing but themselves.
    Value,
    /// Bytes behind a fault: nobody can say what they are.
    Unread,
}

/// One field of a message: where it lies and what it is called. Those of one depth do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the specification.
    pub name: &'static str,
    /// What it is.
    pub role: Role,
    /// Its first byte, counted from the first of the part.
    pub offset: usize,
    /// Its bytes, those of the fields within it included.
    pub length: usize,
    /// How many fields it lies within.
    pub depth: u8,
}

impl Field {
    /// The byte behind its last.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.offset.saturating_add(self.length)
    }
}

/// The notes of a reader, in the order of the bytes.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    fields: RefCell<Vec<Field>>,
    /// Added to every offset: the bytes before the reader's first.
    base: Cell<usize>,
}

/// Length of a structure that is not closed.
const OPEN: usize = usize::MAX;

impl Trace {
    /// From now on, readers begin behind so many bytes.
    pub(crate) fn behind(&self, base: usize) {
        self.base.set(base);
    }

    pub(crate) fn note(&self, name: &'static str, role: Role, offset: usize, length: usize, depth: u8) {
        self.fields.borrow_mut().push(Field {
            name,
            role,
            offset: self.base.get().saturating_add(offset),
            length,
            depth,
        });
    }

    pub(crate) fn open(&self, name: &'static str, offset: usize, depth: u8) -> usize {
        let opened = self.mark();
        self.note(name, Role::Group, offset, OPEN, depth);
        opened
    }

    pub(crate) fn close(&self, opened: usize, end: usize) {
        if let Some(field) = self.fields.borrow_mut().get_mut(opened) {
            let end = self.base.get().saturating_add(end);
            field.length = end.saturating_sub(field.offset);
        }
    }

    /// A place to come back to.
    pub(crate) fn mark(&self) -> usize {
        self.fields.borrow().len()
    }

    /// Forgets what was noted since.
    pub(crate) fn rewind(&self, mark: usize) {
        self.fields.borrow_mut().truncate(mark);
    }

    /// The fields of a part with so many bytes, those that no reader reached included.
    pub(crate) fn into_fields(self, length: usize) -> Vec<Field> {
        let mut noted = self.fields.into_inner();
        // A fault leaves structures open: they end with the last field inside.
        let mut end = 0;
        for field in noted.iter_mut().rev() {
            if field.length == OPEN {
                field.length = usize::saturating_sub(end, field.offset);
            }
            end = end.max(field.end());
        }
        fill(noted, length)
    }
}

/// Puts a field wherever the fields within a structure leave bytes of it out.
fn fill(noted: Vec<Field>, length: usize) -> Vec<Field> {
    let mut out = Vec::with_capacity(noted.len());
    // Of each structure that is not left yet: its depth, its end, and how far its fields reach.
    let mut within: Vec<(u8, usize)> = Vec::new();
    let mut reached = 0;
    let leave = |out: &mut Vec<Field>, reached: &mut usize, end: usize, depth: u8| {
        if let Some(left @ 1..) = end.checked_sub(*reached) {
            out.push(Field {
                name: "not read",
                role: Role::Unread,
                offset: *reached,
                length: left,
                depth,
            });
            *reached = end;
        }
    };
    for field in noted {
        while let Some(&(depth, end)) = within.last()
            && depth >= field.depth
        {
            leave(&mut out, &mut reached, end, depth.saturating_add(1));
            within.pop();
        }
        leave(&mut out, &mut reached, field.offset, field.depth);
        match field.role {
            Role::Group | Role::Vector => within.push((field.depth, field.end())),
            Role::Length | Role::Value | Role::Unread => reached = field.end(),
        }
        out.push(field);
    }
    while let Some((depth, end)) = within.pop() {
        leave(&mut out, &mut reached, end, depth.saturating_add(1));
    }
    leave(&mut out, &mut reached, length, 0);
    out
}
