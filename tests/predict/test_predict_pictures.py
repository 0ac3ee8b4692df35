"""Pictures: the answers are evaluate's, whatever the input's form; bad files are rows."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from onecycle.decide.kinds import KINDS
from onecycle.learn import saved
from onecycle.pixels.store import write_store
from onecycle.predict.model import load_model
from onecycle.predict.pictures import Pictures

Y = {"category": "ant", "multicategory": ["ant"], "points": [1.0, 1.0]}


def scores_of(frame):
    return np.stack(frame["scores"].tolist())


def plain(cell):
    return list(cell) if isinstance(cell, list | np.ndarray) else cell


def test_scores_are_those_that_evaluate_makes_of_the_pixel_store(seeing, photos, tmp_path):
    files = sorted(photos.rglob("[0-9]*.*"))
    write_store(tmp_path / "pixels", [(each.name, each) for each in files], 48)
    learner = saved.load(seeing, tmp_path / "pixels")
    kind = learner.data.blocks.y.state()["kind"]
    items = pd.DataFrame({"id": [each.name for each in files], "y": [Y[kind]] * len(files)})
    part = learner.data.blocks.encode(items)
    model = load_model(seeing)
    found = model.predict(files, scores=True)
    assert np.array_equal(scores_of(found), learner.predict(part))
    vocab = getattr(learner.data.blocks.y, "vocab", [])
    expected = KINDS[kind].answers(scores_of(found), model.decision, vocab, part.size_px)
    for name in expected:
        assert [*map(plain, found[name])] == [*map(plain, expected[name])]


def test_a_score_does_not_hang_on_what_else_is_in_its_batch(category, mixed, monkeypatch):
    model = load_model(category)
    found = model.predict(mixed, scores=True).dropna(subset="scores")
    monkeypatch.setattr(Pictures, "chunk", 3)  # batches are cut at its ends
    small = model.predict(mixed, scores=True).dropna(subset="scores")
    # Sums in another order: the last digits of float32.
    assert np.allclose(scores_of(found), scores_of(small), rtol=0, atol=1e-5)


def test_bad_files_are_rows_in_their_place_with_a_reason(seeing, mixed):
    model = load_model(seeing)
    found = model.predict(mixed, scores=True)
    assert found["path"].tolist() == [each.as_posix() for each in mixed]
    assert found["error"].isna().tolist() == [at not in (5, 6, 7) for at in range(len(mixed))]
    assert found["error"][5] == "is empty (0 bytes)" and "No such file" in found["error"][7]
    assert found.loc[5:7, [*model.schema.names, "scores"]].isna().all(axis=None)
    good = model.predict(
        [each for at, each in enumerate(mixed) if at not in (5, 6, 7)], scores=True
    )
    rest = found.drop(index=[5, 6, 7]).reset_index(drop=True)
    assert np.array_equal(scores_of(rest), scores_of(good))


def test_only_bad_files_have_the_columns_of_any_answer(seeing, tmp_path):
    model = load_model(seeing)
    found = model.predict([tmp_path / "gone.jpg"])
    assert list(found) == ["path", *model.schema.names, "error"]


def test_files_images_and_arrays_of_the_same_pixels_are_answered_alike(category, photos):
    model = load_model(category)
    file = photos / "03.png"  # EXIF turns it
    image = Image.open(file)
    array = np.asarray(ImageOps.exif_transpose(image))
    found = model.predict([file, image, array, str(file)], scores=True)
    assert found["error"].isna().all()
    assert len(np.unique(scores_of(found), axis=0)) == 1
    assert found["path"].isna().tolist() == [False, True, True, False]
    deep = Image.fromarray(array[..., 0].astype(np.uint16) * 257)
    plain = Image.fromarray(array[..., 0])
    one, other = scores_of(model.predict([deep, plain], scores=True))
    assert np.array_equal(one, other)
    wrong = model.predict([np.zeros((4, 4), np.float32), np.zeros((0, 4, 3), np.uint8)])
    assert wrong["error"].str.startswith("expected uint8").all()


def test_a_caller_s_image_stays_as_it_is(category, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.jpg")
    image = Image.open(tmp_path / "large.jpg")
    one = scores_of(load_model(category).predict([image], scores=True))
    assert image.size == (500, 400)
    assert np.array_equal(one, scores_of(load_model(category).predict([image], scores=True)))


def test_a_folder_is_predicted_by_its_name_and_any_file_name_is_a_row(category, photos, tmp_path):
    model = load_model(category)
    assert len(model.predict(str(photos / "b"))) == 10
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")
    Path(name).write_bytes((photos / "00.jpg").read_bytes())
    (tmp_path / "\u202e=1.jpg").write_bytes((photos / "00.jpg").read_bytes())
    found = model.predict(tmp_path)
    assert sorted(found["error"].isna()) == [False, True]
