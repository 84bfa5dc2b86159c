//! Images by reference: local first, then from the registry the reference names.
//!
//! **Local first.** A reference to *any* registry is served from the embedded one where that has the
//! image: `ghcr.io/acme/shop:abc` is looked up as `ghcr.io/acme/shop`, then as `acme/shop`. So what a pipeline
//! "pushed to ghcr.io" runs here without ever leaving the machine, and a manifest needs no change. Only what is
//! not found locally is pulled, and then kept under its full name.

mod host;
mod index;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use crate::image::{Descriptor, ImageConfig, Manifest, encode, media};
use crate::layer::unpack;
use crate::remote::Remote;
use crate::{Blobs, Digest, Error, Reference};

use host::host_image;
pub(crate) use host::{DEFAULT_PATH, host_base, host_config};
pub(crate) use index::{choose, read_index};

/// Whether an image's root is the machine's own `/usr`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostBase {
    /// Its layers are all there is.
    #[default]
    Absent,
    /// Its layers lie over the machine's own files.
    Present,
}

/// When to ask a registry elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// For what is not here.
    IfMissing,
    /// For what came from there, each time; images that were built or pushed here stay.
    Always,
    /// Never.
    Never,
}

/// Whether an image had to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was here.
    Present,
    /// It was pulled now.
    Pulled,
}

/// An image whose layers are directories on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedImage {
    /// What was asked for, complete.
    pub reference: Reference,
    /// The manifest's digest (for a list: of the manifest that was chosen).
    pub digest: Digest,
    /// What the image says.
    pub config: ImageConfig,
    /// Unpacked layers, the lowest first. Never to be written to.
    pub layers: Vec<PathBuf>,
    /// Whether the machine's own `/usr` lies below the layers.
    pub base: HostBase,
    /// Compressed bytes of all layers.
    pub size: u64,
    /// Whether it was fetched just now.
    pub origin: Origin,
}

/// An image in the store: its manifest and configuration, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The configuration.
    pub config: ImageConfig,
}

/// All images of this machine. Clones share everything.
#[derive(Clone)]
pub struct ImageStore(Arc<Inner>);

struct Inner {
    blobs: Blobs,
    own_hosts: Vec<String>,
    remote: Remote,
    /// One pull of one reference at a time.
    pulls: std::sync::Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
}

impl ImageStore {
    /// A store over `blobs`. `own_hosts` are the names under which the embedded registry is reached,
    /// such as `127.0.0.1:5000`: references to them are never asked for elsewhere.
    pub fn new(blobs: Blobs, own_hosts: Vec<String>) -> Self {
        Self(Arc::new(Inner {
            blobs,
            own_hosts,
            remote: Remote::default(),
            pulls: std::sync::Mutex::default(),
        }))
    }

    /// The content behind the images.
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    fn is_own(&self, reference: &Reference) -> bool {
        self.0.own_hosts.contains(&reference.registry)
    }

    /// The repository under which images of this reference are kept.
    pub fn local_name(&self, reference: &Reference) -> String {
        if self.is_own(reference) {
            reference.repository.clone()
        } else {
            reference.name()
        }
    }

    /// The local names that may hold the reference, the best first.
    fn candidates(&self, reference: &Reference) -> Vec<String> {
        let mut names = vec![self.local_name(reference), reference.repository.clone()];
        names.extend(
            reference
                .repository
                .strip_prefix("library/")
                .map(str::to_owned),
        );
        names.dedup();
        names
    }

    /// Where the reference leads to in this store, if anywhere: repository and digest.
    pub fn find(&self, reference: &Reference) -> Option<(String, Digest)> {
        self.candidates(reference).into_iter().find_map(|name| {
            let digest = match &reference.digest {
                Some(digest) => self
                    .0
                    .blobs
                    .manifest_type(&name, digest)
                    .map(|_| digest.clone()),
                None => self.0.blobs.tag(&name, reference.selector()),
            };
            digest.map(|digest| (name, digest))
        })
    }

    /// Reads the manifest and configuration of a local image.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::MissingBlob`], [`Error::Platform`].
    pub fn stored(&self, image: &str, digest: &Digest) -> Result<Stored, Error> {
        let bytes = self.0.blobs.read(digest)?;
        let actual = Digest::of(&bytes);
        if actual != *digest {
            return Err(Error::Damaged {
                digest: digest.clone(),
                actual,
            });
        }
        if let Some(index) = read_index(&bytes) {
            let chosen = choose(&index, image)?;
            return self.stored(image, &chosen.digest);
        }
        let manifest: Manifest = parse("manifest", image, &bytes)?;
        let config: ImageConfig = parse(
            "configuration",
            image,
            &self.0.blobs.read(&manifest.config.digest)?,
        )?;
        if config.rootfs.diff_ids.len() != manifest.layers.len() {
            let reason = format!(
                "{} layers, but {} digests of content",
                manifest.layers.len(),
                config.rootfs.diff_ids.len()
            );
            return Err(Error::Malformed {
                what: "configuration",
                image: image.to_owned(),
                reason,
            });
        }
        Ok(Stored {
            digest: digest.clone(),
            manifest,
            config,
        })
    }

    /// Finds or pulls an image and unpacks its layers.
    ///
    /// # Errors
    /// [`Error::Reference`] for a text that is no reference; [`Error::UnknownImage`] says what the registry
    /// answered, or that it could not be reached.
    pub async fn resolve(&self, text: &str, pull: Pull) -> Result<ResolvedImage, Error> {
        let reference: Reference = text.parse()?;
        if reference.is_host_image() {
            return Ok(host_image(reference));
        }
        let (stored, origin) = self.obtain(&reference, pull).await?;
        let store = self.clone();
        blocking(move || store.unpacked(reference, stored, origin)).await
    }

    /// Finds or pulls an image without unpacking it.
    pub(crate) async fn obtain(
        &self,
        reference: &Reference,
        pull: Pull,
    ) -> Result<(Stored, Origin), Error> {
        let image = reference.to_string();
        let lock = {
            let mut pulls = self.0.pulls.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pulls.entry(image.clone()).or_default())
        };
        let _turn = lock.lock().await;
        let found = self.find(reference);
        let is_fixed = reference.digest.is_some();
        let from_elsewhere = |name: &str| {
            name == reference.name() && self.0.blobs.is_pulled(name, reference.selector())
        };
        match (&found, pull) {
            (Some((name, digest)), _)
                if pull != Pull::Always || is_fixed || !from_elsewhere(name) =>
            {
                return Ok((self.stored(&image, digest)?, Origin::Present));
            }
            (_, Pull::Never) => return Err(Error::UnknownImage { image, asked: None }),
            _ if self.is_own(reference) => return Err(Error::UnknownImage { image, asked: None }),
            _ => {}
        }
        match self.0.remote.pull(reference, &self.0.blobs).await {
            Ok(digest) => Ok((self.stored(&image, &digest)?, Origin::Pulled)),
            Err(error) => Err(Error::UnknownImage {
                image,
                asked: Some(error.to_string()),
            }),
        }
    }

    fn unpacked(
        &self,
        reference: Reference,
        stored: Stored,
        origin: Origin,
    ) -> Result<ResolvedImage, Error> {
        let layers = self.layers(&stored)?;
        let base = host_base(&stored.config.config);
        let size = stored.manifest.layers.iter().map(|layer| layer.size).sum();
        Ok(ResolvedImage {
            reference,
            digest: stored.digest,
            config: stored.config,
            layers,
            base,
            size,
            origin,
        })
    }

    /// The directories of an image's layers, the lowest first, unpacked where they are not yet.
    ///
    /// # Errors
    /// Those of [`unpack`].
    pub fn layers(&self, stored: &Stored) -> Result<Vec<PathBuf>, Error> {
        let layers = stored
            .manifest
            .layers
            .iter()
            .zip(&stored.config.rootfs.diff_ids);
        layers
            .map(|(layer, diff_id)| unpack(&self.0.blobs, &layer.digest, diff_id))
            .collect()
    }

    /// Keeps an image under its references and gives the manifest's digest.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(
        &self,
        config: &ImageConfig,
        layers: &[Descriptor],
        references: &[Reference],
    ) -> Result<Digest, Error> {
        let bytes = encode(config);
        let digest = self.0.blobs.write(&bytes)?;
        let media_type = media::CONFIG.to_owned();
        let size = bytes.len() as u64;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            config: Descriptor {
                media_type,
                digest,
                size,
                platform: None,
                annotations: BTreeMap::new(),
            },
            layers: layers.to_vec(),
            annotations: BTreeMap::new(),
        };
        let bytes = encode(&manifest);
        let digest = self.0.blobs.write(&bytes)?;
        for reference in references {
            let tags: Vec<&str> = reference.tag.as_deref().into_iter().collect();
            self.0.blobs.add_manifest(
                &self.local_name(reference),
                media::MANIFEST,
                &bytes,
                &tags,
            )?;
        }
        Ok(digest)
    }

    /// Gives an image that is here a further reference.
    ///
    /// # Errors
    /// [`Error::UnknownImage`], [`Error::File`].
    pub fn tag(&self, source: &Reference, target: &Reference) -> Result<Digest, Error> {
        let unknown = || Error::UnknownImage {
            image: source.to_string(),
            asked: None,
        };
        let (name, digest) = self.find(source).ok_or_else(unknown)?;
        let media_type = self
            .0
            .blobs
            .manifest_type(&name, &digest)
            .ok_or_else(unknown)?;
        let tags: Vec<&str> = target.tag.as_deref().into_iter().collect();
        self.0.blobs.add_manifest(
            &self.local_name(target),
            &media_type,
            &self.0.blobs.read(&digest)?,
            &tags,
        )
    }
}

fn parse<T: serde::de::DeserializeOwned>(
    what: &'static str,
    image: &str,
    bytes: &[u8],
) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Malformed {
        what,
        image: image.to_owned(),
        reason: error.to_string(),
    })
}

/// Runs file work off the reactor.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
