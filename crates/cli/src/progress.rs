//! A progress bar on standard error, on a terminal only.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps of the bar; parts done are fractions.
const STEPS: u64 = 1000;

/// A bar with elapsed time and an estimate of what is left.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that shows itself only if standard error is a terminal.
    pub fn new() -> Self {
        let bar = ProgressBar::new(STEPS);
        if std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(measured());
            bar.enable_steady_tick(Duration::from_millis(250));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        Self { bar }
    }

    /// Says what is being done where nobody knows how long it takes.
    pub fn wait(&self, what: &str) {
        let style = ProgressStyle::with_template("{elapsed_precise} {spinner} {wide_msg}");
        self.bar.set_style(style.expect("the template is legal"));
        self.bar.set_message(what.to_owned());
    }

    /// Says what is being done and how much is done, 0 to 1.
    pub fn tell(&self, what: &str, part: f64) {
        self.bar.set_style(measured());
        self.bar.set_position((part * STEPS as f64) as u64);
        self.bar.set_message(what.to_owned());
    }
}

fn measured() -> ProgressStyle {
    let style = "{elapsed_precise} {bar:30} {percent:>3}% {eta:>4} left  {wide_msg}";
    let style = ProgressStyle::with_template(style).expect("the template is legal");
    style.progress_chars("━╸ ")
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
