"""Get a photo's bytes from where its event says it is: within limits, exactly that version, and nothing else."""

from transforms.errors import RefusalError
from transforms.fetch.limits import FetchSettings, too_many_bytes
from transforms.imaging.codec.limits import DecodeLimits
from transforms.records import ImageEvent

__all__ = ["FetchSettings", "fetch"]


def fetch(event: ImageEvent, settings: FetchSettings, limits: DecodeLimits) -> bytes:
    """Return the encoded photo that an event names: at least one byte, at most `limits.max_bytes`.

    What may pass is tried again within `settings.total_s`; what will not is refused at once.

    Raises:
        RefusalError: not_found, permission_denied, is_directory, empty_file, too_many_bytes, changed (the version that the
            event names is no longer there), bad_uri, forbidden_location, fetch_timeout, fetch_failed.
    """
    data = event.data if event.data is not None else _read(event, settings, limits.max_bytes)
    if not data:
        raise RefusalError("empty_file", "0 bytes")
    if len(data) > limits.max_bytes:
        raise too_many_bytes(len(data), limits.max_bytes)
    return data


def _read(event: ImageEvent, settings: FetchSettings, max_bytes: int) -> bytes:
    scheme = event.uri.partition(":")[0]
    if scheme == "file":
        from transforms.fetch.local import read_file

        return read_file(event, settings.file_roots, max_bytes)
    # Imported where they are needed: a store's client costs a second and more, which `vitrine check` does not have.
    from transforms.fetch.retry import with_retries

    if scheme in ("gs", "s3"):
        from transforms.fetch.bucket import read_object

        return with_retries(lambda _: read_object(event, settings, max_bytes), settings)
    if scheme in ("https", "http"):
        from transforms.fetch.web import read_address

        return with_retries(lambda left_s: read_address(event, settings, max_bytes, left_s), settings)
    raise RefusalError("bad_uri", f"{scheme[:40]}: is not served")
