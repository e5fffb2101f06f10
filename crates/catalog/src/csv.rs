//! The shipped tables: comma-separated values (RFC 4180) without line breaks inside a field.

/// The rows below the header, each cut into its fields.
pub(crate) fn rows(text: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    text.lines().skip(1).filter(|line| !line.is_empty()).map(fields)
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(field) = fields.last_mut() else { break };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_keep_their_commas() {
        let table: Vec<_> = rows("a,b,c\n1,\"x, \"\"y\"\"\",\n\n2,,3\n").collect();
        assert_eq!(table, [["1", "x, \"y\"", ""], ["2", "", "3"]]);
    }
}
