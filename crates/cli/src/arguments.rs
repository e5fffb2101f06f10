//! What can be typed: commands, options, and their help.

use clap::{Args, Parser, Subcommand, ValueEnum};
use siptls_daemon::DEFAULT_LISTEN;
use siptls_model::IpNet;
use std::path::PathBuf;

/// The configuration read when none is named.
pub(crate) const DEFAULT_CONFIG: &str = "siptls-probe.yaml";

const EXIT_CODES: &str = "\
Exit codes:
  0  every verdict is pass or warn
  1  at least one verdict is fail
  2  could not run: usage, configuration, own fault
  3  nothing failed, but at least one verdict is inconclusive";

const VERIFY_EXIT_CODES: &str = "\
Exit codes:
  0  every name is confirmed
  1  at least one certificate contradicts a name
  2  could not run: usage, own fault
  3  no contradiction, but at least one name does not resolve or was not reached";

const HEALTHY_EXIT_CODES: &str = "\
Exit codes:
  0  it answers, and a configuration is in use
  1  it does not answer, or with anything else
  2  could not run: usage";

/// Tells whether the other side's next SIP call over TLS still connects, and if not, why, whose turn it is and
/// what to change.
#[derive(Debug, Parser)]
#[command(name = "siptls-probe", version, max_term_width = 100, after_help = EXIT_CODES)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Visit endpoints once and judge what they answer
    Check(Box<CheckArguments>),
    /// Keep visiting the configured targets: metrics, reports and a status page over HTTP
    Run(RunArguments),
    /// Say what changed at a target, when, and what it was before, from the journal
    History(HistoryArguments),
    /// Start good and faulty SIP TLS endpoints on this machine, and the daemon watching them
    Lab(LabArguments),
    /// Validate a configuration, or show what it comes to
    #[command(subcommand)]
    Config(ConfigCommand),
    /// List and show the shipped profiles, root groups and endpoint lists
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Say what a check means, why it matters, and how to mend it product by product
    Explain(ExplainArguments),
    /// Ask a running daemon whether it is ready, as a container's health check does
    #[command(after_help = HEALTHY_EXIT_CODES)]
    Healthy(HealthyArguments),
    /// Print a script that completes commands, options and values in a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them to a folder
    Man(ManArguments),
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: verdict first, then what to change, then the facts
    Text,
    /// One document of schema siptls-probe/report/v1
    Json,
    /// One report per line, as soon as it is there
    Jsonl,
    /// A table, one row for each check of each report
    Csv,
    /// XML for build servers: a suite for each report, a case for each check
    Junit,
    /// SARIF 2.1.0 for code scanners: a result for each check that fails or warns
    Sarif,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct CheckArguments {
    /// `host`, `host:port`, `[v6]:port` or `sips:host[:port]`; a name without port is looked up as SIPS service (SRV),
    /// else port 5061 unless given; with --config.file also the name of a configured target
    #[arg(required = true, value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<String>,

    /// Rules to judge by: a shipped profile (see `catalog list`) or one of the configuration [default:
    /// genesys-byoc-customer]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Dial this; the names sent and verified stay as they are
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub(crate) connect: Option<String>,

    /// Server name to send (SNI) and to verify [default: the endpoint's host]
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,

    /// Code of the Genesys region whose load balancers dial the endpoint, such as `euc1`: they are visited as well, one
    /// hello each, to tell until when they can present clientAuth
    #[arg(long, value_name = "CODE")]
    pub(crate) peer_region: Option<String>,

    /// Roots to verify against, in place of the profile's: a PEM or DER file, or a folder of such files
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_anchors: Option<PathBuf>,

    /// PEM file of a client certificate to rehearse with, its intermediates behind it; may be repeated, each with a
    /// --client-key. At depth routine and survey it is presented to an endpoint that asks for one, in place of what the
    /// configuration names
    #[arg(long = "client-cert", value_name = "FILE")]
    pub(crate) client_certs: Vec<PathBuf>,

    /// PEM file of the private key of the --client-cert of the same place, not encrypted, readable by its owner alone
    #[arg(long = "client-key", value_name = "FILE")]
    pub(crate) client_keys: Vec<PathBuf>,

    /// How far to go: `hello` reads the server's first flight; `routine` finishes the handshake and sends OPTIONS, on
    /// one connection; `survey` then finds out which versions, suites and groups are accepted, a dozen connections or
    /// so, one at a time [default: survey; for a configured target of depth hello: hello]
    #[arg(long, value_name = "hello|routine|survey")]
    pub(crate) depth: Option<String>,

    /// Hold the chain against another peer's list of roots as well: a root group of `catalog list`, or `all` for
    /// Genesys, Microsoft, Amazon and browsers; may be repeated
    #[arg(long, value_name = "GROUP|all")]
    pub(crate) against: Vec<String>,

    /// Judge as if it were then: an RFC 3339 time, or a date, which means its first moment UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,

    /// Deadline of the visit to one address, all phases together, 100ms to 60s; a survey may take six times as long
    /// [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,

    /// Network that is not public and from which revocation lists may be fetched all the same, on any port; may be
    /// repeated
    #[arg(long, value_name = "NETWORK", value_parser = siptls_model::parse_network)]
    pub(crate) crl_allow: Vec<IpNet>,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// Write the report to this file in place of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Take targets by name, profiles and defaults from this configuration
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArguments,

    /// Address to listen on, `host:port`, `[v6]:port` or `:port` for all addresses; may be repeated
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: Vec<String>,

    #[command(flatten)]
    pub(crate) shard: ShardArguments,

    /// TLS, users, headers and limits of the addresses listened on, in the format of the Prometheus exporters; without it
    /// anybody who reaches them is let in, over plain HTTP
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(crate) web_config_file: Option<PathBuf>,

    /// URL under which a reverse proxy serves the daemon
    #[arg(long = "web.external-url", value_name = "URL")]
    pub(crate) external_url: Option<String>,

    #[command(flatten)]
    pub(crate) log: LogArguments,
}

/// How a history is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryFormat {
    /// For people
    Text,
    /// One document of schema siptls-probe/changes/v1
    Json,
    /// One change per line
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// Name of the target; one that was removed from the configuration keeps its history
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArguments,

    /// Only what changed, or changed again, since then: an RFC 3339 time, or a date, which means its first moment UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Only this: identity, request, suites, addresses or verdict
    #[arg(long, value_name = "ASPECT")]
    pub(crate) aspect: Option<String>,

    /// How to write it
    #[arg(long, value_enum, default_value_t = HistoryFormat::Text)]
    pub(crate) format: HistoryFormat,

    /// With the evidence: the bytes of the server's flight, in hexadecimal
    #[arg(long)]
    pub(crate) evidence: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
With --once, exit code 0 says that every endpoint was judged as expected, 1 that one was not, 3 that it was stopped before all were.")]
pub(crate) struct LabArguments {
    /// Address of the status page and the metrics; without this option a free port is taken when 10061 is in use
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,

    /// End after the first round of visits
    #[arg(long)]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) log: QuietLogArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigurationArguments {
    /// The configuration
    #[arg(long = "config.file", value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub(crate) config_file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ShardArguments {
    /// Watch one part of the targets: `0/3`, `1/3` and `2/3` are three daemons that share a configuration; `hostname/3` takes
    /// the number at the end of the host's name, as pods of a StatefulSet have
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigCheckArguments {
    /// The configuration [default: siptls-probe.yaml, unless --web.config.file is given]
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    /// A web configuration, as `run` takes it
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub(crate) web_config_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) shard: ShardArguments,
}

#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    /// Least severe messages to log, to standard error
    #[arg(long = "log.level", value_enum, default_value_t = Level::Info)]
    pub(crate) level: Level,

    /// Form of the log
    #[arg(long = "log.format", value_enum, default_value_t = LogFormat::Logfmt)]
    pub(crate) format: LogFormat,
}

#[derive(Debug, Args)]
pub(crate) struct QuietLogArguments {
    /// Least severe messages to log, to standard error
    #[arg(long = "log.level", value_enum, default_value_t = Level::Warn)]
    pub(crate) level: Level,

    /// Form of the log
    #[arg(long = "log.format", value_enum, default_value_t = LogFormat::Logfmt)]
    pub(crate) format: LogFormat,
}

/// Severity of a log message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Logfmt,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Validate a configuration with everything it refers to, and tell all faults at once
    Check(ConfigCheckArguments),
    /// Show the configuration as it takes effect, with the targets of all files and every default
    Show {
        #[command(flatten)]
        configuration: ConfigurationArguments,

        #[command(flatten)]
        shard: ShardArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// List the shipped profiles, root groups and endpoint lists
    List {
        /// How to write the list
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Visit the published load balancers, one hello each, and print which are confirmed by DNS and certificate
    #[command(after_help = VERIFY_EXIT_CODES)]
    Verify(VerifyArguments),
    /// Show one of them in full, with its sources and dates
    Show {
        /// Name of a profile, root group or endpoint list; what shares the name is shown one after the other
        #[arg(value_name = "NAME")]
        name: String,

        /// How to write it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Code of a region such as `euc1`; may be repeated [default: all regions]
    #[arg(long, value_name = "CODE")]
    pub(crate) region: Vec<String>,

    /// PEM file of the roots to verify against, in place of those announced for the region
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_anchors: Option<PathBuf>,

    /// Deadline of the visit to one address, 100ms to 60s [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) timeout: Option<String>,

    /// How to write the table
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Identifier of the check, such as `chain-complete`
    #[arg(value_name = "CHECK")]
    pub(crate) check: String,
}

#[derive(Debug, Args)]
pub(crate) struct HealthyArguments {
    /// URL to ask; with https any certificate is taken, for a machine asks itself
    #[arg(value_name = "URL", default_value_t = format!("http://{DEFAULT_LISTEN}/-/ready"))]
    pub(crate) url: String,
}

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Command to print the page of, such as `config check`; the program's own without one
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,

    /// Write the pages of all commands to this folder, which must be there
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) output: Option<PathBuf>,
}
