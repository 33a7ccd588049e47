"""A table block as one token in which every categorical variable has learned numbers of its own, an entity embedding.

The 0/1 columns of a variable give the numbers learned for its level; these and the block's other columns go through a
hidden layer, so that what one column says may depend on another. Guo & Berkhahn 2016,
doi:10.48550/arXiv.1604.06737. Departures: the rule of size is ours (there it is chosen variable by variable), and
values without a column of their own share a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from outcome.models.inputs import Inputs
from outcome.models.network.data import table_blocks
from outcome.models.network.tokens import WIDTH, TableToken

HIDDEN = 32  # numbers between a block's columns and its token
MOST = 8  # numbers a variable, however many levels it has
Categories = Mapping[str, tuple[tuple[int, ...], ...]]  # by table block: the matrix columns of each variable


def embedding_size(levels: int) -> int:
    """How many numbers a variable with so many 0/1 columns gets: half of the columns and one more, at most `MOST`."""
    return min(MOST, -(-(levels + 1) // 2))


class CategoryEmbedding(nn.Module):
    """One categorical variable: its 0/1 columns to `size` numbers, those learned for the case's level.

    A value without a column (a level dropped as rare, one that the dictionary does not name) has 0 in all of them and
    gets `unknown`, one vector for all such values; it begins at 0, and stays there where no training case has such a
    value. Shares of levels, as an average case has them, give the mean of the levels' numbers by these shares.
    """

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__()
        self.columns, self.size = list(columns), embedding_size(len(columns))
        self.levels = nn.Parameter(torch.randn(len(columns), self.size))
        self.unknown = nn.Parameter(torch.zeros(self.size))

    def forward(self, table: Tensor) -> Tensor:
        """Table (n, p) to (n, size)."""
        shares = table[:, self.columns]
        rest = (1 - shares.sum(dim=1, keepdim=True)).clamp(min=0)
        return shares @ self.levels + rest * self.unknown


class EmbeddedTableToken(nn.Module):
    """The columns of a block as one token; a block without a categorical variable has the hidden layer too."""

    def __init__(self, columns: tuple[int, ...], categories: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        embedded = {column for variable in categories for column in variable}
        self.plain = [column for column in columns if column not in embedded]
        self.embeddings = nn.ModuleList(CategoryEmbedding(variable) for variable in categories)
        told = len(self.plain) + sum(embedding_size(len(variable)) for variable in categories)
        self.layer = nn.Sequential(nn.Linear(told, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, WIDTH), nn.ReLU())

    def forward(self, table: Tensor) -> Tensor:
        """Table (n, p) to (n, WIDTH)."""
        told = [embedding(table) for embedding in self.embeddings]
        token: Tensor = self.layer(torch.cat([*told, table[:, self.plain]], dim=1))
        return token


def table_tokens(tables: Mapping[str, tuple[int, ...]], categories: Categories | None) -> nn.ModuleList:
    """The token of each table block, in order; None: one linear layer a block, 0/1 columns as any others."""
    if categories is None:
        return nn.ModuleList(TableToken(columns) for columns in tables.values())
    return nn.ModuleList(EmbeddedTableToken(columns, categories[block]) for block, columns in tables.items())


def require_inside(tables: Mapping[str, tuple[int, ...]], categories: Categories | None) -> None:
    """Raises ValueError where a variable's columns are no columns of its block, or are those of two variables."""
    if categories is None:
        return
    if set(categories) != set(tables):
        raise ValueError(f"categories are told of every table block, {sorted(tables)}, found {sorted(categories)}")
    for block, variables in categories.items():
        named = [column for variable in variables for column in variable]
        if not set(named) <= set(tables[block]) or len(set(named)) < len(named):
            raise ValueError(f"the categories of {block} are among columns {tables[block]}, each once, found {named}")


def categories_for(name: str, inputs: Inputs) -> Categories | None:
    """What tokens of this kind (one of `TABLES`) embed of these inputs. Raises ValueError for another name."""
    if name not in TABLES:
        raise ValueError(f"tables must be one of {tuple(TABLES)}, found {name!r}")
    return TABLES[name](inputs)


def categories_of(inputs: Inputs) -> Categories:
    """The columns of each categorical variable, by block; one of which a single column is left is a plain number."""
    found: dict[str, tuple[tuple[int, ...], ...]] = {}
    for block, columns in table_blocks(inputs).items():
        variables: dict[str, list[int]] = {}
        for column in columns if inputs.groups else ():
            variables.setdefault(inputs.groups[column], []).append(column)
        found[block] = tuple(tuple(own) for name, own in variables.items() if name and len(own) > 1)
    return found


TABLES: dict[str, Callable[[Inputs], Categories | None]] = {"linear": lambda _: None, "embedded": categories_of}
