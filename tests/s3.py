"""An S3 server on this machine, for tests that write to and read from `s3://`."""

import logging

import pytest

BUCKET = "bucket"


@pytest.fixture(scope="session")
def s3_environment():
    """The variables by which every process finds an S3 server with an empty bucket."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it reports every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


@pytest.fixture
def s3(s3_environment, monkeypatch, tmp_path_factory):
    """An empty folder `s3://bucket/...` for this process and those that it starts."""
    import fsspec

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    filesystem = fsspec.filesystem("s3", use_listings_cache=False)
    if not filesystem.exists(BUCKET):
        filesystem.mkdir(BUCKET)
    folder = f"{BUCKET}/{tmp_path_factory.mktemp('s3').name}"
    yield f"s3://{folder}"
    if filesystem.exists(folder):
        filesystem.rm(folder, recursive=True)
