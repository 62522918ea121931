"""One client of each object store for the whole process: both kinds keep connections and may be used by any thread."""

import functools
import os
import threading
import time
from typing import Any

from transforms.errors import UserError

CONNECTIONS = 64
"""Sockets that are kept open to one store; more readers than this wait for each other."""

FORGET_S = 30.0
"""Looking for credentials that are not there takes seconds: it is not done anew for each photo."""

_making = threading.Lock()
_failure: list[tuple[float, UserError]] = []


def cloud_storage() -> Any:
    """Return the client of gs://: application default credentials, or none where `STORAGE_EMULATOR_HOST` is set.

    Raises:
        UserError: no credentials are found.
    """
    with _making:
        if _failure and time.monotonic() - _failure[-1][0] < FORGET_S:
            raise _failure[-1][1]
        try:
            return _cloud_storage(os.environ.get("STORAGE_EMULATOR_HOST"))
        except UserError as error:
            _failure[:] = [(time.monotonic(), error)]
            raise


def s3() -> Any:
    """Return the client of s3://: AWS's usual variables and files; `AWS_ENDPOINT_URL` names another store."""
    with _making:
        return _s3(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@functools.cache
def _cloud_storage(emulator: str | None) -> Any:
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import storage
    from requests.adapters import HTTPAdapter

    try:
        client = storage.Client(project="emulator" if emulator else os.environ.get("GOOGLE_CLOUD_PROJECT"))
    except (DefaultCredentialsError, OSError) as error:
        raise UserError(
            "gs:// cannot be read without credentials: run `gcloud auth application-default login`, or set "
            f"GOOGLE_APPLICATION_CREDENTIALS ({' '.join(str(error).split())[:200]})"
        ) from None
    # The library's own pool keeps ten connections and warns for each further one.
    client._http.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    client._http.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    return client


@functools.cache
def _s3(endpoint: str | None) -> Any:
    import botocore.session
    from botocore.config import Config

    # Retries are ours (transforms.fetch.retry): one place decides what is tried again and for how long.
    config = Config(
        max_pool_connections=CONNECTIONS, connect_timeout=10, read_timeout=20, retries={"total_max_attempts": 1}
    )
    return botocore.session.get_session().create_client(
        "s3", endpoint_url=endpoint, config=config, region_name=None if os.environ.get("AWS_REGION") else _region()
    )


def _region() -> str | None:
    import botocore.session

    return botocore.session.get_session().get_config_variable("region") or "us-east-1"
