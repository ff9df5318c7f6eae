//! `lacre man`: the manual pages, made of what the command line says of itself.

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::exit::Failure;
use crate::output;

/// Prints the page of the whole, or writes one page for it and for each subcommand into a folder.
pub(super) fn run(to: Option<&Path>, json: bool) -> Result<(), Failure> {
    let Some(folder) = to else {
        let mut page = Vec::new();
        let rendered = Man::new(Cli::command()).render(&mut page);
        rendered.map_err(|error| Failure::io("the page cannot be made", &error))?;
        return output::line(String::from_utf8_lossy(&page).trim_end());
    };
    let failed = |error| Failure::io(format!("{} cannot be written", folder.display()), &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    match json {
        true => output::object(&serde_json::json!({"to": folder.display().to_string()})),
        false => output::line(&format!(
            "The pages are in {folder}; `man {folder}/lacre.1` shows the first.",
            folder = folder.display()
        )),
    }
}
