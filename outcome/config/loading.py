"""From a YAML file to a `Study`: every problem at once, each with its place and what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from outcome.config.environment import expand, refuse_elsewhere, texts
from outcome.config.mapping import MAPPINGS, FhirMapping, OmopMapping
from outcome.config.model import Model
from outcome.config.overrides import apply_overrides
from outcome.config.study import Study
from outcome.config.study_yaml import StudyLoader
from outcome.errors import ConfigRefusal

TODO = "TODO"
_HINT = "configs/template.yaml shows every key with its meaning"
M = TypeVar("M", bound=Model)


def load_study(path: Path | str, overrides: Sequence[str] = ()) -> Study:
    """The study a YAML file describes, with paths made absolute.

    `overrides` are `a.b=c`. Nothing in the file is evaluated; `${VAR}` is expanded in `root` and `table.url` only
    (the URL when it is used, so that no password is kept). Raises ConfigRefusal.
    """
    path = Path(path)
    document = apply_overrides(_read(path, "the study file", _HINT), overrides)
    refuse_elsewhere(document)
    _refuse_todo(document, path)
    study = _validated(Study, document, f"{path} is not a study file this program can use", _HINT)
    folder = path.resolve().parent
    root = (folder / Path(expand(str(study.root), "root")).expanduser()).resolve()
    return placed(study, folder, root)


def placed(study: Study, folder: Path, root: Path) -> Study:
    """The study with its data below `root` and the files it names (dictionary, mapping, model, weights) in `folder`."""
    if study.table.url:
        expand(study.table.url, "table.url")
    found: dict[str, Any] = {"root": root, "dictionary": (folder / study.dictionary).resolve()}
    if study.table.mapping is not None:
        placed_mapping = (folder / study.table.mapping).resolve()
        found["table"] = study.table.model_copy(update={"mapping": placed_mapping})
    if study.segmenter is not None and study.segmenter.model is not None:
        file = (folder / study.segmenter.model).resolve()
        found["segmenter"] = study.segmenter.model_copy(update={"model": file})
    network = study.training.network
    if isinstance(network.weights, Path):
        within = network.model_copy(update={"weights": (folder / network.weights).resolve()})
        found["training"] = study.training.model_copy(update={"network": within})
    return study.model_copy(update=found)


def study_from_resolved(document: dict[str, Any], root: Path | None = None) -> Study:
    """The study in a stored `study.json` or a bundle's `config.json`; its root is given by whoever reads it."""
    study = _validated(Study, document, "the stored study is not a study file this program can use", _HINT)
    return study.model_copy(update={"root": root or Path(".")})


def load_mapping(path: Path, form: str) -> OmopMapping | FhirMapping:
    """How a record of this form, omop or fhir, becomes one row a case. Raises ConfigRefusal."""
    hint = f"configs/{form}.example.yaml shows every key with its meaning; docs/ehr.md"
    document = _read(path, "the mapping", hint)
    refuse_elsewhere(document)
    return _validated(MAPPINGS[form], document, f"{path.name} is not a mapping of {form}", hint)


def _read(path: Path, what: str, hint: str) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=StudyLoader)
    except FileNotFoundError:
        raise ConfigRefusal(f"{what} does not exist", found=str(path), next_step="correct the path") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        found = " ".join(str(error).split())
        raise ConfigRefusal(f"{what} cannot be read", expected="YAML in UTF-8", found=found) from None
    if not isinstance(document, dict):
        raise ConfigRefusal(
            f"{what} holds no keys", expected="a YAML mapping", found=type(document).__name__, next_step=hint
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


def _validated(kind: type[M], document: dict[str, Any], refused: str, hint: str) -> M:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problems = list(dict.fromkeys(_problem(detail) for detail in error.errors(include_url=False)))
        raise ConfigRefusal(
            f"{refused}: {len(problems)} problem(s)",
            found="\n    ".join(problems),
            next_step=hint,
        ) from None


def _problem(detail: Any) -> str:
    place = ".".join(str(part) for part in detail["loc"]) or "top level"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("missing", "unknown_key", "value_error"):
        return f"{place}: {message}"
    return f"{place}: {message}, found {detail['input']!r}"
