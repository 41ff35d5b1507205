"""Files that come in pairs, NAME_TRAIN.ts and NAME_TEST.ts, as the UCR and UEA archives name them: which go together.

Opens none of them.
"""

from __future__ import annotations

import re
from pathlib import Path

from convlens.data.errors import DataError

PAIR = re.compile(r"(?P<name>.*)_(?P<part>TRAIN|TEST)(?P<suffix>\.(?:ts|csv|tsv))", re.IGNORECASE | re.DOTALL)


def pair_files(path: Path) -> dict[str, Path]:
    """Find the training file and, if there is one, the test file that go with a file or lie in a folder.

    Raises:
        DataError: a test file stands alone, or a folder holds several training files.
    """
    if path.is_dir():
        found = [(file, PAIR.fullmatch(file.name)) for file in sorted(path.iterdir())]
        train = [(file, match) for file, match in found if match and match["part"].upper() == "TRAIN"]
        if len(train) != 1:
            suffix = train[0][1]["suffix"] if train else ".ts"
            listed = ", ".join(file.name for file, _ in train) or "none"
            raise DataError(f"{path} should hold one NAME_TRAIN{suffix} and holds {listed}; name the file you mean")
        path = train[0][0]
    match = PAIR.fullmatch(path.name)
    if match is None:
        return {"train": path}
    files = {match["part"].lower(): path}
    for file in sorted(path.parent.iterdir()):
        other = PAIR.fullmatch(file.name)
        if other and (other["name"], other["suffix"]) == (match["name"], match["suffix"]) and file.is_file():
            files.setdefault(other["part"].lower(), file)
    if "train" not in files:
        missing = f"{match['name']}_TRAIN{match['suffix']}"
        raise DataError(f"{path} is a test file and there is no {missing} beside it to train on")
    return files


def set_name(train: Path) -> str:
    """What a set is called after its training file.

    >>> set_name(Path("GunPoint_TRAIN.ts")), set_name(Path("mine.csv"))
    ('GunPoint', 'mine')
    """
    match = PAIR.fullmatch(train.name)
    return match["name"] if match else train.stem
