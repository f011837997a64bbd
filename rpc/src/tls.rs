//! HTTPS from a certificate and its key, both in PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where certificate and key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that prove it, in order.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate, or none that can be read.
    #[error("rpc.tls_cert_file: {file}: {reason}; it must hold certificates in PEM")]
    Certificates {
        /// Where we looked.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no key, or none that can be read.
    #[error("rpc.tls_key_file: {file}: {reason}; it must hold a private key in PEM")]
    Key {
        /// Where we looked.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// They do not belong together, or are of a kind that is not supported.
    #[error("rpc.tls_key_file: certificate and key cannot be used: {0}")]
    Pair(tokio_rustls::rustls::Error),
}

/// What makes TLS of connections, by what stands in the files now.
///
/// # Errors
/// If a file cannot be read, or the two do not belong together.
pub fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates(&files.certificates)
        .map_err(|reason| TlsError::Certificates { file: files.certificates.clone(), reason })?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::Key { file: files.key.clone(), reason: error.to_string() })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = found.collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err("it holds none".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(error.to_string()),
    }
}
