"""The image, built and run without a Docker engine: buildah with chroot isolation does what the Dockerfile says.

Where no registry can be reached, debootstrap makes a base image of Debian's packages that stands in for Python's slim
one. Needs root, buildah and (without a registry) debootstrap.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BASE, IMAGE = "localhost/event_assets-python", "localhost/event_assets-tested"
_PACKAGES = "python3-minimal,python3-venv,python3-pip,python-is-python3,ca-certificates"
#: What lets pip through a mirror of this machine's; the image keeps none of it.
_OF_THIS_MACHINE = [path for path in ("/etc/ssl/certs", "/etc/pip.conf") if Path(path).exists()]


def reason_against() -> str | None:
    """Why no image can be built here; None where it can."""
    if os.name != "posix" or os.getuid() != 0:
        return "building an image without an engine needs root"
    missing = [program for program in ("buildah", "debootstrap") if shutil.which(program) is None]
    return f"there is no {' and no '.join(missing)} on this machine" if missing else None


def buildah(*arguments: str, timeout: int = 1800) -> str:
    """What buildah prints; AssertionError with what it complains of."""
    done = subprocess.run(["buildah", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def build() -> None:
    """Build the image as the Dockerfile says, on a base of Debian's packages."""
    if BASE not in buildah("images", "--format", "{{.Name}}").splitlines():
        _make_base()
    volumes = [word for path in _OF_THIS_MACHINE for word in ("--volume", f"{path}:{path}:ro")]
    steps = ["--isolation", "chroot", "--layers", "--format", "docker", "--build-arg", f"BASE={BASE}"]
    buildah("build", *steps, *volumes, "--tag", IMAGE, ".")


def _make_base() -> None:
    with tempfile.TemporaryDirectory(prefix="event_assets-base-") as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root)]
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1800)
        finally:  # debootstrap leaves it mounted, and what removes the folder would look into it
            subprocess.run(["umount", str(root / "proc")], check=False, stderr=subprocess.DEVNULL)
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, str(root), "/")
        buildah("commit", "--quiet", container, BASE)
        buildah("rm", container)


def in_container(container: str, environment: Mapping[str, str], *command: str) -> list[str]:
    """The command line that runs a command in a container, as the image's user and with the host's network."""
    variables = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    return ["buildah", "run", "--isolation", "chroot", *variables, container, "--", *command]
