"""A batch and its report where photos, tables, images and the page all lie in a bucket."""

import shutil
from pathlib import Path

import pytest

from pipelines import cli
from transforms.sinks.output import Output
from transforms.stores import cloud_storage
from transforms.stores import s3 as s3_client

pytestmark = pytest.mark.server

SAMPLES = Path(__file__).parents[2] / "samples"


def put(place: Output, name: str, data: bytes) -> None:
    bucket, key = place.bucket_and_key(name)
    if place.scheme == "gs":
        cloud_storage().bucket(bucket).blob(key).upload_from_string(data)
    else:
        s3_client().put_object(Bucket=bucket, Key=key, Body=data)


def get(place: Output, name: str) -> str:
    bucket, key = place.bucket_and_key(name)
    if place.scheme == "gs":
        return cloud_storage().bucket(bucket).blob(key).download_as_bytes().decode()
    return s3_client().get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def test_a_report_of_photos_and_results_in_a_bucket(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Output(bucket)
    put(shop, "photos/a shirt.jpg", (SAMPLES / "underlit-tshirt.jpg").read_bytes())
    put(shop, "photos/note.jpg", b"no photo")
    assert cli.main(["batch", "--quiet", "--input", f"{bucket}/photos", "--output", f"{bucket}/out"]) == 0
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)  # another machine, which knows nothing of the run

    assert cli.main(["report", f"{bucket}/out"]) == 0
    page = get(shop, "out/report.html")
    assert "2 photos" in page and "a shirt.jpg" in page and "not_an_image" in page
    assert page.count('src="data:image/jpeg;base64,') == 2 and 'class="missing"' not in page
    assert "core-ms each" in page

    local = tmp_path / "page.html"
    assert cli.main(["report", f"{bucket}/out", "--html", str(local)]) == 0
    assert local.read_text().count('src="data:image/jpeg;base64,') == 2

    capsys.readouterr()
    assert cli.main(["report", f"{bucket}/nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
