//! Chromium without a window, driven as a person drives it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::citizen::{PATIENCE, a_moment};

/// WebDriver's names of keys (W3C WebDriver, section 17.4.2).
const SHIFT: char = '\u{e008}';
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
/// Stops of the Tab key before a page is taken for a trap.
const STOPS_MAX: usize = 60;
/// The narrowest screen that pages are made for (WCAG 2.2, 1.4.10), in CSS pixels.
const NARROWEST: (u32, u32) = (320, 640);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    Light,
    Dark,
}

pub struct Browser {
    client: Client,
    session: String,
    axe: String,
    _driver: Driver,
    _profile: TempDir,
}

/// The driver's process, ended with the test. Chromium ends with it.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start(program: PathBuf) -> Self {
        let child = Command::new(program).arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("CRIEUR_CHROMEDRIVER names a program");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        let url = format!("http://127.0.0.1:{}", port.expect("chromedriver names its port"));
        // What it says later must go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Nothing where no driver is named: `cargo xtask test` names one.
    pub async fn opens() -> Option<Self> {
        let Some(program) = std::env::var_os("CRIEUR_CHROMEDRIVER") else {
            println!("left out: CRIEUR_CHROMEDRIVER is not set (`cargo xtask test` sets it)");
            return None;
        };
        let axe = std::env::var("CRIEUR_AXE_JS").expect("CRIEUR_AXE_JS is set beside CRIEUR_CHROMEDRIVER");
        let axe = std::fs::read_to_string(axe).expect("CRIEUR_AXE_JS names axe-core's script");
        let driver = Driver::start(program.into());
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--lang=fr",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({ "args": arguments, "prefs": { "intl.accept_languages": "fr" } });
        let capabilities = serde_json::Map::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&driver.url).await;
        let client = client.expect("chromedriver opens a Chromium");
        let session = client.session_id().await.unwrap().unwrap();
        Some(Self { client, session, axe, _driver: driver, _profile: profile })
    }

    pub async fn closes(self) {
        self.client.close().await.unwrap();
    }

    pub async fn visits(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub async fn reloads(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Runs a script in the page and gives what it returns.
    pub async fn asks(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    pub async fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.asks(script).await != true {
            if Instant::now() > deadline {
                panic!(
                    "waited in vain for {what}; the page says:\n{}",
                    self.asks("return document.body.innerText").await
                );
            }
            a_moment().await;
        }
    }

    pub async fn sees(&self, words: &str) {
        let plain = "document.body.innerText.replace(/[\\u00a0\\u202f]/g, ' ')";
        self.until(&format!("{words:?}"), &format!("return {plain}.includes({})", json!(words))).await;
    }

    pub async fn finds(&self, selector: &str) {
        let script = format!("return document.querySelector({}) !== null", json!(selector));
        self.until(&format!("{selector:?}"), &script).await;
    }

    /// Presses keys, whatever has the focus. A line feed is the Enter key.
    pub async fn types(&self, words: &str) {
        let keys = words.chars().map(|letter| if letter == '\n' { ENTER } else { letter });
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    async fn tab(&self, backwards: bool) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        if backwards {
            actions = actions.then(KeyAction::Down { value: SHIFT });
        }
        actions = actions.then(KeyAction::Down { value: TAB }).then(KeyAction::Up { value: TAB });
        if backwards {
            actions = actions.then(KeyAction::Up { value: SHIFT });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Goes to an element by the Tab key.
    pub async fn tabs_to(&self, selector: &str) {
        let there = format!("return document.activeElement.matches({})", json!(selector));
        for _ in 0..STOPS_MAX {
            if self.asks(&there).await == true {
                return;
            }
            self.tab(false).await;
        }
        panic!("{selector} is not reached by keyboard");
    }

    /// Goes up to a button by Shift and Tab, as from the message field to the latest message; waits until it is there.
    pub async fn tabs_back_to_button(&self, label: &str) {
        self.until(&format!("a button {label:?}"), &format!("return {} !== undefined", button(label))).await;
        let there = format!("return document.activeElement === {}", button(label));
        for _ in 0..STOPS_MAX {
            if self.asks(&there).await == true {
                return;
            }
            self.tab(true).await;
        }
        panic!("{label:?} is not reached by keyboard");
    }

    /// Writes in the message field and sends it.
    pub async fn writes(&self, words: &str) {
        self.client.find(Locator::Css("#text")).await.unwrap().send_keys(&format!("{words}{ENTER}")).await.unwrap();
    }

    /// Presses the latest button whose label begins with `label`, with the mouse.
    pub async fn presses(&self, label: &str) {
        self.until(&format!("a button {label:?}"), &format!("return {} !== undefined", button(label))).await;
        self.asks(&format!("{}.click()", button(label))).await;
    }

    pub async fn presses_selector(&self, selector: &str) {
        self.client.find(Locator::Css(selector)).await.unwrap().click().await.unwrap();
    }

    /// Chromium's own protocol, for what WebDriver has no word for: screen sizes and colour schemes.
    async fn emulates(&self, command: &str, parameters: Value) {
        let url = format!("{}/session/{}/goog/cdp/execute", self._driver.url, self.session);
        let body = json!({ "cmd": command, "params": parameters });
        let response = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    async fn on_a_screen_of(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.emulates("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    async fn prefers(&self, scheme: Scheme) {
        let value = if scheme == Scheme::Dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.emulates("Emulation.setEmulatedMedia", features).await;
    }

    async fn on_its_own_screen(&self) {
        self.emulates("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    /// On the narrowest screen nothing has to be scrolled sideways.
    pub async fn fits(&self, page: &str) {
        self.on_a_screen_of(NARROWEST.0, NARROWEST.1).await;
        let wider = "return [document.documentElement, document.body, document.querySelector('#scroll')]
            .filter(element => element && element.scrollWidth > element.clientWidth)
            .map(element => `${element.tagName} ${element.scrollWidth} > ${element.clientWidth}`)";
        assert_eq!(self.asks("return innerWidth").await, NARROWEST.0);
        assert_eq!(self.asks(wider).await, json!([]), "{page} is scrolled sideways");
        self.on_its_own_screen().await;
    }

    /// axe-core finds nothing against the rules of WCAG 2.2 A and AA, and nothing against its own good practices.
    pub async fn satisfies_axe(&self, page: &str, scheme: Scheme) {
        self.prefers(scheme).await;
        // A new message appears with a short movement: colours are judged when it has ended.
        let at_rest = "return document.getAnimations().every(animation => animation.playState === 'finished' ||
            animation.effect.getTiming().iterations === Infinity)";
        self.until("the page is at rest", at_rest).await;
        self.client.execute(&self.axe, Vec::new()).await.unwrap();
        let judge = "const done = arguments[arguments.length - 1];
            axe.run(document).then(
                result => done({
                    passes: result.passes.length,
                    violations: result.violations.map(rule => `${rule.id}: ${rule.help}: `
                        + rule.nodes.map(node => node.html + ' ' + (node.any[0] || {}).message).join(' | ')),
                }),
                error => done({ passes: 0, violations: [String(error)] }),
            )";
        let judged = self.client.execute_async(judge, Vec::new()).await.unwrap();
        assert_eq!(judged["violations"], json!([]), "{page}, {scheme:?}");
        assert!(judged["passes"].as_u64().unwrap() > 10, "{page}: axe looked at something");
    }

    /// Keeps a picture of the page where somebody asked for pictures.
    pub async fn screenshot(&self, name: &str, scheme: Scheme, width: u32, height: u32) {
        let Some(folder) = std::env::var_os("CRIEUR_SCREENSHOTS") else { return };
        self.on_a_screen_of(width, height).await;
        self.prefers(scheme).await;
        self.emulates("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        let at_rest = "return document.getAnimations().every(animation => animation.playState === 'finished')";
        self.until("the page is at rest", at_rest).await;
        let picture = self.client.screenshot().await.unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), picture).unwrap();
        self.emulates("Emulation.setScrollbarsHidden", json!({ "hidden": false })).await;
        self.on_its_own_screen().await;
    }
}

/// The latest button of the conversation whose label begins so, in JavaScript.
fn button(label: &str) -> String {
    format!(
        "[...document.querySelectorAll('#log button[data-action]')].reverse().find(button => \
         button.innerText.replace(/[\\u00a0\\u202f]/g, ' ').trim().startsWith({}))",
        json!(label)
    )
}
