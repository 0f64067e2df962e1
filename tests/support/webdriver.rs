//! A headless Chromium, driven through chromedriver by the WebDriver protocol (W3C) over plain HTTP.

use base64::Engine as _;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Longest that one command may take; drawing in software on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the browser and its driver are, when both are on the PATH.
pub fn programs() -> Option<(PathBuf, PathBuf)> {
    let browser =
        ["chromium", "chromium-browser", "google-chrome", "chrome"].into_iter().find_map(on_path)?;
    Some((browser, on_path("chromedriver")?))
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Where a finger is put, from the middle of an element, and how far from there it is lifted, CSS pixels.
type Finger = ((i64, i64), (i64, i64));

/// One browser with one window; gone when dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts the driver on a free port and opens a window of `width` by `height`.
    pub fn open((browser, driver): (PathBuf, PathBuf), width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(driver);
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // The browser is the driver's child; a group of their own lets one signal end both.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut driver = command.spawn().unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "chromedriver stopped before it was ready");
            if let Some((_, rest)) = line.split_once("successfully on port ") {
                break rest.trim().trim_end_matches('.').parse().unwrap();
            }
        };
        let mut this = Self { driver, port, session: String::new(), _profile: profile };
        let profile = this._profile.path().display();
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": {
                "binary": browser,
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-dev-shm-usage", format!("--window-size={width},{height}"),
                    format!("--user-data-dir={profile}"),
                ],
            },
        } } });
        let made = this.command("POST", "/session", &capabilities);
        this.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        this.post("/timeouts", &json!({ "script": 30_000, "pageLoad": 60_000 }));
        this
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    /// One command: its value, or what the driver says went wrong.
    fn try_command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let say = |error: std::io::Error| error.to_string();
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(say)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(say)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).map_err(say)?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).map_err(say)? == 0 || line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(|_| "a length that is no number")?;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).map_err(say)?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) if !error.is_null() => Err(format!("{error}: {}", value["message"])),
            _ => Ok(value),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.command("POST", &format!("{}{path}", self.session), body)
    }

    fn get(&self, path: &str) -> Value {
        self.command("GET", &format!("{}{path}", self.session), &Value::Null)
    }

    /// Opens an address.
    pub fn visit(&self, address: &str) {
        self.post("/url", &json!({ "url": address }));
    }

    fn element(&self, css: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css }));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// The value of a JavaScript function's body.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The text of the first element that matches, whether it is seen or not.
    pub fn text(&self, css: &str) -> String {
        let found = self.run(&format!("return document.querySelector({})?.textContent ?? ''", json!(css)));
        found.as_str().unwrap().to_owned()
    }

    /// Clicks the middle of an element.
    pub fn click(&self, css: &str) {
        self.post(&format!("/element/{}/click", self.element(css)), &json!({}));
    }

    /// Types into an element; `\u{E000}` and above are the protocol's special keys.
    pub fn keys(&self, css: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.element(css)), &json!({ "text": text }));
    }

    /// Empties a field, then types.
    pub fn fill(&self, css: &str, text: &str) {
        self.post(&format!("/element/{}/clear", self.element(css)), &json!({}));
        self.keys(css, text);
    }

    /// Presses the mouse on an element at (x, y) from its middle and lets go `by` pixels further.
    pub fn drag(&self, css: &str, (x, y): (i64, i64), by: (i64, i64)) {
        let origin = json!({ ELEMENT: self.element(css) });
        let go = |x: i64, y: i64, duration: u32| json!({ "type": "pointerMove", "origin": origin, "x": x, "y": y, "duration": duration });
        self.post(
            "/actions",
            &json!({ "actions": [{ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": [
                go(x, y, 0), { "type": "pointerDown", "button": 0 }, go(x + by.0, y + by.1, 200), { "type": "pointerUp", "button": 0 },
            ] }] }),
        );
    }

    /// Puts fingers on an element, each at (x, y) from its middle, and lifts them `by` pixels further, all at once.
    pub fn touch(&self, css: &str, fingers: &[Finger]) {
        let origin = json!({ ELEMENT: self.element(css) });
        let go = |x: i64, y: i64, duration: u32| json!({ "type": "pointerMove", "origin": origin, "x": x, "y": y, "duration": duration });
        let finger = |(n, &((x, y), by)): (usize, &Finger)| {
            json!({ "type": "pointer", "id": format!("finger{n}"), "parameters": { "pointerType": "touch" }, "actions": [
                go(x, y, 0), { "type": "pointerDown", "button": 0 }, go(x + by.0, y + by.1, 300), { "type": "pointerUp", "button": 0 },
            ] })
        };
        let fingers: Vec<Value> = fingers.iter().enumerate().map(finger).collect();
        self.post("/actions", &json!({ "actions": fingers }));
    }

    /// Clicks an element at (x, y) from its middle.
    pub fn press(&self, css: &str, at: (i64, i64)) {
        self.drag(css, at, (0, 0));
    }

    /// A picture of the window.
    pub fn picture(&self) -> image::RgbImage {
        let encoded = self.get("/screenshot");
        let png = base64::prelude::BASE64_STANDARD.decode(encoded.as_str().unwrap()).unwrap();
        image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().into_rgb8()
    }

    /// A command of the browser's own protocol for developers.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The addresses that pages of servers have asked for since the last call; the browser's own first page asks for much.
    pub fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "performance" }));
        let messages = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| -> Value { serde_json::from_str(entry["message"].as_str().unwrap()).unwrap() });
        messages
            .filter(|told| told["message"]["method"] == "Network.requestWillBeSent")
            .map(|mut told| told["message"]["params"].take())
            .filter(|sent| sent["documentURL"].as_str().is_some_and(|page| page.starts_with("http")))
            .map(|sent| sent["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What the page has written to the console since the last call: (level, message).
    pub fn console(&self) -> Vec<(String, String)> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = entries.as_array().unwrap();
        entries.iter().map(|entry| (text(entry, "level"), text(entry, "message"))).collect()
    }

    /// Asks again and again until `done` answers, and panics with `what` after `patience`.
    pub fn wait<T>(&self, what: &str, patience: Duration, mut done: impl FnMut(&Self) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(answer) = done(self) {
                return answer;
            }
            assert!(
                since.elapsed() < patience,
                "waited {patience:?} for {what}; console: {:?}",
                self.console()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Closes the browser; where that fails the signal below does.
            let _ = self.try_command("DELETE", &self.session, &Value::Null);
        }
        #[cfg(unix)]
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.driver.id())]).status();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
