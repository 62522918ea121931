import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import UserError
from transforms.identity import canonical_uri
from transforms.sinks.output import open_output, table_options, unwritable


def test_a_folder_is_made_and_named_absolutely(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = open_output("new/out")
    assert Path(tmp_path, "new/out").is_dir()
    assert output.root == str(tmp_path / "new/out")
    assert (output.scheme, output.child("quality")) == ("file", str(tmp_path / "new/out/quality"))


@pytest.mark.parametrize("root", ["gs://bucket/a prefix/", "gs://bucket/a prefix"])
def test_a_prefix_of_a_bucket(root):
    output = open_output(root)
    assert (output.scheme, output.child("quality")) == ("gs", "gs://bucket/a prefix/quality")
    assert output.bucket_and_key("images/ab") == ("bucket", "a prefix/images/ab")
    assert output.uri("images/ab") == "gs://bucket/a%20prefix/images/ab"


def test_a_whole_bucket_can_be_the_output():
    assert open_output("s3://bucket").bucket_and_key("images/ab") == ("bucket", "images/ab")


@given(st.text(st.characters(exclude_characters="/[]\\", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_image_uris_are_canonical(name):
    if name in (".", ".."):
        return
    from transforms.sinks.output import Output

    for root in (f"/tmp/{name}", f"gs://bucket/{name}"):
        uri = Output(root).uri("images/ab/c.jpg")
        assert canonical_uri(uri) == uri


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gs://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("ftp://host/out", "cannot be written to ftp://"),
        ("out/a%20b", "cannot hold tables"),
        ("out/[1]", "cannot hold tables"),
        ("out/a\nb", "cannot hold tables"),
        ("out/a\udcffb", "cannot hold tables"),
    ],
)
def test_a_place_that_cannot_be_an_output(text, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence) as error:
        open_output(text)
    str(error.value).encode()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_output(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        open_output(str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot be written: not a directory"):
        open_output(str(tmp_path / "file" / "below"))


def test_a_full_disk_is_said_to_be_full():
    assert "the disk is full" in str(unwritable("/out", OSError(28, "No space left on device")))


def test_two_buckets_never_share_an_index(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folders = {open_output(root).state_folder() for root in ("gs://a/b-c", "gs://a-b/c", "s3://a/b-c", "gs://a/b/c")}
    assert len(folders) == 4
    assert all(folder.is_relative_to(tmp_path) and folder.is_dir() for folder in folders)


def test_stores_are_reached_as_the_environment_says(monkeypatch):
    for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    assert table_options("/local") == table_options("gs://b/q") == {}
    assert table_options("s3://b/q") == {"aws_conditional_put": "etag"}
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:4443")
    account = json.loads(table_options("gs://b/q")["google_service_account_key"])
    assert account["gcs_base_url"] == "http://127.0.0.1:4443"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio:9000")
    assert table_options("s3://b/q")["allow_http"] == "false"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://minio:9000")
    assert table_options("s3://b/q")["aws_endpoint_url"] == "http://minio:9000"
    assert table_options("s3://b/q")["allow_http"] == "true"
    assert os.environ["AWS_ENDPOINT_URL"] == "https://minio:9000"
