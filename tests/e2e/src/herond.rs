//! The daemon under test, and what an installer's page would ask of it.

use anyhow::{Context, Result, bail, ensure};
use heron_core::WallTime;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The name and password of the owner in every test.
pub const OWNER: (&str, &str) = ("owner", "correct horse battery");

/// A box: its folder, and the daemon while it runs.
#[derive(Debug)]
pub struct Box {
    dir: tempfile::TempDir,
    /// Its plain HTTP port on loopback.
    pub port: u16,
    /// Its volumes, and what the configuration says of each besides its path.
    volumes: Vec<(PathBuf, String)>,
    child: Option<Child>,
    token: Option<String>,
    client: reqwest::Client,
}

/// The daemon that Cargo built beside this test.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    test.ancestors().nth(2).unwrap_or(Path::new(".")).join("herond")
}

impl Box {
    /// A new box with one volume, not started.
    ///
    /// # Errors
    /// When there is no room for its folder, or the daemon has not been built (`cargo build --workspace --bins`).
    pub fn new() -> Result<Self> {
        ensure!(program().exists(), "{} is not built: cargo build --workspace --bins", program().display());
        // Fails when an earlier test of this process has done it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let volumes = vec![(dir.path().join("footage"), String::new())];
        let made = Self { dir, port, volumes, child: None, token: None, client: reqwest::Client::new() };
        made.configure("")?;
        Ok(made)
    }

    /// Records to `volumes` from the next start on; each may have more keys, such as `quota_bytes = 1`.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn set_volumes(&mut self, volumes: &[(&Path, &str)]) -> Result<()> {
        self.volumes = volumes.iter().map(|(path, more)| ((*path).to_owned(), (*more).to_owned())).collect();
        self.configure("")
    }

    /// Writes the configuration file anew, with `more` TOML at its end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, more: &str) -> Result<()> {
        let table = |(path, more): &(PathBuf, String)| match more.as_str() {
            "" => format!("{path:?}"),
            more => format!("{{ path = {path:?}, {more} }}"),
        };
        let volumes: Vec<String> = self.volumes.iter().map(table).collect();
        let text = format!(
            "data_dir = {:?}\nvolumes = [{}]\n[http]\nlisten = \"127.0.0.1:{}\"\n{more}",
            self.data(),
            volumes.join(", "),
            self.port
        );
        Ok(std::fs::write(self.configuration(), text)?)
    }

    /// The configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.dir.path().join("heron.toml")
    }
    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
    /// The (first) recording volume.
    pub fn volume(&self) -> PathBuf {
        self.volumes.first().map_or_else(|| self.dir.path().join("footage"), |v| v.0.clone())
    }
    /// The folder of everything that is the box's.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The daemon with its configuration. `HERON_DATA` is for the tests; the daemon would take it for a key.
    fn program(&self) -> Command {
        let mut command = Command::new(program());
        command.arg("--config").arg(self.configuration()).env_remove("HERON_DATA");
        command
    }

    /// Runs a subcommand to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.program().args(arguments).output()?)
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Errors
    /// When it ends or does not answer within 20 s; with its log.
    pub async fn start(&mut self) -> Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log())?;
        let child = self.program().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        self.child = Some(child);
        let begun = Instant::now();
        loop {
            if let Ok(answer) = self.client.get(self.url("/health/live")).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                bail!("herond ended with {status}: {}", self.log_text());
            }
            ensure!(begun.elapsed() < Duration::from_secs(20), "herond does not answer: {}", self.log_text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("herond.log")
    }

    /// Everything the daemon has printed.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Ends the daemon as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the daemon to stop: SIGTERM.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn terminate(&self) -> Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id())?).context("no process id")?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
    }

    /// Asks the daemon to stop (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When it does not end within 15 s, or not with success.
    pub async fn stop(&mut self) -> Result<()> {
        self.terminate()?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(15) {
            if let Some(status) = child.try_wait()? {
                ensure!(status.success(), "herond ended with {status}: {}", self.log_text());
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let _ = child.kill();
        bail!("herond did not stop within 15 s: {}", self.log_text())
    }

    /// The URL of `path` on this box.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Claims the box for [`OWNER`] with the token it wrote.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn claim(&mut self) -> Result<()> {
        let token = std::fs::read_to_string(self.data().join("claim-token")).context("no claim token")?;
        let body = json!({ "claim_token": token.trim(), "username": OWNER.0, "password": OWNER.1 });
        let answer = self.post("/setup", &body).await?;
        self.token = answer["access_token"].as_str().map(str::to_owned);
        Ok(())
    }

    /// Signs in as [`OWNER`].
    ///
    /// # Errors
    /// When it is refused.
    pub async fn sign_in(&mut self) -> Result<()> {
        let body = json!({ "username": OWNER.0, "password": OWNER.1 });
        let answer = self.post("/auth/login", &body).await?;
        self.token = answer["access_token"].as_str().map(str::to_owned);
        Ok(())
    }

    /// The access token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A request to the API, with the token when there is one.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, self.url(&format!("/api/v1{path}")));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET, JSON.
    ///
    /// # Errors
    /// When the answer is not a success; with its body.
    pub async fn get(&self, path: &str) -> Result<Value> {
        Self::json(self.request(reqwest::Method::GET, path)).await
    }

    /// POST, JSON.
    ///
    /// # Errors
    /// When the answer is not a success; with its body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        Self::json(self.request(reqwest::Method::POST, path).json(body)).await
    }

    /// PATCH, JSON.
    ///
    /// # Errors
    /// When the answer is not a success; with its body.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        Self::json(self.request(reqwest::Method::PATCH, path).json(body)).await
    }

    async fn json(request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        ensure!(status.is_success(), "status {status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }

    /// GET, bytes.
    ///
    /// # Errors
    /// When the answer is not a success; with its body.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        let answer = self.request(reqwest::Method::GET, path).send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(status.is_success(), "status {status}: {}", String::from_utf8_lossy(&body));
        Ok(body.to_vec())
    }

    /// Adds a camera and returns its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn add_camera(&self, body: &Value) -> Result<String> {
        let answer = self.post("/cameras", body).await?;
        Ok(answer["id"].as_str().context("no id")?.to_owned())
    }

    /// Waits until a camera's stream is online and returns the stream's status.
    pub async fn online(&self, camera: &str, stream: &str) -> Value {
        crate::eventually("the stream is online", Duration::from_secs(20), async || {
            let shown = self.get(&format!("/cameras/{camera}")).await.map_err(|e| e.to_string())?;
            let stream = &shown["status"]["streams"][stream];
            if stream["state"] == "online" && stream["codec"].is_string() {
                Ok(stream.clone())
            } else {
                Err(shown["status"].to_string())
            }
        })
        .await
    }

    /// Every recorded file of a stream, oldest first.
    pub fn files(&self, stream: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open: Vec<PathBuf> = self.volumes.iter().map(|v| v.0.join("recordings")).collect();
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.to_string_lossy().ends_with(&format!("-{stream}.mp4")) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// The timeline of a camera over the last hour and the next minute.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn timeline(&self, camera: &str) -> Result<Timeline> {
        let (start, end) = around_now();
        let answer = self.get(&format!("/cameras/{camera}/timeline?start={start}&end={end}")).await?;
        Timeline::read(&answer)
    }

    /// Waits until `stream` has at least `length` recorded in one span, and returns that span.
    pub async fn recorded(&self, camera: &str, stream: &str, length: Duration) -> (WallTime, WallTime) {
        let limit = length + Duration::from_secs(30);
        crate::eventually("enough is recorded", limit, async || {
            let timeline = self.timeline(camera).await.map_err(|e| e.to_string())?;
            let longest = timeline.spans(stream).max_by_key(|(start, end)| end.nanos_since(*start));
            match longest {
                Some((start, end)) if end.saturating_since(start) >= length => Ok((start, end)),
                other => Err(format!("{other:?} of {timeline:?}")),
            }
        })
        .await
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- herond printed:\n{}", self.log_text());
        }
    }
}

fn around_now() -> (WallTime, WallTime) {
    use heron_core::Clock;
    let now = heron_core::SystemClock.now();
    (now - Duration::from_secs(3600), now + Duration::from_secs(60))
}

/// What the box says it recorded, and what it did not.
#[derive(Debug)]
pub struct Timeline {
    spans: Vec<(String, WallTime, WallTime)>,
    gaps: Vec<(String, WallTime, WallTime, String)>,
}

impl Timeline {
    fn read(answer: &Value) -> Result<Self> {
        let time = |v: &Value| v.as_str().context("no time")?.parse::<WallTime>().map_err(anyhow::Error::msg);
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| answer[name].as_array().cloned().unwrap_or_default().into_iter();
        let spans = list("spans").map(|s| Ok((text(&s["stream"]), time(&s["start"])?, time(&s["end"])?)));
        let gaps = list("gaps")
            .map(|g| Ok((text(&g["stream"]), time(&g["start"])?, time(&g["end"])?, text(&g["reason"]))));
        Ok(Self { spans: spans.collect::<Result<_>>()?, gaps: gaps.collect::<Result<_>>()? })
    }

    /// Start and end of what is there of a stream.
    pub fn spans(&self, stream: &str) -> impl Iterator<Item = (WallTime, WallTime)> {
        self.spans.iter().filter(move |(s, ..)| s == stream).map(|(_, start, end)| (*start, *end))
    }

    /// Start, end and reason of what is not there of a stream.
    pub fn gaps(&self, stream: &str) -> impl Iterator<Item = (WallTime, WallTime, &str)> {
        self.gaps
            .iter()
            .filter(move |(s, ..)| s == stream)
            .map(|(_, start, end, why)| (*start, *end, why.as_str()))
    }
}
