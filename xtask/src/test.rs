//! `cargo xtask test`: every test there is.

use crate::run::{Outcome, Steps, cargo, run};
use crate::{programs, sdk};

/// Runs all tests. Further arguments go to nextest (a filter, for instance), and then the examples are left out.
pub fn test(args: &[String]) -> Outcome {
    programs::nextest()?;
    let mut steps = Steps::default();
    steps.step("tests", || {
        let mut command = cargo(&["nextest", "run", "--workspace"]);
        if std::env::var_os("CI").is_some() {
            command.args(["--profile", "ci"]);
        }
        run(command.args(args))
    })?;
    if args.is_empty() {
        steps.step("examples in the documentation", || run(&mut cargo(&["test", "--workspace", "--doc"])))?;
        steps.step("clients that others wrote, on the business node", sdk::step)?;
        steps.step("the business node's API, under its own description", sdk::schema_step)?;
    }
    steps.close("test");
    Ok(())
}
