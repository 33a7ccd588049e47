"""Methods that divide an image into levels and learn which of them are a region's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from segmentation.classical.labelling import label_levels, learn_labelling
from segmentation.classical.place import learn_places
from segmentation.classical.rule import Levels, Numbers, Rule
from segmentation.classical.scene import Classes, Example, Scene
from segmentation.classical.settings import ClassicalSettings

Divide = Callable[[Scene, Numbers, ClassicalSettings], Levels]
Prepare = Callable[[Iterable[Example], Numbers, ClassicalSettings], Numbers]


def by_levels(
    divide: Divide,
    *,
    count: Callable[[ClassicalSettings], int],
    kept: Callable[[ClassicalSettings], tuple[int, ...]] = lambda _: (),
    prepare: Prepare = lambda _examples, _numbers, _settings: {},
) -> Rule:
    """A method from what it does to one image: `divide` gives every voxel one of `count` levels.

    `kept` names the levels that may be a region's (none: any). `prepare` learns what `divide` needs beside the places.
    A method of two dimensions divides each axial slice alone.
    """

    def learn(examples: Iterable[Example], settings: ClassicalSettings) -> Numbers:
        numbers = learn_places(examples, settings)
        numbers |= prepare(examples, numbers, settings)
        levels = [_divided(divide, example.scene, numbers, settings) for example in examples]
        outlined = _Outlined(examples, levels)
        return learn_labelling(outlined, numbers, count=count(settings), kept=kept(settings))

    def outline(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Classes:
        return label_levels(scene, _divided(divide, scene, numbers, settings), numbers)

    return Rule(learn, outline)


def _divided(divide: Divide, scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    if settings.dimensions == 3:
        return divide(scene, numbers, settings)
    planes = [divide(scene.plane(z), numbers, settings) for z in range(scene.shape[2])]
    return np.concatenate(planes, axis=2)


@dataclass(frozen=True, eq=False)
class _Outlined:
    """Examples with their levels, which were computed once: a byte a voxel is kept."""

    examples: Iterable[Example]
    levels: list[Levels]

    def __iter__(self) -> Iterator[tuple[Example, Levels]]:
        return iter(zip(self.examples, self.levels, strict=True))


def inside_alone(_: ClassicalSettings) -> tuple[int, ...]:
    """Only what the method drew may be a region's: level 1 of two."""
    return (1,)


def two(_: ClassicalSettings) -> int:
    """Outside and inside."""
    return 2


def _everything(scene: Scene, _numbers: Numbers, _settings: ClassicalSettings) -> Levels:
    return np.ones(scene.shape, dtype=np.uint8)


PLACE = by_levels(_everything, count=two, kept=inside_alone)
