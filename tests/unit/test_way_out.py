"""What the demonstration passes on, so that a real model is reached from its container too."""

from __future__ import annotations

from pathlib import Path

from nuketown_demo.way_out import authorities, service_environment


def test_files_that_are_there_are_read(tmp_path: Path) -> None:
    (tmp_path / "ours.pem").write_bytes(b"ours")
    environment = {
        "SSL_CERT_FILE": str(tmp_path / "gone.pem"),
        "NIX_SSL_CERT_FILE": "",
        "NODE_EXTRA_CA_CERTS": str(tmp_path / "ours.pem"),
    }
    assert authorities(environment) == {"NODE_EXTRA_CA_CERTS": b"ours"}


def test_nothing_in_a_value_is_special() -> None:
    assert service_environment({"A": "1", "B": 'x %n "y" \\z'}) == (
        '[Service]\nEnvironment="A=1"\nEnvironment="B=x %%n \\"y\\" \\\\z"\n'
    )
