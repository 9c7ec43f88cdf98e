//! What the browser tests need: Chromium with its driver, and axe-core.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use embedded_postgres::{Wheel, WheelFile, default_cache_dir};

use crate::cargo;

/// Carries axe-core's single script.
const AXE: Wheel = Wheel {
    name: "axe-playwright-python",
    version: "0.1.8",
    files: &[WheelFile {
        platform: ("any", "any"),
        sha256: "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8",
        size_bytes: 160_681,
    }],
};
const AXE_SCRIPT: &str = "axe_playwright_python/axe.min.js";

const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
/// Where distributions keep it when it is not on PATH.
const OTHER_PLACES: [&str; 2] = ["/usr/lib/chromium", "/usr/lib/chromium-browser"];

/// The script to load into a page that is checked for accessibility.
pub fn axe_script() -> Result<PathBuf> {
    let files = AXE.fetch(&default_cache_dir(), true).context("fetching axe-core")?;
    Ok(files.join(AXE_SCRIPT))
}

/// The driver of an installed Chromium. Installs both where this may be done: as root, with apt.
pub fn chromedriver() -> Result<PathBuf> {
    if let Some(driver) = find_chromedriver() {
        return Ok(driver);
    }
    let command = format!("apt-get install -y --no-install-recommends {}", PACKAGES.join(" "));
    let has_apt = Path::new("/usr/bin/apt-get").exists();
    if !has_apt || !nix::unistd::geteuid().is_root() {
        bail!("the browser tests need Chromium and its driver: install them (on Debian: sudo {command})");
    }
    let apt = |arguments: &[&str]| {
        cargo::run(
            Command::new("apt-get")
                .args(["-q", "-o", "DPkg::Lock::Timeout=300"])
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(std::process::Stdio::null()),
        )
    };
    apt(&["update"])
        .and_then(|()| apt(&["install", "-y", "--no-install-recommends", PACKAGES[0], PACKAGES[1]]))
        .with_context(|| format!("installing Chromium; try it by hand: {command}"))?;
    find_chromedriver().context("chromium-driver is installed, yet there is no program chromedriver")
}

fn find_chromedriver() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(OTHER_PLACES.map(PathBuf::from))
        .map(|directory| directory.join("chromedriver"))
        .find(|program| program.is_file())
}
