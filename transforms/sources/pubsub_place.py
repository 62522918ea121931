"""`pubsub://PROJECT/NAME`, and what a Pub/Sub client raises as one sentence."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from transforms.errors import UserError

ASK_S = 10.0


class PubSubPlace(NamedTuple):
    """A subscription, or a topic."""

    project: str
    name: str

    def path(self, kind: str) -> str:
        """Return the full name of a `subscriptions` or `topics` resource."""
        return f"projects/{self.project}/{kind}/{self.name}"


def parse_pubsub(text: str, kind: str) -> PubSubPlace:
    """Read `pubsub://PROJECT/NAME`; `kind` says in words what the name is.

    Raises:
        UserError: it is no such text.
    """
    project, slash, name = text.removeprefix("pubsub://").partition("/")
    if not project or not slash or not name or "/" in name or "?" in name:
        raise UserError(f"{text} is no Pub/Sub {kind.lower()}: write pubsub://PROJECT/{kind.upper()}")
    return PubSubPlace(project, name)


@contextlib.contextmanager
def said_plainly(path: str) -> Iterator[None]:
    """Turn what a client raises when it is first asked into one sentence."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except exceptions.NotFound:
        raise UserError(f"there is no {path} on Pub/Sub: create it, or correct its name") from None
    except (exceptions.PermissionDenied, exceptions.Unauthenticated, GoogleAuthError) as error:
        raise UserError(f"{path} may not be used with these credentials: {_one_line(error)}") from None
    except (exceptions.GoogleAPIError, OSError) as error:
        raise UserError(f"Pub/Sub does not answer for {path}: {_one_line(error)}") from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
