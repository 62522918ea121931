"""What the operating system says of a file, as one of our codes and a sentence without a path of the machine in it."""

import errno
import os

from transforms.errors import RefusalError

_CODES = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.ELOOP: "not_found",
    errno.ENAMETOOLONG: "not_found",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
    errno.EISDIR: "is_directory",
}


def refusal_of(error: OSError) -> RefusalError:
    """Turn the error of opening, listing or reading a file into a refusal; what is not known here is `fetch_failed`."""
    code = _CODES.get(error.errno or 0, "fetch_failed")
    return RefusalError(code, os.strerror(error.errno) if error.errno else str(error) or type(error).__name__)
