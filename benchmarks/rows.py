"""What `make bench` measures: each row has sides of onecycle and of peers, measured in turn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import made

CLASSES = 20
OURS, FASTAI, PLAIN = "onecycle", "fastai", "plain PyTorch"
SPEED, PEER, LOOP = "benchmarks.speed", "benchmarks.fastai.speed", "benchmarks.fastai.plain"
RECOMMENDERS = "benchmarks.ratings.speed"


class NotHere(Exception):
    """Why a row can't be measured on this machine."""


@dataclass(frozen=True)
class Side:
    """One side of a row.

    Attributes:
        name: in the table.
        environment: own, fastai or ratings.
        task: `module:function`, as benchmarks/worker.py wants it.
        args: the function's.
        least: the ratio that it shall reach, by the peer's name.
        most: what shall not be exceeded: seconds, score.
    """

    name: str
    environment: str
    task: str
    args: dict[str, Any]
    least: dict[str, float] = field(default_factory=dict)
    most: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """Sides that do the same work.

    Attributes:
        title: what is measured, with its sizes.
        ours: sides of onecycle.
        peers: the others.
        unit: of the work: a ratio is the peer's seconds for one, over onecycle's.
        fresh: whether each repeat has a process of its own, so that memory can be compared.
        most_repeats: where a peer takes long.
    """

    title: str
    ours: list[Side]
    peers: list[Side]
    unit: str = "items"
    fresh: bool = False
    most_repeats: int = 100


@dataclass(frozen=True)
class Setup:
    """Sizes, and where things lie.

    Attributes:
        out: folder of the results.
        mirror: folder with ml-100k.zip.
        voc: folder with VOC's photographs, at any depth; photographs are drawn without one.
        threads: of torch.
        workers: of the peers' loaders.
        quick: tiny sizes, to try everything.
    """

    out: Path
    mirror: Path
    voc: Path
    threads: int
    workers: int
    quick: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """How photographs are trained on."""
        common = {"arch": "resnet18", "threads": self.threads, "workers": self.workers}
        if self.quick:
            return common | {"size": 32, "batch_size": 4, "resize": 40, "presize": 64}
        return common | {"size": 224, "batch_size": 64, "resize": 256, "presize": 460}

    def photographs(self, times: int | None = None) -> tuple[dict[str, Any], str]:
        """Arguments of a side, and in words what the photographs are."""
        n = (8 if self.quick else 256) if times is None else (4 if self.quick else 64) * times
        files, which = made.photos(self.out / "photos", n, self.voc)
        labels = [f"{at % CLASSES:02}" for at in range(n)]
        args = {"files": files, "labels": labels, "settings": self.settings}
        said = self.settings
        return args, f"{n:,} photos {which}, {said['arch']}, {said['size']} px"

    def movielens(self) -> tuple[str, str, bool]:
        """The file of ratings, what they are, and whether they are MovieLens-100k."""
        archive, file = self.mirror / "ml-100k.zip", self.out / "ml-100k.npz"
        if self.quick or not archive.exists():
            return (*self.generated(2_000 if self.quick else 100_000), False)
        if not file.exists():
            made.movielens(file, archive)
        return str(file.resolve()), "MovieLens-100k", True

    def generated(self, n: int) -> tuple[str, str]:
        """A file of n ratings, and what they are."""
        file = self.out / f"ratings-{n}.npz"
        if not file.exists():
            made.ratings(file, n)
        return str(file.resolve()), f"{n:,} ratings drawn by code"


def own(name: str, task: str, args: dict[str, Any], **limits: Any) -> Side:  # noqa: ANN401
    """A side of onecycle's."""
    return Side(name, "own", f"{SPEED}.{task}", args, **limits)


def pictures(setup: Setup, what: str, task: str, least: float, *, plain: bool = True) -> Row:
    """The same work on photographs by all three."""
    args, said = setup.photographs()
    peers = [Side(FASTAI, "fastai", f"{PEER}:{task}", args)]
    if plain:
        peers.append(Side(PLAIN, "fastai", f"{LOOP}:{task}", args))
    return Row(
        f"{what}; {said}", [own(OURS, f"pictures:{task}", args, least={FASTAI: least})], peers
    )


def prepare(setup: Setup) -> Row:
    """Decoding into the store, against one of fast.ai's epochs of loading."""
    args, said = setup.photographs()
    peers = [Side(FASTAI, "fastai", f"{PEER}:data", args)]
    ours = [own(OURS, "pictures:prepare", args, least={FASTAI: 15})]
    return Row(f"preparing the store, against an epoch's loading; {said}", ours, peers)


def frozen(setup: Setup) -> Row:
    """The frozen epoch, three ways, each against fast.ai's one way."""
    args, said = setup.photographs()
    trains = {**args, "train_norm": True}
    stays = {**args, "train_norm": False}
    ours = [
        own("onecycle, norms train", "pictures:frozen", trains, least={FASTAI: 4}),
        own("onecycle, norms still", "pictures:frozen", stays, least={FASTAI: 8}),
        own("onecycle, features kept", "pictures:cached", args, least={FASTAI: 500}),
    ]
    peers = [
        Side(FASTAI, "fastai", f"{PEER}:frozen", args),
        Side(PLAIN, "fastai", f"{LOOP}:frozen", args),
    ]
    return Row(f"frozen epoch; {said}", ours, peers)


def book(setup: Setup) -> Row:
    """The book's recipe, watched on valid as fast.ai does."""
    file, said, _ = setup.movielens()
    args = {"file": file, "recipe": "book", "threads": setup.threads}
    ours = [own(OURS, "ratings:fit", args | {"watched": True}, least={FASTAI: 20})]
    return Row(f"the book's fit; {said}", ours, [Side(FASTAI, "fastai", f"{PEER}:fit", args)])


def fast(setup: Setup) -> Row:
    """A recipe made for speed, against compiled recommenders."""
    file, said, real = setup.movielens()
    args = {"file": file, "recipe": "fast", "threads": setup.threads}
    most = {"seconds": 0.2, "score": 0.813} if real else {}
    peers = [
        Side("cornac MF", "ratings", f"{RECOMMENDERS}:cornac_mf", {"file": file}),
        Side("surprise SVD", "ratings", f"{RECOMMENDERS}:surprise_svd", {"file": file}),
        Side("LensKit ALS", "ratings", f"{RECOMMENDERS}:lenskit_als", {"file": file}),
    ]
    return Row(f"a fast fit; {said}", [own(OURS, "ratings:fit", args, most=most)], peers)


def best(setup: Setup) -> Row:
    """The best recommender, against surprise's that learns from who rated what, too."""
    file, said, real = setup.movielens()
    args = {"file": file, "recipe": "implicit", "threads": setup.threads}
    most = {"seconds": 6.0, "score": 0.775} if real else {}
    ours = [own("onecycle, implicit", "ratings:fit", args, most=most)]
    asked = {"file": file, "plus": True}
    peers = [Side("surprise SVD++", "ratings", f"{RECOMMENDERS}:surprise_svd", asked)]
    return Row(f"the best model's fit; {said}", ours, peers, most_repeats=3)


def growth(setup: Setup, what: str, times: int) -> Row:
    """What preparing, or encoding, and an epoch cost with so many items, in a fresh process."""
    ours, peer = f"{what}:grown", "grown"
    if what == "pictures":
        args, said = setup.photographs(times)
    else:
        file, said = setup.generated((500 if setup.quick else 100_000) * times)
        args, peer = {"file": file, "threads": setup.threads}, "ratings_grown"
    title = f"growth ×{times}: from files through an epoch; {said}"
    peers = [Side(FASTAI, "fastai", f"{PEER}:{peer}", args)]
    return Row(title, [own(OURS, ours, args)], peers, fresh=True, most_repeats=3)


def compute(setup: Setup) -> Row:
    """How near training comes to the matrix product."""
    args, said = setup.photographs()
    limit = [own("matrix product", "limits:matmul", {"threads": setup.threads})]
    return Row(f"unfrozen epoch; {said}", [own(OURS, "pictures:unfrozen", args)], limit, "gflop")


def memory(setup: Setup) -> Row:
    """How near the data path comes to a copy; its bytes are the least that it must move."""
    args, said = setup.photographs()
    limit = [own("copy", "limits:copy", {"threads": setup.threads})]
    return Row(f"training data path; {said}", [own(OURS, "pictures:data", args)], limit, "mib")


def gpu(setup: Setup, arch: str) -> Row:
    """A network on a GPU, against the same on a batch that lies there, and its batches alone.

    The first ratio is the share of the time in which the GPU has something to do, the second that
    in which the next batch is made.
    """
    if not torch.cuda.is_available():
        raise NotHere("no GPU here")
    args, said = setup.photographs(16)
    args = {**args, "settings": {**args["settings"], "arch": arch}}
    ours = [own(OURS, "pictures:unfrozen", args, least={"synthetic data": 0.9})]
    loop = {"settings": args["settings"], "batches": 32}
    peers = [
        own("synthetic data", "limits:synthetic", loop),
        own("its batches alone", "pictures:data", args),
        Side(FASTAI, "fastai", f"{PEER}:unfrozen", args),
    ]
    return Row(f"unfrozen epoch, {said}".replace("resnet18", arch), ours, peers)


Maker = Callable[[Setup], Row]
ROWS: dict[str, Maker] = {
    "data": partial(pictures, what="training data path", task="data", least=35),
    "prepare": prepare,
    "frozen": frozen,
    "unfrozen": partial(pictures, what="unfrozen epoch", task="unfrozen", least=3.2),
    "lr_find": partial(pictures, what="range test", task="range_test", least=4, plain=False),
    "predict": partial(pictures, what="prediction", task="predict", least=4.5),
    "book": book,
    "fast": fast,
    "best": best,
    **{f"growth_pictures_{n}": partial(growth, what="pictures", times=n) for n in (1, 4, 16)},
    **{f"growth_ratings_{n}": partial(growth, what="ratings", times=n) for n in (1, 4, 16)},
    "limit_compute": compute,
    "limit_memory": memory,
    "gpu": partial(gpu, arch="resnet50"),
    "gpu_resnet34": partial(gpu, arch="resnet34"),
}
