"""Docstring examples run, and the stubs list what the package exports."""

import ast
import doctest
import pathlib
import re

import numpy as np

import tensegrity as tg
from tensegrity import _minimize, _optimizer, _tensegrity, decompose, energy, optim

STUBS = pathlib.Path(tg.__file__).parent


def test_docstring_examples_run():
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    seen = 0
    for module in (tg, _minimize, _optimizer, decompose, energy, optim, _tensegrity):
        names = {"np": np, "tg": tg}
        for test in finder.find(module, module.__name__, module=False, extraglobs=names):
            if test.examples:
                seen += 1
                runner.run(test)
    assert runner.failures == 0
    assert seen >= 8, "most public functions carry an example"


def test_every_public_name_is_documented():
    for name in tg.__all__:
        if not name.startswith("__"):
            assert getattr(tg, name).__doc__, f"{name} has no docstring"


def test_the_stubs_match_the_module():
    tree = ast.parse((STUBS / "_tensegrity.pyi").read_text())
    stubbed = {
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    }
    compiled = {name for name in dir(_tensegrity) if not name.startswith("_")}
    assert stubbed == compiled
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            members = {
                item.name for item in node.body if isinstance(item, ast.FunctionDef)
            } | {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            missing = members - set(dir(getattr(_tensegrity, node.name)))
            assert not missing, f"{node.name}: {missing}"


def test_the_python_of_the_readmes_runs():
    """What the READMEs show, block after block in one namespace each."""
    package = pathlib.Path(__file__).resolve().parent.parent
    for readme in (package / "README.md", package.parent.parent / "README.md"):
        text = readme.read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        assert blocks, readme
        names = {}
        for block in blocks:
            if ">>>" not in block:
                exec(compile(block, str(readme), "exec"), names)
