"""The README names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hostcast.params import load_params

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SECTIONS = load_params(ROOT / "params.yaml").model_dump()


def test_every_param_in_the_readme_exists() -> None:
    named = set(re.findall(rf"\b((?:{'|'.join(SECTIONS)})\.[a-z_]+)\b", README))
    named = {path for path in named if not path.endswith((".json", ".md", ".py", ".safetensors"))}
    assert len(named) > 15
    for section, key in (path.split(".") for path in named):
        assert key in SECTIONS[section], f"{section}.{key}"


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?= |`|\n)", README)) - {"sure"}
    assert {"repro", "test"} <= named <= targets


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README)) | {"dvc.yaml", "src/hostcast/paths.py"})
)
def test_every_link_in_the_readme_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()
