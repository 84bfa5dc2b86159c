//! The directory of a cluster: its store, its keys, its ports, and what runs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{FlockOperation, flock};
use seatrial_apiserver::seal::Sealer;
use seatrial_apiserver::{SigningKey, tls};
use serde::{Deserialize, Serialize};

/// The directory of one cluster. Nobody else on the machine may read it.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    root: PathBuf,
    /// Whether this program has made the directory, and not found it.
    made: bool,
}

/// What lies in the directory of a cluster that has not begun: the lock, and what a start said.
const BEFORE: [&str; 2] = ["lock", "seatrial.log"];

/// Where the servers of a cluster are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Endpoints {
    /// The Kubernetes API.
    pub(crate) api: String,
    /// The gateway.
    pub(crate) gateway: String,
    /// The Git server.
    pub(crate) git: String,
    /// The image registry.
    pub(crate) registry: String,
    /// Prometheus' API.
    pub(crate) metrics: String,
}

/// What runs, for other processes of this program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// The cluster's name.
    pub(crate) name: String,
    /// The process.
    pub(crate) pid: u32,
    /// The runtime, and why it was taken.
    pub(crate) runtime: String,
    /// Where everything is.
    pub(crate) endpoints: Endpoints,
}

/// Keys and tokens; made once, kept with mode 0600.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// The administrator's bearer token.
    pub(crate) admin_token: String,
    /// The token with which people push to the Git server.
    pub(crate) git_token: String,
    /// The token of the steps of pipelines, towards the API.
    pub(crate) step_token: String,
    /// The certificate authority.
    pub(crate) authority: tls::Pair,
    /// The server's certificate and key.
    pub(crate) server: tls::Pair,
}

impl Data {
    /// Opens (or makes) the directory.
    pub(crate) fn open(root: PathBuf) -> Result<Self> {
        let made = !root.exists();
        let data = Self { root, made };
        data.folder("")?;
        Ok(data)
    }

    /// Whether this program has made the directory.
    pub(crate) fn is_made_here(&self) -> bool {
        self.made
    }

    /// Whether no cluster has begun in the directory.
    pub(crate) fn is_blank(&self) -> bool {
        let before = |entry: &fs::DirEntry| BEFORE.iter().any(|name| entry.file_name() == *name);
        fs::read_dir(&self.root).is_ok_and(|entries| entries.flatten().all(|entry| before(&entry)))
    }

    /// Takes back what a start has begun in a directory that was blank: all that is in it, and the directory
    /// where this program has made it. Whoever does this holds the lock.
    pub(crate) fn take_back(&self) -> Result<()> {
        if self.made {
            return self.delete();
        }
        let failed = || format!("cannot empty {}", self.root.display());
        for entry in fs::read_dir(&self.root).with_context(failed)?.flatten() {
            if BEFORE.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                seatrial_node::runtime::sandbox::remove_tree(&path).with_context(failed)?;
            } else {
                fs::remove_file(&path).with_context(failed)?;
            }
        }
        self.delete_key()
    }

    /// The default place of a cluster of this name.
    pub(crate) fn default_root(name: &str) -> Result<PathBuf> {
        if let Some(base) = std::env::var_os("XDG_DATA_HOME").filter(|base| !base.is_empty()) {
            return Ok(Path::new(&base).join("seatrial").join(name));
        }
        let home = std::env::home_dir().context(
            "there is no home directory to keep the cluster in: use --data-dir or set HOME",
        )?;
        Ok(home.join(".local/share/seatrial").join(name))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A folder inside, made where it is missing, readable by nobody else.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&path).with_context(|| {
            format!(
                "cannot make the folder {}: choose another with --data-dir",
                path.display()
            )
        })?;
        Ok(path)
    }

    /// Writes a file that nobody else may read, whole or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.root.join(name);
        let temporary = path.with_extension("new");
        let failed = || format!("cannot write {}", path.display());
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&temporary).with_context(failed)?;
        file.write_all(bytes).with_context(failed)?;
        fs::rename(&temporary, &path).with_context(failed)?;
        Ok(path)
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.root.join(name)).ok()
    }

    /// The keys and tokens, made at the first call.
    pub(crate) fn secrets(&self) -> Result<Secrets> {
        self.folder("keys")?;
        let token = |name: &str| -> Result<String> {
            if let Some(token) = self.text(name) {
                return Ok(token);
            }
            let token = random_token()?;
            self.write(name, token.as_bytes())?;
            Ok(token)
        };
        let pair = |name: &str| {
            let certificate = self.text(&format!("keys/{name}.crt"))?;
            let key = self.text(&format!("keys/{name}.key"))?;
            Some(tls::Pair { certificate, key })
        };
        let keep = |name: &str, pair: &tls::Pair| -> Result<()> {
            self.write(&format!("keys/{name}.crt"), pair.certificate.as_bytes())?;
            self.write(&format!("keys/{name}.key"), pair.key.as_bytes())?;
            Ok(())
        };
        let authority = if let Some(pair) = pair("ca") {
            pair
        } else {
            let made = tls::authority().context("cannot make a certificate authority")?;
            keep("ca", &made)?;
            made
        };
        let server = if let Some(pair) = pair("server") {
            pair
        } else {
            let made = tls::issue(&authority, &[]).context("cannot issue a certificate")?;
            keep("server", &made)?;
            made
        };
        Ok(Secrets {
            admin_token: token("keys/admin-token")?,
            git_token: token("keys/git-token")?,
            step_token: token("keys/step-token")?,
            authority,
            server,
        })
    }

    /// The key that signs tokens of service accounts; made once.
    pub(crate) fn token_key(&self) -> Result<SigningKey> {
        self.folder("keys")?;
        let name = "keys/service-account.key";
        if let Ok(document) = fs::read(self.root.join(name)) {
            return Ok(SigningKey::read(&document)?);
        }
        let key = SigningKey::generate()?;
        self.write(name, key.document())?;
        Ok(key)
    }

    /// Where the key is with which Secrets are sealed: beside the directory, so that a copy of the
    /// directory does not hold it.
    pub(crate) fn sealing_key_path(&self) -> PathBuf {
        let mut name = self.root.clone().into_os_string();
        name.push(".key");
        PathBuf::from(name)
    }

    /// The key with which Secrets are sealed; made once, and never where a store is there without one.
    pub(crate) fn sealing_key(&self) -> Result<Vec<u8>> {
        let path = self.sealing_key_path();
        match fs::read(&path) {
            Ok(key) => return Ok(key),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
        // A new key could not open what the old one has sealed.
        if self.root.join("store/objects.redb").exists() {
            bail!(
                "{}, the key that seals Secrets, is missing: put it back, or begin anew after \
                 `seatrial down --delete --data-dir {}`",
                path.display(),
                self.root.display()
            );
        }
        let key = Sealer::generate_key()?;
        let failed = || {
            format!(
                "cannot write {}, the key that seals Secrets: choose another place with --data-dir",
                path.display()
            )
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&path).with_context(failed)?;
        file.write_all(&key).with_context(failed)?;
        file.sync_all().with_context(failed)?;
        Ok(key.to_vec())
    }

    /// Deletes the directory and its key.
    pub(crate) fn delete(&self) -> Result<()> {
        seatrial_node::runtime::sandbox::remove_tree(&self.root)
            .with_context(|| format!("cannot delete {}", self.root.display()))?;
        self.delete_key()
    }

    fn delete_key(&self) -> Result<()> {
        let key = self.sealing_key_path();
        match fs::remove_file(&key) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot delete {}", key.display()))
            }
            _ => Ok(()),
        }
    }

    /// The token with which pipeline runs push; made once.
    pub(crate) fn pipeline_token(&self) -> Result<String> {
        if let Some(token) = self.text("keys/pipeline-token") {
            return Ok(token);
        }
        let token = random_token()?;
        self.write("keys/pipeline-token", token.as_bytes())?;
        Ok(token)
    }

    /// The ports of the last run, so that addresses in manifests and clones stay true.
    pub(crate) fn last_endpoints(&self) -> Endpoints {
        let text = self.text("endpoints.json").unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Notes that the cluster runs.
    pub(crate) fn note_state(&self, state: &State) -> Result<()> {
        self.write(
            "endpoints.json",
            &serde_json::to_vec_pretty(&state.endpoints)?,
        )?;
        self.write("state.json", &serde_json::to_vec_pretty(state)?)?;
        Ok(())
    }

    /// Notes that it does not.
    pub(crate) fn forget_state(&self) -> Result<()> {
        match fs::remove_file(self.root.join("state.json")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// What runs; `None` where nothing does. A process that was killed leaves its note behind, but not
    /// its lock.
    pub(crate) fn state(&self) -> Option<State> {
        let state: State = serde_json::from_str(&self.text("state.json")?).ok()?;
        self.lock().is_err().then_some(state)
    }

    /// Claims the directory for this process until the result is dropped. The kernel gives it back
    /// when the process ends, however it ends.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let path = self.root.join("lock");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).with_context(|| {
            format!(
                "the data directory {} is in use by another process: stop that cluster with `seatrial down`, or choose another with --data-dir",
                self.root.display()
            )
        })?;
        Ok(Lock(file))
    }
}

/// A claimed directory.
#[derive(Debug)]
pub(crate) struct Lock(fs::File);

impl Lock {
    /// The same claim once more: it ends with the later of the two.
    pub(crate) fn again(&self) -> Result<Self> {
        let file = self.0.try_clone();
        Ok(Self(
            file.context("cannot keep the claim of the data directory")?,
        ))
    }

    /// Keeps the claim until the process ends: whoever waits for the directory waits for everything
    /// that is still being closed, too.
    pub(crate) fn keep(self) {
        std::mem::forget(self.0);
    }
}

/// 256 bits from the TLS library's generator, as text.
fn random_token() -> Result<String> {
    let mut bytes = [0u8; 32];
    let provider = rustls::crypto::ring::default_provider();
    if provider.secure_random.fill(&mut bytes).is_err() {
        bail!("the machine has no randomness to make a token from");
    }
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail loudly.

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_for_their_owner_only_and_stay() {
        let directory = tempfile::tempdir().unwrap();
        let data = Data::open(directory.path().join("cluster")).unwrap();
        let key = data.sealing_key().unwrap();
        assert_eq!(data.sealing_key().unwrap(), key);
        data.secrets().unwrap();
        let mut files = vec![data.sealing_key_path()];
        for folder in [data.root().to_owned(), data.root().join("keys")] {
            let inside = fs::read_dir(folder).unwrap();
            files.extend(inside.map(|entry| entry.unwrap().path()));
        }
        let mut seen = 0;
        for file in files.into_iter().filter(|file| file.is_file()) {
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", file.display());
            seen += 1;
        }
        assert!(seen > 1);
    }
}
