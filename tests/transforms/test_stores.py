"""The clients of the stores: made once, and not looked for again and again."""

import time

import pytest

from transforms import stores
from transforms.errors import RefusalError, UserError
from transforms.fetch import FetchSettings, fetch
from transforms.imaging.codec.limits import DecodeLimits
from transforms.records import ImageEvent


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No credentials of any kind, and no metadata server that would be asked."""
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setattr(stores, "_failure", [])
    stores._cloud_storage.cache_clear()


def test_credentials_that_are_not_there_are_looked_for_once(nothing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    search = stores._cloud_storage

    def counting(emulator: str | None) -> object:
        asked.append(emulator)
        return search(emulator)

    monkeypatch.setattr(stores, "_cloud_storage", counting)
    for _ in range(5):
        with pytest.raises(UserError, match="cannot be read without credentials"):
            stores.cloud_storage()
        with pytest.raises(RefusalError) as refused:
            fetch(ImageEvent("e", "gs://bucket/a.jpg"), FetchSettings(), DecodeLimits())
        assert refused.value.code == "permission_denied"
    assert len(asked) == 1
    monkeypatch.setattr(stores, "FORGET_S", 0.0)
    time.sleep(0.01)
    with pytest.raises(UserError):
        stores.cloud_storage()
    assert len(asked) == 2
