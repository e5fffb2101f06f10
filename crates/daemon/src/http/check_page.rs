//! What a check means, why it matters, and how to mend it: the words of `siptls-probe explain`.

use super::html::{isolated, page, prose, safe};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use siptls_catalog::explain;
use siptls_model::CheckId;
use std::fmt::Write as _;

/// The page of one check.
pub(crate) async fn check(Path(id): Path<String>) -> Response {
    let Some(id) = CheckId::from_code(&id) else {
        let main = format!(
            "<h1>No check is named {}</h1>\n<p><a href=\"../\">all targets</a></p>\n",
            safe(id.chars().take(200).collect::<String>())
        );
        return (StatusCode::NOT_FOUND, Html(page("../", "not found", &main))).into_response();
    };
    Html(page("../", &format!("{id} – siptls-probe"), &main(id))).into_response()
}

fn main(id: CheckId) -> String {
    let explanation = explain(id);
    let mut out = format!(
        "<p class=\"crumb\"><a href=\"../\">All targets</a></p>\n<h1>{}</h1>\n<p class=\"soft\"><code>{id}</code></p>\n\
         <h2>What it looks at</h2>\n<p>{}</p>\n<h2>Why it matters</h2>\n<p>{}</p>\n<h2>How to mend it</h2>\n<dl class=\"fixes\">\n",
        safe(&explanation.title),
        prose(&explanation.meaning),
        prose(&explanation.why)
    );
    for fix in &explanation.fix {
        let vendor = if fix.vendor == "any" {
            "Any product"
        } else {
            &fix.vendor
        };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd>{}<br><span class=\"soft\">{}</span></dd></div>",
            isolated(vendor),
            prose(&fix.text),
            safe(&fix.source)
        );
    }
    out.push_str("</dl>\n<h2>The same with OpenSSL</h2>\n");
    for line in explanation.openssl.lines() {
        let _ = writeln!(out, "<pre><code>{}</code></pre>", safe(line));
    }
    out.push_str("<h2>Sources</h2>\n<ul>\n");
    for source in &explanation.sources {
        let _ = writeln!(out, "<li class=\"long\">{}</li>", safe(source));
    }
    out.push_str("</ul>\n");
    out
}
