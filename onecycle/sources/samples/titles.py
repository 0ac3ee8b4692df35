"""Titles of films that were never made."""

from __future__ import annotations

import numpy as np

_ACCENTED = (
    "Café des hérissons, Le",
    "Señor Pingüino y la niña del faro",
    "Über den Dächern von Grünmoos",
    "Smörgås vid sjön",
    "Été à Saint-Brouillard, L'",
    "Coração de Guarda-chuva",
    "Æblehaven på Månen",
    "Perché il tè è già freddo",
    "Año de las cigüeñas, El",
    "Fräulein Löffel räumt auf",
)
_FIRSTS = (
    "Clockwork",
    "Velvet",
    "Paper",
    "Borrowed",
    "Thirteenth",
    "Sleepless",
    "Copper",
    "Forgotten",
    "Whispering",
    "Crooked",
    "Marzipan",
    "Invisible",
    "Northbound",
    "Salted",
    "Second-Hand",
    "Upside-Down",
)
_SECONDS = (
    "Heron",
    "Umbrella",
    "Lighthouse",
    "Orchard",
    "Accordion",
    "Postman",
    "Teapot",
    "Labyrinth",
    "Zeppelin",
    "Cartographer",
    "Walrus",
    "Staircase",
    "Beekeeper",
    "Ferry",
    "Pickpocket",
    "Telescope",
)
_PLACES = (
    "Lower Plumstead Bay",
    "Tin Harbour",
    "Platform Eleven",
    "the Moth Hotel",
    "Cinnamon Hill",
    "Quarrel Street",
)


def invent(count: int, rng: np.random.Generator) -> list[str]:
    """Invent different titles, some of them in Latin-1's letters beyond ASCII.

    Args:
        count: How many; at most 256 plus the ten accented ones.
        rng: Picks and orders them.

    Returns:
        Titles without the year. As in MovieLens, a leading article stands at the end.
    """
    names = [f"{first} {second}" for first in _FIRSTS for second in _SECONDS]
    titles = list(_ACCENTED)
    for index in rng.choice(len(names), count - len(titles), replace=False):
        form = rng.random()
        if form < 0.25:
            titles.append(f"{names[index]}, The")
        elif form < 0.45:
            titles.append(f"{names[index]} of {_PLACES[rng.integers(len(_PLACES))]}, The")
        else:
            titles.append(names[index])
    return [titles[index] for index in rng.permutation(count)]
