"""One archive from which a board without a network installs mnist-edge.

``targets`` describes the boards, ``wheels`` and ``own_wheel`` collect the wheels, ``archive``
writes them, and ``signing`` signs their checksums. ``install.sh`` runs on the board, where this
package is not installed yet.
"""

from mnist_edge.deployment.bundle.archive import Bundle, find_model, write_bundle
from mnist_edge.deployment.bundle.own_wheel import make_own_wheel
from mnist_edge.deployment.bundle.signing import open_signing_key
from mnist_edge.deployment.bundle.targets import TARGETS, Target, find_target
from mnist_edge.deployment.bundle.wheels import (
    fetch_installer,
    fetch_wheels,
    require_packaging,
)

__all__ = [
    "TARGETS",
    "Bundle",
    "Target",
    "fetch_installer",
    "fetch_wheels",
    "find_model",
    "find_target",
    "make_own_wheel",
    "open_signing_key",
    "require_packaging",
    "write_bundle",
]
