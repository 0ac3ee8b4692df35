"""The command line's own part: the graph is read beside imports that change the environment."""

import os
import subprocess

import pytest

from flows import pipeline


def test_the_graph_s_process_starts_from_a_copy_of_the_environment(monkeypatch):
    """From `os.environ` itself, while another thread changed it, it once ended in Bad address."""
    given = []

    def run(command, env, **options):
        given.append(env)
        return subprocess.CompletedProcess(command, 0, stdout="[]\n")

    monkeypatch.setattr(subprocess, "run", run)
    begun = dict(os.environ)
    assert pipeline.read(begun) == []
    assert given == [begun] and given[0] is not os.environ


def test_a_shortened_option_is_refused(capsys):
    """A run in a tree of its own is given the same words but `--isolated`, which must be whole."""
    with pytest.raises(SystemExit):
        pipeline.main(["--isolate"])
    assert "unrecognized arguments: --isolate" in capsys.readouterr().err
