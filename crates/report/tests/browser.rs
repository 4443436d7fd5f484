//! The page in a real browser, where one is present.

#[path = "sample/mod.rs"]
mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first headless-capable Chromium on the path.
fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&std::env::var_os("PATH")?)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
}

/// Renders `page` at the given window size and returns the picture.
fn screenshot(browser: &Path, page: &Path, width: u32, height: u32) -> image::RgbImage {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let target = folder.path().join("page.png");
    let status = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg("--hide-scrollbars")
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", target.display()))
        .arg(format!("file://{}", page.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the browser starts");
    assert!(status.success(), "{status}");
    image::open(&target)
        .expect("the browser wrote a PNG")
        .to_rgb8()
}

/// Share of pixels that are not the page's background.
fn inked(picture: &image::RgbImage) -> f64 {
    let background = *picture.get_pixel(1, 1);
    picture
        .pixels()
        .filter(|&&pixel| pixel != background)
        .count() as f64
        / f64::from(picture.width() * picture.height())
}

#[test]
fn the_pages_render_on_a_phone_and_on_a_desktop() {
    let Some(browser) = chromium() else {
        eprintln!("skipped: chromium is not installed");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = [
        (
            "report",
            sample::report().html(),
            [(500, 2600), (1200, 1800)],
        ),
        (
            "training",
            sample::training().html(),
            [(500, 1700), (1200, 1000)],
        ),
    ];
    for (name, html, sizes) in pages {
        let page = folder.path().join(format!("{name}.html"));
        std::fs::write(&page, html.expect("the page renders")).expect("the page is written");
        renders(&browser, &page, name, &sizes);
    }
}

fn renders(browser: &Path, page: &Path, name: &str, sizes: &[(u32, u32)]) {
    for &(width, height) in sizes {
        let picture = screenshot(browser, page, width, height);
        assert_eq!(picture.width(), width);
        assert!(
            inked(&picture) > 0.3,
            "{name}, {width} wide: the page is almost empty"
        );
        // Nothing sticks out: the right-hand margin is background all the way down.
        let background = *picture.get_pixel(1, 1);
        let margin = (0..height).all(|y| *picture.get_pixel(width - 2, y) == background);
        assert!(
            margin,
            "{name}, {width} wide: something overflows to the right"
        );
        if let Some(keep) = std::env::var_os("KEEP_SCREENSHOTS") {
            let name = format!("{name}-{width}.png");
            picture
                .save(Path::new(&keep).join(name))
                .expect("the picture is kept");
        }
    }
}
