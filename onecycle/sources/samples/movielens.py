"""Invented films and their ratings in the layout of MovieLens 100k."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onecycle.sources.samples.files import write_lines
from onecycle.sources.samples.titles import invent

USERS, FILMS, RATINGS = 400, 220, 16_000
GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)

_TASTES = 4
"""Latent factors of users and films."""
_LEAST, _MOST = 10, 150
"""Ratings a user, fewest and most."""
_MEAN = 3.2
_FIRST_SECOND, _LAST_SECOND = 874_724_710, 893_286_638
"""The time the published ratings span."""
_JOBS = ("artist", "doctor", "engineer", "librarian", "student", "technician", "writer", "other")


@dataclass(frozen=True)
class World:
    """What lies behind the ratings, which a model has to find out.

    Attributes:
        genres: films × 19, True where the film is of the genre.
        score: users × films, the ratings before noise and rounding.
        fame: films, how likely each is to be seen; sums to 1.
    """

    genres: NDArray[np.bool_]
    score: NDArray[np.float64]
    fame: NDArray[np.float64]


def generate(folder: Path, seed: int = 0) -> None:
    """Write the sample: ``ml-100k/{u.data,u.item,u.genre,u.user}``.

    Args:
        folder: An existing, empty folder.
        seed: Another seed gives other films, people and ratings.
    """
    rng = np.random.default_rng(seed)
    home = folder / "ml-100k"
    home.mkdir()
    world = _world(rng)
    genres = [f"{name}|{index}" for index, name in enumerate(GENRES)]
    write_lines(home / "u.item", _item_lines(world.genres, rng), encoding="latin-1")
    write_lines(home / "u.genre", [*genres, ""])  # so published, too
    write_lines(home / "u.user", _user_lines(rng))
    write_lines(home / "u.data", _rating_lines(world, rng))


def _world(rng: np.random.Generator) -> World:
    genres = np.zeros((FILMS, len(GENRES)), dtype=np.bool_)
    for film in genres:
        count = rng.choice([1, 2, 3], p=[0.45, 0.37, 0.18])
        film[rng.choice(np.arange(1, len(GENRES)), count, replace=False)] = True
    # A film is liked for its genres first and for itself second.
    of_genre = rng.normal(0.0, 1.0, (len(GENRES), _TASTES))
    film_taste = genres @ of_genre / np.sqrt(genres.sum(axis=1, keepdims=True))
    film_taste += rng.normal(0.0, 0.45, film_taste.shape)
    user_taste = rng.normal(0.0, 0.36, (USERS, _TASTES))
    quality, kindness = rng.normal(0.0, 0.5, FILMS), rng.normal(0.0, 0.42, USERS)
    score = _MEAN + quality + kindness[:, np.newaxis] + user_taste @ film_taste.T
    # Good films are seen more often; a few are seen by nearly everybody.
    rank = np.argsort(np.argsort(-(quality + rng.normal(0.0, 0.7, FILMS))))
    fame = 1.0 / (rank + 6.0)
    return World(genres, score, fame / fame.sum())


def _rating_lines(world: World, rng: np.random.Generator) -> list[str]:
    """One line a rating, in an order without meaning, as published."""
    pairs = [
        (user, int(film))
        for user, count in enumerate(_ratings_a_user(rng))
        for film in rng.choice(FILMS, count, replace=False, p=_seen_by(world, user))
    ]
    seconds = rng.integers(_FIRST_SECOND, _LAST_SECOND, USERS)
    lines = []
    for user, film in pairs:
        value = world.score[user, film] + rng.normal(0.0, 0.65)
        rating = int(np.clip(np.rint(value), 1, 5))
        second = seconds[user] + rng.integers(0, 3600)  # most rate in one sitting
        lines.append(f"{user + 1}\t{film + 1}\t{rating}\t{second}")
    return [lines[index] for index in rng.permutation(len(lines))]


def _seen_by(world: World, user: int) -> NDArray[np.float64]:
    """How likely the user is to have seen each film: the famous, and what suits the taste."""
    weight = world.fame * np.exp(0.35 * (world.score[user] - world.score[user].mean()))
    return np.asarray(weight / weight.sum())


def _ratings_a_user(rng: np.random.Generator) -> NDArray[np.int64]:
    """How many films each user rates: long-tailed, and ``RATINGS`` in all."""
    activity = rng.lognormal(0.0, 0.75, USERS)
    counts = np.full(USERS, _LEAST)
    while (missing := RATINGS - int(counts.sum())) > 0:
        open_share = activity * (counts < _MOST)
        more = rng.multinomial(missing, open_share / open_share.sum())
        counts = np.minimum(counts + more, _MOST)
    return counts


def _item_lines(genres: NDArray[np.bool_], rng: np.random.Generator) -> list[str]:
    lines = []
    for number, (title, film) in enumerate(zip(invent(FILMS, rng), genres, strict=True), start=1):
        # Mostly of the nineties, as people rated what had just come out.
        year = 1998 - min(int(rng.exponential(7.0)), 60)
        released = date(year, int(rng.integers(1, 13)), int(rng.integers(1, 29)))
        flags = "|".join(str(int(flag)) for flag in film)
        lines.append(f"{number}|{title} ({year})|{_day(released)}|||{flags}")
    # Two entries of one film: the published list has some too, so a title is not an id.
    first, second = (line.split("|") for line in (lines[16], lines[-5]))
    lines[-5] = "|".join([second[0], *first[1:3], *second[3:]])
    return lines


def _day(day: date) -> str:
    # Not strftime: its month names follow the locale.
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day:02d}-{months[day.month - 1]}-{day.year}"


def _user_lines(rng: np.random.Generator) -> list[str]:
    return [
        f"{number}|{rng.integers(14, 70)}|{'FM'[rng.integers(2)]}"
        f"|{_JOBS[rng.integers(len(_JOBS))]}|{rng.integers(10_000, 99_999)}"
        for number in range(1, USERS + 1)
    ]
