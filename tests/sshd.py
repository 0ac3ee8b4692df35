"""A real SSH server on this machine only, and a user's settings that know it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from trees import wait_until

SERVER = """
ListenAddress 127.0.0.1
HostKey {0}/host
AuthorizedKeysFile {0}/user.pub
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
"""
# As docs/operations.md has it: DVC itself takes any host for the one it wants, OpenSSH does not.
# OpenSSH reads the user's own files whatever HOME says, hence -F.
USER = """
Host store
  ProxyCommand ssh -F {0}/proxy -W 127.0.0.1:{1} outer
  IdentityFile {0}/user
"""
PROXY = """
Host outer
  HostName 127.0.0.1
  Port {1}
  IdentityFile {0}/user
  IdentitiesOnly yes
  UserKnownHostsFile {0}/known
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
"""


def program() -> str:
    """Where the server is; without one, or without what DVC needs, the test is skipped."""
    pytest.importorskip("dvc_ssh", reason="DVC's remotes by SSH need the extra `ssh`")
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not found or not shutil.which("ssh"):
        pytest.skip("no sshd and ssh here: install openssh-server")
    return found


def know(folder: Path, port: int, key: str) -> None:
    """Lets the user know the server by a key's public half."""
    kind, text = (folder / f"{key}.pub").read_text().split()[:2]
    (folder / "known").write_text(f"[127.0.0.1]:{port} {kind} {text}\n")


@contextmanager
def served(folder: Path, home: Path) -> Iterator[int]:
    """Serves, with `home/.ssh/config` that calls it `store`; gives its port.

    Args:
        folder: for its keys.
        home: the user's.
    """
    sshd = program()
    for key in ("host", "user", "impostor"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(made, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "server").write_text(SERVER.format(folder))
    (folder / "proxy").write_text(PROXY.format(folder, port))
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    (home / ".ssh" / "config").write_text(USER.format(folder, port))
    know(folder, port, "host")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it wants that to be there when root starts it
    command = [sshd, "-D", "-f", str(folder / "server"), "-p", str(port), "-E", str(folder / "log")]
    process = subprocess.Popen(command)

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(answers, 20, "sshd answers")
        yield port
    finally:
        process.terminate()
        process.wait(20)
