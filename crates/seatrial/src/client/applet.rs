//! Small versions of other programs: what they can do they do as the originals, and for the rest
//! they say so.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};

/// A program that is stood in for.
pub(super) struct Original {
    /// Its name.
    pub(super) name: &'static str,
    /// Where to get it.
    pub(super) page: &'static str,
}

/// Why an applet does not run.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What to print.
    pub(super) text: String,
    /// What to end with: 0 where help was asked for, 2 where the arguments are wrong.
    pub(super) code: u8,
}

impl Refusal {
    /// Prints the text where it belongs.
    pub(super) fn report(&self) -> ExitCode {
        if self.code == 0 {
            super::screen::Screen::standard().print(&self.text);
        } else {
            eprint!("{}", self.text);
        }
        ExitCode::from(self.code)
    }
}

/// Reads the arguments behind the program's name.
pub(super) fn parse<P: Parser>(original: &Original, arguments: &[OsString]) -> Result<P, Refusal> {
    let all = std::iter::once(OsString::from(original.name)).chain(arguments.iter().cloned());
    P::try_parse_from(all).map_err(|error| {
        let mut command = P::command();
        // Gives the flags of the program to its subcommands.
        command.build();
        refusal(original, &command, arguments, &error)
    })
}

fn refusal(
    original: &Original,
    command: &Command,
    arguments: &[OsString],
    error: &clap::Error,
) -> Refusal {
    let named = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let Original { name, page } = original;
    let (place, command) = reached(name, command, arguments);
    let missing = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            return Refusal {
                text: error.render().to_string(),
                code: 0,
            };
        }
        ErrorKind::InvalidSubcommand => {
            format!(
                "has no `{place} {}`; it has: {}",
                named(ContextKind::InvalidSubcommand),
                subcommands(command)
            )
        }
        ErrorKind::UnknownArgument => {
            let argument = named(ContextKind::InvalidArg);
            format!(
                "does not know `{argument}` of `{place}`; it knows: {}",
                flags(command)
            )
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            format!("needs to know what to do: {}", subcommands(command))
        }
        _ => {
            let text = error.render().to_string();
            return Refusal {
                text: format!("{text}{}", hint(name, page)),
                code: 2,
            };
        }
    };
    let text = format!(
        "error: the {name} in seatrial {missing}\n{}",
        hint(name, page)
    );
    Refusal { text, code: 2 }
}

fn hint(name: &str, page: &str) -> String {
    format!("For everything else install {name}: {page}\n")
}

/// The subcommand that the arguments lead to, and its name.
fn reached<'a>(name: &str, command: &'a Command, arguments: &[OsString]) -> (String, &'a Command) {
    let (mut place, mut command) = (name.to_owned(), command);
    for argument in arguments {
        if let Some(inner) = argument
            .to_str()
            .and_then(|name| command.find_subcommand(name))
        {
            place.push_str(&format!(" {}", inner.get_name()));
            command = inner;
        }
    }
    (place, command)
}

fn subcommands(command: &Command) -> String {
    let names = command
        .get_subcommands()
        .map(Command::get_name)
        .filter(|name| *name != "help");
    names.collect::<Vec<_>>().join(", ")
}

fn flags(command: &Command) -> String {
    let names: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(|long| (long, argument.get_short())))
        .map(|(long, short)| match short {
            Some(short) => format!("--{long} (-{short})"),
            None => format!("--{long}"),
        })
        .collect();
    names.join(", ")
}
