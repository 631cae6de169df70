//! A headless browser, told what to do by the WebDriver protocol: as much of it as the tests need, over the HTTP client
//! that the workspace has anyway.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Set where a missing browser is a failure and no reason to skip.
const REQUIRED: &str = "PLAYLIST_REQUIRE_BROWSER";

/// How long the driver may take to answer: far longer than anything measured here.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one window; both it and its driver end with this value.
pub struct Browser {
    driver: Child,
    session: String,
    agent: ureq::Agent,
    /// A fresh profile, so that nothing is remembered.
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser; `None`, with the reason on standard error, where there is none and none is required.
    pub fn start() -> Option<Self> {
        match Self::try_start() {
            Ok(browser) => Some(browser),
            Err(why) => {
                assert!(
                    std::env::var_os(REQUIRED).is_none(),
                    "a browser is required: {why}"
                );
                eprintln!(
                    "skipped: {why}; install chromium and chromedriver, or set {REQUIRED}=1 to make this a failure"
                );
                None
            }
        }
    }

    fn try_start() -> Result<Self, String> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("chromedriver could not be started ({error})"))?;
        let output = driver.stdout.take().ok_or("chromedriver has no output")?;
        let port = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            });
        let agent = ureq::AgentBuilder::new().timeout(PATIENCE).build();
        let profile = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut browser = Self {
            driver,
            session: String::new(),
            agent,
            _profile: profile,
        };
        let port = port.ok_or("chromedriver names no port")?;
        browser.session = format!("http://127.0.0.1:{port}/session");
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            &folder,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let answer = browser.post("", &wanted)?;
        let id = answer["sessionId"]
            .as_str()
            .ok_or("chromedriver names no session")?;
        browser.session = format!("{}/{id}", browser.session);
        Ok(browser)
    }

    fn post(&self, command: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(&format!("{}{command}", self.session));
        let answer = match request.send_string(&body.to_string()) {
            Ok(answer) | Err(ureq::Error::Status(_, answer)) => answer,
            Err(error) => return Err(error.to_string()),
        };
        let text = answer.into_string().map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        match answer["value"].get("error") {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].take()),
        }
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        self.post(command, body)
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Opens a file from disk, and forgets what was logged before.
    pub fn open(&self, page: &Path) {
        // Whatever page the browser begins with is left first.
        self.command("/url", &json!({"url": "about:blank"}));
        self.log("browser");
        self.log("performance");
        self.command("/url", &json!({"url": format!("file://{}", page.display())}));
        // The driver may come back while a large page is still being read.
        let start = Instant::now();
        while self.run("return location.protocol === 'file:' && document.readyState === 'complete'")
            != json!(true)
        {
            assert!(
                start.elapsed() < PATIENCE,
                "the page is not ready after {PATIENCE:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What `script`, the body of a function, returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text that `script` returns.
    pub fn text(&self, script: &str) -> String {
        let value = self.run(script);
        value
            .as_str()
            .unwrap_or_else(|| panic!("no text: {value}"))
            .to_owned()
    }

    /// The number that `script` returns.
    pub fn number(&self, script: &str) -> f64 {
        let value = self.run(script);
        value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
    }

    /// Presses a key while the element is in focus.
    pub fn press(&self, selector: &str, key: char) {
        let found = self.command("/element", &json!({"using": "css selector", "value": selector}));
        let id = found
            .as_object()
            .and_then(|found| found.values().next()?.as_str())
            .expect("an element has an id");
        self.command(&format!("/element/{id}/value"), &json!({"text": key.to_string()}));
    }

    /// A command of the browser's own protocol.
    pub fn devtools(&self, command: &str, params: &Value) {
        self.command("/goog/cdp/execute", &json!({"cmd": command, "params": params}));
    }

    /// What was logged since the last time: `browser` is the console, `performance` every request.
    pub fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.command("/se/log", &json!({"type": kind}));
        entries.as_array().cloned().unwrap_or_default()
    }

    /// The addresses that were asked for since the page was opened, but those of the browser's own first page, which may
    /// still be loading.
    pub fn requests(&self) -> Vec<String> {
        let messages = self.log("performance").into_iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            let is_own = message["params"]["documentURL"]
                .as_str()
                .is_some_and(|url| url.starts_with("chrome"));
            let url = message["params"]["request"]["url"].as_str();
            url.filter(|_| is_request && !is_own).map(str::to_owned)
        });
        messages.collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser that it started.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
