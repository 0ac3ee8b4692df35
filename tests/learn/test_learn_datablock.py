"""The DataBlock: params.yaml and back, the pipeline's own batches, one item's way."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML

from onecycle.errors import UserError
from onecycle.items import files
from onecycle.learn import assemble, recipe, saved
from onecycle.learn.augment import Augment
from onecycle.learn.datablock import DataBlock, Resize
from onecycle.learn.datasets import Datasets
from onecycle.learn.recipe import View
from onecycle.params import read_yaml
from onecycle.paths import Paths
from onecycle.splits.splitters import Random
from tasks.__main__ import main
from tasks.problems import check

ROOT = Path(__file__).parents[2]
PROBLEMS = read_yaml(ROOT / "params.yaml")["problems"]
OWN = """
problems:
  own: !replace
    download: {folder: photos}
    prepare: {reader: files, label: '^([^/]+)/', size: 24}
    split: {by: stratified, valid: 0.25, test: 0.25}
    learner: {arch: resnet18, weights: null, size: 32, fit: squish, batch_size: 8}
    lr_find: {}
    train: {}
    calibrate: {}
    evaluate: {}
"""


@pytest.fixture
def photos(tree: Path) -> Path:
    """48 pictures of two colours in two folders, in a tree with a problem `own`."""
    generator = np.random.default_rng(0)
    for at in range(48):
        colour = (190, 80, 60) if at % 2 else (60, 80, 190)
        pixels = generator.normal(colour, 30, (30, 40, 3)).clip(0, 255).astype(np.uint8)
        file = Path("photos", "ab"[at % 2], f"{at:02}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    Path("patch.yaml").write_text(OWN)
    assert main(["set", "@patch.yaml"]) == 0
    return Path("photos")


def small(**changes) -> DataBlock:
    given = {
        "blocks": ("image", "category"),
        "get_items": files.Params(reader="files", label="^([^/]+)/"),
        "splitter": Random(by="random", valid=0.25, test=0.25),
        "batch_tfms": View(size=32),
    }
    return DataBlock(**given | changes)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_goes_to_a_block_and_back(name):
    block = DataBlock.from_params(PROBLEMS[name])
    printed = YAML(typ="safe", pure=True).load(block.to_yaml())
    assert DataBlock.from_params(printed) == block
    pasted = {"run": [], "problems": {name: PROBLEMS[name] | printed}}
    pasted["problems"][name]["learner"] = PROBLEMS[name]["learner"] | printed["learner"]
    before = check({"run": [], "problems": PROBLEMS}).problems[name]
    after = check(pasted).problems[name]
    assert (after.prepare, after.split, after.learner) == (
        before.prepare, before.split, before.learner,
    )  # fmt: skip


def test_it_gives_what_the_pipeline_s_stages_give(photos):
    for stage in ("download", "prepare", "split"):
        assert main([stage, "own"]) == 0
    problem = read_yaml(Path("params.yaml"))["problems"]["own"]
    learner = recipe.VisionLearner(**problem["learner"])
    theirs = assemble.fresh(Paths("own"), learner, 1).data
    ours = DataBlock.from_params(problem).datasets(photos)
    assert set(ours.parts) == set(theirs.parts) == {"train", "valid", "test"}
    for name, part in ours.parts.items():
        other = theirs.parts[name]
        assert part.items["id"].tolist() == other.items["id"].tolist()
        rows = torch.arange(len(part))
        generators = (np.random.default_rng(3) for _ in range(2))
        for mine, yours in zip(
            part.batch(rows, next(generators)), other.batch(rows, next(generators)), strict=True
        ):
            assert torch.equal(mine, yours)


def test_duplicates_are_moved_as_the_stage_does_and_leaks_are_said(photos, capsys):
    for at in range(0, 48, 6):  # of each folder some files twice
        (photos / "a" / f"copy_{at:02}.png").write_bytes(
            (photos / "a" / f"{at:02}.png").read_bytes()
        )
    for leaks in ("{}", "{duplicates: to_train}"):
        assert main(["set", f"problems.own.split.leaks={leaks}"]) == 0
        problem = read_yaml(Path("params.yaml"))["problems"]["own"]
        ours = DataBlock.from_params(problem).datasets(photos)
        said = capsys.readouterr().out
        assert ("are the same file as an item across the split" in said) == (leaks == "{}")
    for stage in ("download", "prepare", "split"):
        assert main([stage, "own"]) == 0
    parts = pd.read_parquet(Paths("own").data("split.parquet"))
    theirs = {name: sorted(rows["id"]) for name, rows in parts.groupby("split")}
    assert {name: part.items["id"].tolist() for name, part in ours.parts.items()} == theirs


def test_a_data_set_is_anything_with_an_index_and_a_length(photos):
    class Squares:
        def __len__(self) -> int:
            return 20

        def __getitem__(self, at: int) -> tuple[np.ndarray, str]:
            return np.full((20, 30, 3), 10 * at, np.uint8), "dark" if at < 10 else "light"

    data = small(get_items=None, item_tfms=Resize(size=16)).datasets(Squares())
    x, y = data.train[0]
    assert x.shape == (3, 32, 32) and y.shape == () and len(data.train) == 10
    shades = [float(x.mean()) for x, _ in data.train]
    assert len(shades) == 10 and sorted(shades) == shades


def test_getters_read_a_table_s_rows(photos):
    table = pd.DataFrame({"fname": sorted(photos.rglob("*.png")), "labels": ["a b", "b"] * 24})
    block = small(
        blocks=("image", "multicategory"),
        get_items=None,
        get_x=lambda row: row["fname"],
        get_y=lambda row: row["labels"].split(),
    )
    x, y = block.dataloaders(table, batch_size=4).one_batch()
    assert x.shape == (4, 3, 32, 32) and y.dtype == torch.float32 and y.shape == (4, 2)
    with pytest.raises(UserError, match="can't hold the functions"):
        block.to_params()


def test_points_and_pairs(photos):
    pictures = sorted(photos.rglob("*.png"))
    where = small(
        blocks=("image", "points"), get_items=lambda folder: pictures,
        get_x=lambda file: file, get_y=lambda file: (10, 15),
        batch_tfms=View(size=32, fit="squish", augment=None),
    )  # fmt: skip
    _, y = where.dataloaders(photos, 4).one_batch()
    assert torch.allclose(y, torch.tensor([2 * 10 / 40 - 1, 2 * 15 / 30 - 1]).expand(4, 2))
    rated = DataBlock(("pair", "rating"), splitter=Random(by="random"), batch_tfms=None)
    x, y = rated.dataloaders(
        [((f"u{at % 5}", f"i{at % 7}"), at % 5) for at in range(35)]
    ).one_batch()
    assert x.shape[1:] == (2,) and y.shape[1:] == (1,) and x.min() >= 1


def test_the_summary_tells_one_item_s_way(photos):
    said = small().summary(photos).splitlines()
    assert said[0].startswith("48 items; the first: {'id': 'a/00.png'")
    assert said[1] == "its picture: uint8 [30, 40, 3]"
    assert said[2] == "train 24, valid 12, test 12"
    aside = small(splitter=Random(by="random", valid=0.25, test=0.25, calib=0.5))
    assert aside.summary(photos).splitlines()[2] == "train 24, valid 6, calib 6, test 12"
    assert said[3].startswith("its input float32 [3, 32, 32], from -")
    assert said[4].endswith(": a") and said[4].startswith("its target int64 []")
    assert said[5].startswith("a batch's input float32 [4, 3, 32, 32]")


@pytest.mark.parametrize(
    ("changes", "fails", "before"),
    [
        (
            {"get_items": lambda s: [1], "get_y": lambda i: 1 / 0, "get_x": str},
            "get_y fails: div",
            0,
        ),
        ({"get_items": lambda s: [("x.png", "a")]}, "item_tfms fails: 'x.png' can't be dec", 1),
        ({"splitter": lambda items: ["train"] * len(items)}, "splitter fails: train or", 2),
        ({"splitter": Random(by="random"), "batch_tfms": None}, "batch_tfms fails", 3),
    ],
)
def test_the_summary_fails_at_the_step_that_fails(photos, changes, fails, before):
    with pytest.raises(UserError) as caught:
        small(**changes).summary(photos)
    said = str(caught.value).splitlines()
    assert fails in said[-1] and len(said) == before + 1


def test_what_can_t_be_decoded_is_left_out_and_said(photos, capsys):
    Path(photos, "a", "00.png").write_bytes(b"no picture")
    data = small().datasets(photos)
    assert sum(map(len, data.parts.values())) == 47
    assert "1 pictures are left out; 'a/00.png' not an image" in capsys.readouterr().out


def test_four_channels_from_files_to_a_batch_one_by_one(photos):
    generator = np.random.default_rng(0)
    for at in range(16):
        band = np.full((32, 32, 4), 40, np.uint8)
        band[..., 3] = 200 if at % 2 else 20  # only infrared tells them apart
        band += generator.integers(0, 20, band.shape, np.uint8)
        np.save(Path("photos", "ab"[at % 2], f"s{at}.npy"), band)
    for file in photos.rglob("*.png"):
        file.unlink()
    reader = files.Params(reader="files", label="^([^/]+)/", channels=4, size=24)
    loaders = small(get_items=reader).dataloaders(photos, batch_size=4)
    x, _ = loaders.one_batch()
    assert x.shape == (4, 4, 32, 32)
    figure = loaders.show_batch(2, each_channel=True)
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 8 and titles[3].endswith("channel 3")
    assert len(loaders.show_batch(3).axes) == 3


@pytest.mark.parametrize("kind", ["image", "pair"])
def test_a_batch_can_be_shown(photos, kind, tmp_path):
    pairs = [((f"u{at % 5}", f"i{at}"), 3) for at in range(30)]
    rated = DataBlock(("pair", "rating"), splitter=Random(by="random"), batch_tfms=None)
    loaders = small().dataloaders(photos) if kind == "image" else rated.dataloaders(pairs)
    figure = loaders.show_batch(5)
    figure.savefig(tmp_path / "batch.png")
    drawn = Image.open(tmp_path / "batch.png")
    assert len(set(drawn.convert("L").get_flattened_data())) > 10


def test_points_are_drawn_where_the_batch_has_them(photos):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[20:22, 6:8] = 255
    block = DataBlock(
        ("image", "points"), splitter=Random(by="random"), item_tfms=Resize(size=None),
        batch_tfms=View(size=32, fit="squish", augment=Augment(lighting=0.0)),
    )  # fmt: skip
    figure = block.dataloaders([(pixels, (7, 21))] * 12).show_batch(6)
    for axes in figure.axes[:6]:
        (x,), (y,) = axes.lines[0].get_data()
        shown = np.asarray(axes.images[0].get_array())[..., 0].astype(float)
        rows, columns = np.indices(shown.shape)
        centre = (columns * shown).sum() / shown.sum(), (rows * shown).sum() / shown.sum()
        assert np.hypot(x - centre[0], y - centre[1]) < 0.5


def test_a_learner_sees_what_the_data_show_and_so_does_the_saved_one(photos, tmp_path):
    data = small(batch_tfms=View(size=40, fit="squish")).datasets(photos, tmp_path / "pixels")
    params = recipe.VisionLearner(arch="resnet18", weights=None, size=64, precision="fp32")
    learner = assemble.make_learner(data, params)
    saved.save(learner, tmp_path, {})
    again = saved.load(tmp_path, tmp_path / "pixels")
    part = again.data.blocks.encode(data.valid.items)
    assert np.array_equal(again.predict(part), learner.predict(data.valid))


def test_points_can_t_be_cropped(photos):
    block = DataBlock(("image", "points"), item_tfms=Resize(size=None), batch_tfms=View(size=32))
    with pytest.raises(UserError, match="points need fit: squish"):
        block.datasets([(np.zeros((32, 32, 3), np.uint8), (1, 2))] * 9)


def test_blocks_are_those_that_the_reader_gives():
    with pytest.raises(UserError, match="the reader of get_items gives"):
        small(blocks=("image", "multicategory"))


def test_a_section_that_is_wrong_is_named(photos):
    with pytest.raises(UserError, match="no section split"):
        DataBlock.from_params({"prepare": PROBLEMS["pets"]["prepare"]})
    wrong = PROBLEMS["pets"] | {"split": {"by": "random", "valid": 2.0}}
    with pytest.raises(UserError, match=r"split\.valid: expected"):
        DataBlock.from_params(wrong)


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(UserError, match="no valid part"):
        _ = Datasets(None, {}).valid
