"""Many certificates, quickly: openssl(1) takes a process and a hundredth of a second for each."""

import datetime


def write(directory, count):
    """Writes sN.example.pem and sN.example.key, and where HAProxy looks for it: NAME.pem holds the certificate, NAME.pem.key its key."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise SystemExit("bench: python3-cryptography is missing (apt-get install python3-cryptography)") from None
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for n in range(1, count + 1):
        key, name = ec.generate_private_key(ec.SECP256R1()), f"s{n}.example"
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(30))
        certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(key, hashes.SHA256())
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        for suffix in (".key", ".pem.key"):
            (directory / f"{name}{suffix}").write_bytes(secret)
            (directory / f"{name}{suffix}").chmod(0o600)
