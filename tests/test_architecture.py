"""What holds for all modules: no circle of imports, and none too long to be read at a sitting."""

from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import alignfreeze

MOST_LINES = 400


def test_no_module_imports_itself_by_way_of_others():
    graph = grimp.build_graph("alignfreeze", exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert sum(map(len, imports.values())) > 500
    TopologicalSorter(imports).prepare()  # raises CycleError, which names a circle


def test_every_module_can_be_read_at_a_sitting():
    modules = list(Path(alignfreeze.__file__).parent.rglob("*.py"))
    assert len(modules) > 100
    assert {path.name: n for path in modules if (n := len(path.read_text().splitlines())) > MOST_LINES} == {}
