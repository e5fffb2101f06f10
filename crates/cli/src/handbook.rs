//! The commands `completions` and `man`: what clap knows of the arguments, for shells and for `man`.

use crate::Outcome;
use crate::arguments::{Arguments, ManArguments};
use crate::failure::{Failure, nearest, shown};
use crate::output::Output;
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use siptls_model::CheckId;
use std::fs;
use std::path::Path;

/// The program's name, also that of its completions.
const NAME: &str = "siptls-probe";

/// Prints the script that completes the program's arguments in a shell.
pub(crate) fn completions(shell: Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(), NAME, &mut script);
    // The generator for bash takes the hyphen of the name for a subcommand's, and then finds none of them.
    let script = String::from_utf8_lossy(&script).replace("siptls__subcmd__probe", "siptls__probe");
    Output::standard().write(&script)?;
    Ok(Outcome::Good)
}

/// The arguments with the values that are known. At run time some are checked elsewhere, with better words.
fn completed() -> Command {
    fn of(values: Vec<&'static str>) -> impl Fn(Arg) -> Arg {
        move |argument| argument.value_parser(PossibleValuesParser::new(values.clone()))
    }
    let profiles = siptls_catalog::profiles().iter();
    let profiles = profiles.map(|profile| profile.name.as_str()).collect();
    let groups = siptls_catalog::root_groups().iter().map(|group| group.name);
    let groups = groups.chain(std::iter::once("all")).collect();
    let checks = CheckId::ALL.iter().map(|id| id.code()).collect();
    Arguments::command()
        .mut_subcommand("check", |check| {
            check
                .mut_arg("depth", of(vec!["hello", "routine", "survey"]))
                .mut_arg("profile", of(profiles))
                .mut_arg("against", of(groups))
        })
        .mut_subcommand("history", |history| {
            let aspects = vec!["identity", "request", "suites", "addresses", "verdict"];
            history.mut_arg("aspect", of(aspects))
        })
        .mut_subcommand("explain", |explain| explain.mut_arg("check", of(checks)))
}

/// Prints a manual page, or writes all of them to a folder.
pub(crate) fn man(arguments: &ManArguments) -> Result<Outcome, Failure> {
    let mut program = Arguments::command();
    program.build();
    if let Some(folder) = &arguments.output {
        write_all(&program, folder)?;
        return Ok(Outcome::Good);
    }
    let mut command = &program;
    for name in &arguments.command {
        let next = command.get_subcommands().find(|next| next.get_name() == name);
        command = next.ok_or_else(|| Failure::UnknownCommand {
            found: shown(name),
            nearest: nearest(name, command.get_subcommands().map(Command::get_name)).map(str::to_owned),
        })?;
    }
    Output::standard().write(&page(command))?;
    Ok(Outcome::Good)
}

/// One page for each command, `siptls-probe-config-check.1`.
fn write_all(command: &Command, folder: &Path) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    fs::write(folder.join(format!("{name}.1")), page(command)).map_err(|source| Failure::Pages {
        folder: folder.to_owned(),
        source,
    })?;
    command
        .get_subcommands()
        .try_for_each(|command| write_all(command, folder))
}

/// The page of one command.
fn page(command: &Command) -> String {
    let mut page = Vec::new();
    // A Vec takes everything.
    let _ = Man::new(command.clone())
        .source(format!("{NAME} {}", env!("CARGO_PKG_VERSION")))
        .manual(NAME)
        .render(&mut page);
    // The generator leaves an absent date out, so that what follows takes its place, and breaks lines beside a space.
    String::from_utf8_lossy(&page)
        .replacen(" 1  \"", " 1 \"\" \"", 1)
        .replace("\n.br\n\n.br\n", "\n.sp\n")
}
