"""The built-in samples: their layout, their honesty and that equal seeds give equal bytes."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from onecycle.errors import UserError
from onecycle.sources.samples import biwi, movielens, pascal, pets, registry

LIMIT_BYTES = 4_000_000


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A function from a sample's name to its folder, generated once with seed 0."""
    made: dict[str, Path] = {}

    def folder_of(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            registry.generate(name, made[name])
        return made[name]

    return folder_of


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def few_pictures(monkeypatch):
    monkeypatch.setattr(pets, "PICTURES_A_BREED", 4)
    monkeypatch.setattr(pascal, "PARTS", {"train": 8, "val": 4, "test": 8})
    monkeypatch.setattr(biwi, "PEOPLE", 7)
    monkeypatch.setattr(biwi, "FRAMES", range(3, 6))


@pytest.mark.parametrize("name", registry.SAMPLES)
def test_the_seed_alone_decides_every_byte(name, few_pictures, tmp_path):
    made = []
    for run, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(run)
        folder.mkdir()
        np.random.seed(run)  # the global generator must not matter
        registry.generate(name, folder, seed)
        made.append(contents(folder))
    first, again, other = made
    assert first == again
    assert first.keys() == other.keys()
    pictures_or_ratings = [file for file in first if file.endswith((".jpg", "u.data"))]
    assert pictures_or_ratings
    assert all(first[file] != other[file] for file in pictures_or_ratings)


@pytest.mark.parametrize("name", registry.SAMPLES)
def test_each_sample_is_small(name, sample):
    assert sum(map(len, contents(sample(name)).values())) <= LIMIT_BYTES


def test_an_unknown_sample_is_a_users_mistake_that_names_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"'cats'.*pets, pascal, biwi, movielens"):
        registry.generate("cats", tmp_path)


def test_the_registry_is_cheap_to_import():
    code = (
        "import sys, onecycle.sources.samples.registry;"
        "sys.exit(not {'PIL', 'numpy'}.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def rows(path: Path) -> list[list[str]]:
    lines = path.read_text().splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


def test_pets_pictures_and_annotations_agree(sample):
    root = sample("pets")
    pictures = {path.stem for path in (root / "images").iterdir()}
    listed = rows(root / "annotations/list.txt")
    parts = [rows(root / f"annotations/{part}.txt") for part in ("trainval", "test")]
    assert len(pictures) == 8 * pets.PICTURES_A_BREED
    assert {row[0] for row in listed} == pictures
    assert sorted(listed) == sorted(parts[0] + parts[1])
    assert (root / "annotations/list.txt").read_text().count("#") == 6


def test_pets_names_tell_breed_and_species(sample):
    breeds: dict[str, set[tuple[str, ...]]] = {}
    for name, *ids in rows(sample("pets") / "annotations/list.txt"):
        breed = re.fullmatch(r"(.+)_\d+", name)[1]
        breeds.setdefault(breed, set()).add(tuple(ids))
        assert ids[1] == ("1" if breed[0].isupper() else "2")
    assert all(len(ids) == 1 for ids in breeds.values())
    by_class = sorted(breeds, key=lambda breed: int(next(iter(breeds[breed]))[0]))
    assert by_class == sorted(breeds, key=str.lower)
    assert Counter(breed[0].isupper() for breed in breeds) == {True: 4, False: 4}


def test_pets_pictures_vary_in_size(sample):
    sizes = {size_of(path) for path in (sample("pets") / "images").iterdir()}
    assert len(sizes) > 50
    assert all(96 <= width <= 128 and 80 <= height <= 100 for width, height in sizes)


def voc(sample) -> Path:
    return sample("pascal") / "VOCdevkit/VOC2007"


def test_pascal_sets_divide_the_pictures(sample):
    root = voc(sample)
    sets = {path.stem: path.read_text().split() for path in (root / "ImageSets/Main").iterdir()}
    assert {part: len(sets[part]) for part in pascal.PARTS} == pascal.PARTS
    assert sets["trainval"] == sorted(sets["train"] + sets["val"])
    everything = sorted(sets["trainval"] + sets["test"])
    assert everything == sorted(path.stem for path in (root / "JPEGImages").iterdir())
    assert everything == sorted(path.stem for path in (root / "Annotations").iterdir())


def test_pascal_annotations_describe_their_pictures(sample):
    difficult, kinds, counts = 0, Counter(), Counter()
    for path in sorted((voc(sample) / "Annotations").iterdir()):
        tree = ElementTree.parse(path)
        picture = voc(sample) / "JPEGImages" / tree.findtext("filename")
        size = tuple(int(tree.findtext(f"size/{side}")) for side in ("width", "height"))
        assert picture.stem == path.stem
        assert size_of(picture) == size
        labels = set()
        for thing in tree.iter("object"):
            left, top, right, bottom = (int(corner.text) for corner in thing.find("bndbox"))
            assert 1 <= left < right <= size[0]
            assert 1 <= top < bottom <= size[1]
            assert thing.findtext("truncated") in ("0", "1")
            if thing.findtext("difficult") == "1":
                difficult += 1
            else:
                labels.add(thing.findtext("name"))
        kinds.update(labels)
        counts[len(labels)] += 1
    assert difficult > 50
    assert kinds.keys() == {"aeroplane", "bicycle", "bottle", "car", "cat", "sheep"}
    assert min(kinds.values()) > 100
    assert counts.keys() == {1, 2, 3}


def test_biwi_has_a_pose_for_every_frame_of_every_person(sample):
    people = sorted(path.name for path in sample("biwi").iterdir())
    assert people == [f"{number:02d}" for number in range(1, 15)]
    for person in people:
        names = {path.name for path in (sample("biwi") / person).iterdir()}
        frames = [f"frame_{frame:05d}" for frame in range(3, 33)]
        expected = {f"{f}_{what}" for f in frames for what in ("rgb.jpg", "pose.txt")}
        assert names == expected | {"rgb.cal"}
    picture = sample("biwi") / "01" / "frame_00003_rgb.jpg"
    assert size_of(picture) == (biwi.WIDTH, biwi.HEIGHT)


def test_biwi_files_are_spelt_as_published(sample):
    number = r"-?\d+\.\d{6}"
    calibration = (sample("biwi") / "01/rgb.cal").read_text()
    pose = (sample("biwi") / "01/frame_00003_pose.txt").read_text()
    assert re.fullmatch(
        rf"{number} 0 {number} \n0 {number} {number} \n0 0 1 \n\n0 0 0 0 \n\n"
        r"1 0 0 \n0 1 0 \n0 0 1 \n\n0 0 0 \n\n160 120\n",
        calibration,
    )
    row = rf"{number} {number} {number} \n"
    assert re.fullmatch(rf"({row}){{3}}\n{row}", pose)


def test_biwi_heads_lie_in_the_frame_and_move_smoothly(sample):
    centres = []
    for home in sorted(sample("biwi").iterdir()):
        camera = np.array((home / "rgb.cal").read_text().split()[:9], dtype=float).reshape(3, 3)
        poses = sorted(home.glob("*_pose.txt"))
        values = np.array([path.read_text().split() for path in poses], dtype=float)
        rotations, places = values[:, :9].reshape(-1, 3, 3), values[:, 9:]
        assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-5)
        assert np.all((places[:, 2] >= 800) & (places[:, 2] <= 1100))
        projected = places @ camera.T
        pixels = projected[:, :2] / projected[:, 2:]
        assert np.linalg.norm(np.diff(pixels, axis=0), axis=1).max() < 30
        centres.append(pixels)
    pixels = np.concatenate(centres) / (biwi.WIDTH, biwi.HEIGHT)
    assert np.all((pixels > 0.1) & (pixels < 0.9))
    assert np.all(np.ptp(pixels, axis=0) > (0.6, 0.4))


def test_movielens_ratings_are_whole_in_range_and_given_once(sample):
    lines = (sample("movielens") / "ml-100k/u.data").read_text().splitlines()
    user, film, rating, second = np.array([line.split("\t") for line in lines], dtype=int).T
    assert len(set(zip(user, film, strict=True))) == len(lines) == movielens.RATINGS
    assert set(rating) == {1, 2, 3, 4, 5}
    assert user.min() == film.min() == 1
    assert (user.max(), film.max()) == (movielens.USERS, movielens.FILMS)
    assert np.bincount(user)[1:].min() >= 10
    assert 8e8 < second.min() and second.max() < 9e8
    popular = np.sort(np.bincount(film)[1:])[::-1]
    assert popular[:44].sum() > 0.4 * popular.sum()  # a fifth of the films, a long tail


def test_movielens_films_have_odd_letters_and_a_shared_title(sample):
    text = (sample("movielens") / "ml-100k/u.item").read_bytes().decode("latin-1")
    fields = [line.split("|") for line in text.splitlines()]
    assert {len(row) for row in fields} == {24}
    assert [row[0] for row in fields] == [str(n) for n in range(1, movielens.FILMS + 1)]
    assert all(re.search(r"\(\d{4}\)$", row[1]) and "1" in row[6:] for row in fields)
    assert not text.isascii()
    assert len({row[1] for row in fields}) == movielens.FILMS - 1


def test_movielens_ratings_follow_users_and_films(sample):
    lines = (sample("movielens") / "ml-100k/u.data").read_text().splitlines()
    user, film, rating, _ = np.array([line.split("\t") for line in lines], dtype=int).T
    seen, held = slice(0, 13_000), slice(13_000, None)  # the lines are in random order
    error = rating - rating[seen].mean()
    guess = np.zeros(len(error))
    for ids in (film, user):  # each one's mean error, drawn towards none
        left = (error - guess)[seen]
        offsets = np.bincount(ids[seen], left, ids.max() + 1)
        guess = guess + (offsets / (np.bincount(ids[seen], minlength=ids.max() + 1) + 5))[ids]
    assert np.mean((error - guess)[held] ** 2) < 0.8 * np.mean(error[held] ** 2)
