"""`dvc plots show` has the pictures and curves of every kind of target."""

import json
import shutil

from trees import ROOT, shell

SHARED = {"pictures/range-test.png", "pictures/schedule.png", "pictures/history.png"}


def test_dvc_shows_every_kind_s_plots_and_dvc_yaml_names_none_of_them(tmp_path, pages):
    root = pages["points"][0].paths.root
    shutil.copytree(root / "reports", tmp_path / "reports")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    names = [f"my_{kind}" for kind in pages]
    (tmp_path / "params.yaml").write_text(f"run: {json.dumps(names)}\n")
    shell(tmp_path, "dvc", "init", "--no-scm", "-q")
    shutil.copytree(ROOT / ".dvc" / "plots", tmp_path / ".dvc" / "plots")
    told = json.loads(shell(tmp_path, "dvc", "plots", "show", "--json"))
    assert not told.get("errors")
    for name in names:
        own = {key: it for key, it in told["data"].items() if key.startswith(f"reports/{name}/")}
        files = {key.removeprefix(f"reports/{name}/") for key in own}
        assert SHARED | {"pictures/decision.png", "lr_find.csv", "history.csv"} <= files
        assert any(file.startswith("pictures/by-") for file in files)
        curve = json.dumps(own[f"reports/{name}/lr_find.csv"][0]["content"])
        assert '"type": "log"' in curve and '"loss"' in curve
