//! One OS thread that serves many streams.

use crate::attempt::Surroundings;
use crate::connection;
use crate::observer::Observer;
use crate::pace::{Pace, Stop};
use crate::probe::{self, ProbeReport};
use crate::spec::{IngestConfig, StreamSpec};
use crate::status::StreamStatus;
use crate::task;
use heron_core::{Clock, StreamKey};
use heron_hub::StreamHub;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::LocalSet;

/// Commands that wait for a shard. They are taken at its next wake-up; 1024 is every stream of a box, four times.
const COMMANDS: usize = 1024;
/// Probes that one shard runs at once: a person tries one camera, an import a few.
const PROBES_AT_ONCE: usize = 4;
/// After a panic in a stream's task, which is our fault, it is begun anew.
const AFTER_PANIC: Duration = Duration::from_secs(5);
/// How long streams may take to say goodbye when the shard ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a shard is told.
pub(crate) enum Command {
    Add { spec: StreamSpec, hub: Arc<StreamHub>, status: Arc<StreamStatus> },
    Remove { key: StreamKey },
    Probe { spec: StreamSpec, timeout: Duration, reply: oneshot::Sender<ProbeReport> },
    End,
}

/// A shard's other end.
pub(crate) struct Shard {
    pub(crate) commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Shard {
    /// Starts the thread.
    pub(crate) fn start(
        index: usize,
        config: IngestConfig,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> io::Result<Self> {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("ingest-{index}")).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, serve(config, clock, observer, receiver));
        })?;
        Ok(Self { commands, thread: Some(thread) })
    }

    /// Waits until every stream has said goodbye and the thread has ended: 2 s at most.
    pub(crate) fn join(&mut self) {
        let _ = self.commands.try_send(Command::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Running {
    stop: Rc<Stop>,
    task: tokio::task::JoinHandle<()>,
}

async fn serve(
    config: IngestConfig,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    mut commands: mpsc::Receiver<Command>,
) {
    let around =
        Surroundings { clock, scratch: connection::scratch(), pace: Pace::new(config.tick, config.rest) };
    let pace = around.pace.clone();
    let ticking = tokio::task::spawn_local(async move { pace.run().await });
    let probes = Rc::new(Semaphore::new(PROBES_AT_ONCE));
    let mut streams: HashMap<StreamKey, Running> = HashMap::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Add { spec, hub, status } => {
                let before = streams.remove(&spec.key);
                let key = spec.key;
                let stop = Rc::new(Stop::default());
                let supervised =
                    supervise(spec, around.clone(), hub, status, Arc::clone(&observer), Rc::clone(&stop));
                let task = tokio::task::spawn_local(async move {
                    // Many cameras serve one session at a time: let the old one end first.
                    if let Some(before) = before {
                        before.stop.set();
                        let _ = before.task.await;
                    }
                    supervised.await;
                });
                streams.insert(key, Running { stop, task });
            }
            Command::Remove { key } => {
                if let Some(running) = streams.remove(&key) {
                    running.stop.set();
                }
            }
            Command::Probe { spec, timeout, reply } => {
                let (around, probes) = (around.clone(), Rc::clone(&probes));
                tokio::task::spawn_local(async move {
                    let Ok(_permit) = probes.acquire().await else { return };
                    let _ = reply.send(probe::probe(&spec, &around, timeout).await);
                });
            }
            Command::End => break,
        }
    }
    for running in streams.values() {
        running.stop.set();
    }
    let goodbye = async {
        for running in streams.into_values() {
            let _ = running.task.await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, goodbye).await;
    ticking.abort();
}

/// Keeps a stream running even if its code panics: one camera must not take away another, nor itself for ever.
async fn supervise(
    spec: StreamSpec,
    around: Surroundings,
    hub: Arc<StreamHub>,
    status: Arc<StreamStatus>,
    observer: Arc<dyn Observer>,
    stop: Rc<Stop>,
) {
    loop {
        let (spec, around, hub) = (spec.clone(), around.clone(), Arc::clone(&hub));
        let (status, observer, stop_too) = (Arc::clone(&status), Arc::clone(&observer), Rc::clone(&stop));
        let key = spec.key;
        let run = async move { task::run(spec, around, hub, status, observer, &stop_too).await };
        match tokio::task::spawn_local(run).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(stream = %key, "the stream's task failed and is begun anew: {error}")
            }
        }
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(AFTER_PANIC) => {}
        }
    }
}
