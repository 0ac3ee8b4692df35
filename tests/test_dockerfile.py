"""The Dockerfile, as far as it can be tried without Docker: what it leaves out for the CPU."""

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
CUDA = re.compile(r"cuda-|nvidia-|triton$")


def names(lock: Path) -> set[str]:
    """The packages of a lock."""
    return set(re.findall(r"^([a-zA-Z0-9._-]+)", lock.read_text(), re.MULTILINE))


def test_the_cpu_does_without_cuda_and_with_all_else(tmp_path):
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    file = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    (run,) = re.findall(r"^RUN cd /tmp (&& .*)", file, re.MULTILINE)
    uv = 'echo "$@" >> asked'
    script = f'python() {{ :; }}; uv() {{ {uv}; }}; cd "$0" {run}'
    for device, left_out in (("cuda", False), ("cpu", True)):
        subprocess.run(
            ["sh", "-ec", script, str(tmp_path)], check=True, env={"DEVICE": device, "PATH": "/bin"}
        )
        gone = names(ROOT / "requirements.lock") - names(tmp_path / "requirements.lock")
        wanted = {each for each in names(ROOT / "requirements.lock") if CUDA.match(each)}
        assert gone == (wanted | {"torch", "torchvision"} if left_out else set())
    cuda, torch, rest = (tmp_path / "asked").read_text().splitlines()
    assert cuda == rest and "--require-hashes -r requirements.lock" in rest
    assert torch.endswith("--torch-backend cpu -r torch.txt")
    pinned = (tmp_path / "torch.txt").read_text().split()
    assert [each.split("==")[0] for each in pinned] == ["torch", "torchvision"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()[1:]
    assert ignored == ["*", "!requirements.lock"]
