//! Instructions that change the configuration only.

use super::{Error, Stage, is_reserved};
use crate::dockerfile::{Command, Instruction, Step};
use crate::image::Healthcheck;

/// The shell of the shell form, where `SHELL` names none.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];

impl Stage<'_> {
    pub(super) fn metadata(&mut self, step: &Step) -> Result<(), Error> {
        let line = step.line;
        match &step.instruction {
            Instruction::Arg(list) => return self.declare(list, line),
            Instruction::Env(pairs) => {
                // All values see the environment from before the line.
                let values = self.expanded(pairs, line)?;
                for (name, value) in values {
                    self.config.config.set_env(&name, &value);
                }
            }
            Instruction::Label(pairs) => {
                for (name, value) in self.expanded(pairs, line)? {
                    if is_reserved(&name) {
                        return Err(self.failure(
                            line,
                            format!("label {name} is set by FROM; it cannot be changed"),
                        ));
                    }
                    self.config.config.labels.insert(name, value);
                }
            }
            Instruction::User(user) => self.config.config.user = self.expand(user, line)?,
            Instruction::Expose(ports) => {
                for port in ports {
                    let port = self.expand(port, line)?;
                    for port in ports_of(&port).map_err(|problem| self.failure(line, problem))? {
                        self.config.config.exposed_ports.insert(port);
                    }
                }
            }
            Instruction::Volume(paths) => {
                for path in paths {
                    let path = self.expand(path, line)?;
                    self.config.config.volumes.insert(path);
                }
            }
            Instruction::Entrypoint(command) => {
                self.config.config.entrypoint = self.in_form(command);
                if !self.has_command {
                    // The base's arguments were for the base's program.
                    self.config.config.cmd.clear();
                }
            }
            Instruction::Cmd(command) => {
                self.config.config.cmd = self.in_form(command);
                self.has_command = true;
            }
            Instruction::Shell(list) => self.config.config.shell.clone_from(list),
            Instruction::StopSignal(signal) => {
                self.config.config.stop_signal = self.expand(signal, line)?;
            }
            Instruction::Healthcheck(check, command) => {
                self.config.config.healthcheck = Some(healthcheck(check, command.as_ref()));
            }
            Instruction::OnBuild(text) => self.config.config.on_build.push(text.clone()),
            Instruction::Maintainer(name) => self.config.author = Some(name.clone()),
            Instruction::Run(..)
            | Instruction::Copy(_)
            | Instruction::Add(_)
            | Instruction::Workdir(_) => {}
        }
        Ok(())
    }

    fn expanded(
        &self,
        pairs: &[(String, String)],
        line: usize,
    ) -> Result<Vec<(String, String)>, Error> {
        pairs
            .iter()
            .map(|(name, value)| Ok((self.expand(name, line)?, self.expand(value, line)?)))
            .collect()
    }

    /// `ARG`: the value of `--build-arg`, else the default, else that of the `ARG` before the first `FROM`.
    fn declare(&mut self, list: &[(String, Option<String>)], line: usize) -> Result<(), Error> {
        for (name, default) in list {
            let default = default
                .as_deref()
                .map(|text| self.expand(text, line))
                .transpose()?;
            let asked = self.job.request.arguments.get(name).cloned();
            let global = || self.job.globals.get(name).cloned();
            if let Some(value) = asked.or(default).or_else(global) {
                self.arguments.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    pub(super) fn shell(&self) -> Vec<String> {
        match self.config.config.shell.as_slice() {
            [] => DEFAULT_SHELL
                .iter()
                .map(|part| (*part).to_owned())
                .collect(),
            shell => shell.to_vec(),
        }
    }

    fn in_form(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(list) => list.clone(),
            Command::Shell(text) => self.shell().into_iter().chain([text.clone()]).collect(),
        }
    }
}

fn healthcheck(check: &Healthcheck, command: Option<&Command>) -> Healthcheck {
    let mut check = check.clone();
    match command {
        None => {}
        Some(Command::Exec(list)) => {
            check.test = [&["CMD".to_owned()], list.as_slice()].concat();
        }
        Some(Command::Shell(text)) => check.test = vec!["CMD-SHELL".to_owned(), text.clone()],
    }
    check
}

/// `8080`, `8080/udp`, `8000-8002/tcp` as single ports with their protocol.
fn ports_of(text: &str) -> Result<Vec<String>, String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last))
            if first <= last && matches!(protocol.as_str(), "tcp" | "udp" | "sctp") =>
        {
            Ok((first..=last)
                .map(|port| format!("{port}/{protocol}"))
                .collect())
        }
        _ => Err(format!(
            "EXPOSE {text} is no port such as 8080, 53/udp or 8000-8010"
        )),
    }
}
