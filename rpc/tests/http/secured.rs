//! HTTPS, from certificate and key in files.

use std::sync::Arc;

use rpc::{Config, StartError, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::served::{Mood, Served, TestNode};

/// Files of a certificate for `localhost`, and the certificate.
fn certificate(folder: &tempfile::TempDir) -> (TlsFiles, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificates: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificates, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.key_pair.serialize_pem()).unwrap();
    (files, made.cert.der().clone())
}

fn connector(trusted: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[test]
fn with_a_certificate_it_is_https() {
    let folder = tempfile::tempdir().unwrap();
    let (files, certificate) = certificate(&folder);
    let served = Served::start(Mood::Decides, Config { tls: Some(files), ..Config::default() });
    served.block_on(async {
        let stream = TcpStream::connect(served.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector(certificate).connect(name, stream).await.unwrap();
        let request = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // Who speaks plainly is cut.
        let mut plain = TcpStream::connect(served.address).await.unwrap();
        plain.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![];
        drop(plain.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    });
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = certificate(&folder);
    let other = tempfile::tempdir().unwrap();
    let (others, _) = certificate(&other);
    let nowhere = folder.path().join("nowhere.pem");
    let start = |files: TlsFiles| -> StartError {
        TestNode::refuses(Config { tls: Some(files), ..Config::default() })
    };
    for (files, named) in [
        (TlsFiles { certificates: nowhere.clone(), ..files.clone() }, "rpc.tls_cert_file: "),
        (TlsFiles { certificates: files.key.clone(), ..files.clone() }, "it holds none"),
        (TlsFiles { key: nowhere, ..files.clone() }, "rpc.tls_key_file: "),
        (TlsFiles { key: files.certificates.clone(), ..files.clone() }, "rpc.tls_key_file: "),
        (TlsFiles { key: others.key, ..files.clone() }, "cannot be used"),
    ] {
        let error = start(files).to_string();
        assert!(error.contains(named), "{error}");
    }
}
