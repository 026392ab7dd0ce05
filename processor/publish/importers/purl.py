"""Components are named by package URLs, without a version.

As with dpkg's: a success rate and a pair belong to a component over its releases, and would begin anew
with each one. The version stands in the context.
"""

import re
from urllib.parse import quote

__all__ = ["npm_url", "pypi_url"]

_DASHES = re.compile(r"[-_.]+")


def pypi_url(name: str) -> str:
    """Return a Python project's URL, its name normalised: `pkg:pypi/charset-normalizer`."""
    return f"pkg:pypi/{quote(_DASHES.sub('-', name).lower(), safe='')}"


def npm_url(name: str) -> str:
    """Return an npm package's URL: `pkg:npm/left-pad`, `pkg:npm/%40types/node`."""
    return f"pkg:npm/{quote(name, safe='/')}"
