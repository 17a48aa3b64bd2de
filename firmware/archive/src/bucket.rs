//! The bucket, as this room uses it.

use crate::config::ArchiveConfig;
use crate::pace::{Pace, PacedConnector};
use crate::{ArchiveError, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStoreExt, PutPayload, RetryConfig};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A server that does not answer a connection for this long is away.
const CONNECT: Duration = Duration::from_secs(10);
/// No byte of an answer for this long: it hangs. A server checks and stores 8 MiB within seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// The object that a test of the configuration writes.
const PROBE: &str = "heron-probe";

/// A bucket and the right to write to it.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    s3: Arc<AmazonS3>,
    place: Arc<str>,
    prefix: Arc<str>,
}

impl Bucket {
    /// Nothing is sent yet.
    pub(crate) fn new(config: &ArchiveConfig, secret: &str, pace: &Arc<Pace>) -> Result<Self> {
        let place = config.place();
        let refused =
            |problem: String| ArchiveError::Remote { action: "prepare for", place: place.clone(), problem };
        // The daemon has done so at its start; it fails only when it is there already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("Heron/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        if let Some(pem) = &config.ca_pem {
            let found =
                reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|e| refused(e.to_string()))?;
            client = client.tls_certs_merge(found);
        }
        let client = client.build().map_err(|e| refused(e.to_string()))?;
        let endpoint = match config.endpoint.split_once("://") {
            Some((scheme, host)) if !config.path_style => format!("{scheme}://{}.{host}", config.bucket),
            _ => config.endpoint.clone(),
        };
        let s3 = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region(&config.region)
            .with_bucket_name(&config.bucket)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(secret)
            .with_virtual_hosted_style_request(!config.path_style)
            .with_allow_http(true)
            .with_checksum_algorithm(Checksum::SHA256)
            // Longer waits are the worker's, who also tells people.
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: 2,
                retry_timeout: Duration::from_secs(30),
            })
            .with_http_connector(PacedConnector { client, pace: Arc::clone(pace) })
            .build()
            .map_err(|e| refused(e.to_string()))?;
        Ok(Self { s3: Arc::new(s3), place: place.into(), prefix: config.prefix.as_str().into() })
    }

    /// Endpoint and bucket.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// The key of a file at `relative` in this box's folder.
    pub(crate) fn key(&self, folder: &str, relative: &str) -> String {
        match &*self.prefix {
            "" => format!("{folder}/{relative}"),
            prefix => format!("{prefix}/{folder}/{relative}"),
        }
    }

    fn failed(&self, action: &'static str) -> impl Fn(object_store::Error) -> ArchiveError + use<> {
        let place = self.place.to_string();
        move |e| ArchiveError::Remote { action, place: place.clone(), problem: words(&e) }
    }

    /// Begins an upload; the server's id of it.
    pub(crate) async fn begin(&self, key: &str) -> Result<String> {
        self.s3.create_multipart(&Path::from(key)).await.map_err(self.failed("begin an upload to"))
    }

    /// Sends part `n` (from 0).
    pub(crate) async fn part(&self, key: &str, upload: &str, n: usize, bytes: Bytes) -> Result<String> {
        let upload = upload.to_owned();
        let sent = self.s3.put_part(&Path::from(key), &upload, n, PutPayload::from_bytes(bytes)).await;
        Ok(sent.map_err(self.failed("send to"))?.content_id)
    }

    /// Puts the parts together.
    pub(crate) async fn complete(&self, key: &str, upload: &str, parts: &[String]) -> Result<()> {
        let parts = parts.iter().map(|p| PartId { content_id: p.clone() }).collect();
        let done = self.s3.complete_multipart(&Path::from(key), &upload.to_owned(), parts).await;
        done.map(drop).map_err(self.failed("complete an upload to"))
    }

    /// Gives an upload up, so that its parts do not lie in the bucket for ever.
    pub(crate) async fn abort(&self, key: &str, upload: &str) -> Result<()> {
        let done = self.s3.abort_multipart(&Path::from(key), &upload.to_owned()).await;
        done.map_err(self.failed("give up an upload to"))
    }

    /// Length of an object; `None` when there is none.
    pub(crate) async fn length(&self, key: &str) -> Result<Option<u64>> {
        match self.s3.head(&Path::from(key)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("ask for a file in")(e)),
        }
    }

    /// Some bytes of an object.
    pub(crate) async fn range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.s3.get_range(&Path::from(key), range).await.map_err(self.failed("read from"))
    }

    /// All bytes of an object, as they come.
    pub(crate) async fn read(&self, key: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let got = self.s3.get(&Path::from(key)).await.map_err(self.failed("read from"))?;
        let failed = self.failed("read from");
        Ok(got.into_stream().map(move |chunk| chunk.map_err(&failed)).boxed())
    }

    /// Takes an object away.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        self.s3.delete(&Path::from(key)).await.map_err(self.failed("delete a file in"))
    }

    /// Writes a small object, reads it back and takes it away again.
    pub(crate) async fn probe(&self, folder: &str) -> Result<()> {
        let key = self.key(folder, PROBE);
        let words = Bytes::from_static(b"Heron was here to see whether it may write.\n");
        let path = Path::from(key.as_str());
        self.s3.put(&path, PutPayload::from_bytes(words.clone())).await.map_err(self.failed("write to"))?;
        let back = self.range(&key, 0..words.len() as u64).await?;
        if back != words {
            return Err(ArchiveError::Differs { key, problem: "a test file came back altered".into() });
        }
        self.delete(&key).await
    }
}

/// What went wrong, down to its cause: the outermost error often says only that something did.
fn words(e: &object_store::Error) -> String {
    let mut text = e.to_string();
    let mut source = std::error::Error::source(e);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    // Servers answer with pages of XML; the beginning says what it is.
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}
