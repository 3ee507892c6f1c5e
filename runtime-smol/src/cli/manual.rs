//! `consort man`: the manual page, made from the same definition as the help texts. One page holds all commands.

use super::args::Args;
use super::failure::Failure;
use super::output;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use std::io;

pub(crate) fn print() -> Result<(), Failure> {
    let page = page().map_err(|error| Failure::new(format!("The page cannot be made: {error}")))?;
    output::text(&page)
}

fn page() -> io::Result<String> {
    let command = without_hints(Args::command());
    let names: Vec<Command> = command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned().collect();
    let man = Man::new(command.clone()).title("CONSORT").section("1").manual("Consort");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut page = text(page);
    page += ".SH COMMANDS\n";
    for verb in names {
        page += &section(verb)?;
    }
    let mut rest = Vec::new();
    man.render_extra_section(&mut rest)?;
    man.render_version_section(&mut rest)?;
    // The text after the help is laid out for a terminal: its lines stay.
    let rest = text(rest);
    let laid_out =
        rest.replacen(".SH EXTRA\n", ".SH \"MORE\"\n.nf\n", 1).replacen(".SH VERSION", ".fi\n.SH VERSION", 1);
    Ok(page + &laid_out)
}

/// One command: a heading, then what its own page would say.
fn section(verb: Command) -> io::Result<String> {
    let name = verb.get_name().to_string();
    let full = format!("consort {name}");
    let man = Man::new(verb.bin_name(&full).display_name(&full));
    let mut own = Vec::new();
    man.render_synopsis_section(&mut own)?;
    man.render_description_section(&mut own)?;
    man.render_options_section(&mut own)?;
    let own = text(own)
        .replace(".SH SYNOPSIS\n", &format!(".SS \"{full}\"\n"))
        .replace(".SH DESCRIPTION\n", ".PP\n")
        .replace(".SH OPTIONS\n", ".PP\n");
    // Only the first page needs to define what is used by all.
    Ok(own
        .lines()
        .filter(|line| !line.starts_with(".ie") && !line.starts_with(".el"))
        .fold(String::new(), |page, line| page + line + "\n"))
}

/// `--help` and `--version`, which every command has, are described once.
fn without_hints(command: Command) -> Command {
    command.mut_subcommands(|verb| verb.disable_help_flag(true))
}

fn text(page: Vec<u8>) -> String {
    String::from_utf8_lossy(&page).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_describes_every_command_and_flag() {
        let page = page().unwrap();
        let command = Args::command();
        assert!(page.contains(".TH CONSORT 1") && page.contains("Exit codes"), "{page}");
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            assert!(page.contains(&format!(".SS \"consort {}\"\n", verb.get_name())), "{}", verb.get_name());
            for flag in verb.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let Some(long) = flag.get_long().filter(|long| *long != "help") else { continue };
                let written = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(page.contains(&written), "{} --{long}", verb.get_name());
            }
        }
        assert!(!page.contains("detached"), "what is hidden is hidden here, too");
    }
}
