"""From a YAML file to a `Study`: every problem at once, each with its place and what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from outcome.config.environment import expand, refuse_elsewhere, texts
from outcome.config.overrides import apply_overrides
from outcome.config.study import Study
from outcome.config.study_yaml import StudyLoader
from outcome.errors import ConfigRefusal

TODO = "TODO"
_HINT = "configs/template.yaml shows every key with its meaning"


def load_study(path: Path | str, overrides: Sequence[str] = ()) -> Study:
    """The study a YAML file describes, with paths made absolute.

    `overrides` are `a.b=c`. Nothing in the file is evaluated; `${VAR}` is expanded in `root` and `table.url` only
    (the URL when it is used, so that no password is kept). Raises ConfigRefusal.
    """
    path = Path(path)
    document = apply_overrides(_read(path), overrides)
    refuse_elsewhere(document)
    _refuse_todo(document, path)
    study = _validated(document, str(path))
    folder = path.resolve().parent
    root = (folder / Path(expand(str(study.root), "root")).expanduser()).resolve()
    if study.table.url:
        expand(study.table.url, "table.url")
    found: dict[str, Any] = {"root": root, "dictionary": (folder / study.dictionary).resolve()}
    if study.segmenter is not None and study.segmenter.model is not None:
        file = (folder / study.segmenter.model).resolve()
        found["segmenter"] = study.segmenter.model_copy(update={"model": file})
    network = study.training.network
    if isinstance(network.weights, Path):
        placed = network.model_copy(update={"weights": (folder / network.weights).resolve()})
        found["training"] = study.training.model_copy(update={"network": placed})
    return study.model_copy(update=found)


def study_from_resolved(document: dict[str, Any], root: Path | None = None) -> Study:
    """The study in a stored `study.json` or a bundle's `config.json`; its root is given by whoever reads it."""
    return _validated(document, "the stored study").model_copy(update={"root": root or Path(".")})


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=StudyLoader)
    except FileNotFoundError:
        raise ConfigRefusal("the study file does not exist", found=str(path), next_step="correct the path") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        found = " ".join(str(error).split())
        raise ConfigRefusal("the study file cannot be read", expected="YAML in UTF-8", found=found) from None
    if not isinstance(document, dict):
        raise ConfigRefusal(
            "the study file holds no keys", expected="a YAML mapping", found=type(document).__name__, next_step=_HINT
        )
    return document


def _refuse_todo(document: dict[str, Any], path: Path) -> None:
    waiting = [place for place, text in texts(document) if text.strip() == TODO or text.startswith(f"{TODO}:")]
    if waiting:
        raise ConfigRefusal(
            f"{path.name} still has {len(waiting)} place(s) that wait for a person",
            found=", ".join(waiting),
            next_step=f"replace each {TODO} (docs/own_study.md)",
        )


def _validated(document: dict[str, Any], where: str) -> Study:
    try:
        return Study.model_validate(document)
    except ValidationError as error:
        problems = list(dict.fromkeys(_problem(detail) for detail in error.errors(include_url=False)))
        raise ConfigRefusal(
            f"{where} is not a study file this program can use: {len(problems)} problem(s)",
            found="\n    ".join(problems),
            next_step=_HINT,
        ) from None


def _problem(detail: Any) -> str:
    place = ".".join(str(part) for part in detail["loc"]) or "top level"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("missing", "unknown_key", "value_error"):
        return f"{place}: {message}"
    return f"{place}: {message}, found {detail['input']!r}"
