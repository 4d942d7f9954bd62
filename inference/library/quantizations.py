"""Which file of a GGUF repository is meant. A repository holds one model several times, quantized
in several ways, and large ones in parts; the files' names tell which is which."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from inference.library.ids import id_part

SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
LABEL = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:I?Q[1-8]|TQ[12])(?:_[A-Z0-9]+)+"
    r"|BF16|FP?16|FP?32|MXFP4(?:_MOE)?|NVFP4)(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
NOT_MODELS = ("mmproj", "imatrix")  # what lies beside a model and is none: images, statistics

# What is taken where nobody says which: small enough, and hardly worse than the original.
PREFERRED = (
    *("LATEST", "Q4_K_M", "Q4_K_S", "UD-Q4_K_XL", "Q4_K_L", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_1"),
    *("MXFP4", "MXFP4_MOE", "Q5_K_M", "Q5_K_S", "Q5_K_L", "Q5_0", "Q5_1", "Q6_K", "Q6_K_L"),
    *("Q8_0", "Q3_K_L", "Q3_K_M", "IQ3_M", "IQ3_S", "Q3_K_S", "Q2_K", "BF16", "F16", "FP16", "F32"),
)


def label_of(name: str) -> str:
    """Read the quantization out of a file's name, such as Q4_K_M; "" if it names none."""
    labels = LABEL.findall(PurePosixPath(name).stem)
    return labels[-1].upper() if labels else ""


def preference(tag: str) -> tuple[int, str]:
    """Order tags: the one to take first comes first."""
    known = tag.upper()
    return (PREFERRED.index(known) if known in PREFERRED else len(PREFERRED), known)


def is_model_file(name: str) -> bool:
    """Say whether the name is that of a GGUF file that can be a model."""
    return name.lower().endswith(".gguf") and not is_beside(name)


def is_beside(name: str) -> bool:
    """Say whether the file only belongs to a model: a projector for images, statistics."""
    base = PurePosixPath(name).name.lower()
    return base.endswith(".gguf") and any(word in base for word in NOT_MODELS)


def files_by_tag(names: Iterable[str]) -> dict[str, list[str]]:
    """Group the GGUF files of one repository or folder: tag -> its files, the first part first.

    The tag is the quantization, or the file's own name where that alone would not tell.
    """
    models: dict[str, list[str]] = {}
    for name in sorted(filter(is_model_file, names)):
        models.setdefault(stem_of(name), []).append(name)
    labels = {stem: label_of(f"{stem}.gguf") or label_of_folder(stem) for stem in models}
    all_labels = list(labels.values())
    return {
        label if (label := labels[stem]) and all_labels.count(label) == 1 else _own(stem): files
        for stem, files in models.items()
    }


def stem_of(name: str) -> str:
    """Cut `.gguf` off the name, and the number of the part."""
    split = SPLIT.fullmatch(name)
    return split["stem"] if split else name[: -len(".gguf")]


def label_of_folder(stem: str) -> str:
    """Read the quantization out of the folder that a file lies in, where its own name has none."""
    return label_of(f"{PurePosixPath(stem).parent.name}.gguf")


def _own(stem: str) -> str:
    return id_part(PurePosixPath(stem).name)


def choose(models: Mapping[str, list[str]], tag: str) -> str | None:
    """Find the tag that is meant: whatever its letters' case; a file's own name will do. Without
    one it is the best of what there is. None if there is no such file."""
    if not models:
        return None
    if not tag:
        return min(models, key=preference)
    wanted = tag.lower().removesuffix(".gguf")
    for known, files in models.items():
        if wanted in (known.lower(), _own(stem_of(files[0])).lower()):
            return known
    return None
