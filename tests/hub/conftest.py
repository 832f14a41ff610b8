"""A hub on this machine, and commands that know no other."""

import os
import shutil

import pytest

from tests.support.hub.child import Commands
from tests.support.hub.server import Hub
from tests.support.hub.shelf import OLD_UD, UD, fill, write_word_lists


@pytest.fixture(scope="session")
def own_hub(tmp_path_factory):
    pytest.importorskip("datasets")
    if not hasattr(os, "fork"):
        pytest.skip("commands are forked, which this system cannot do")
    folder = tmp_path_factory.mktemp("hub")
    fill(folder)
    hub = Hub(folder)
    hub.renamed[f"datasets/{OLD_UD}"] = f"datasets/{UD}"
    yield hub
    hub.close()


@pytest.fixture
def hub(own_hub):
    """The hub, without faults; no test may bring a token to the host of the large files."""
    own_hub.forget()
    yield own_hub
    assert not own_hub.leaks


@pytest.fixture(scope="session")
def commands(own_hub, tmp_path_factory):
    started = Commands(own_hub.endpoint, tmp_path_factory.mktemp("user"))
    write_word_lists(started.folder / "muse")
    yield started
    started.close()


@pytest.fixture
def run(hub, commands):
    """Runs a command; its user has nothing from the hub yet, and no command may look for another host."""
    shutil.rmtree(commands.home, ignore_errors=True)

    def run(*arguments, **how):
        done = commands.run(*arguments, **how)
        assert not done.strangers
        return done

    return run


@pytest.fixture
def out(commands):
    """A folder that does not exist yet."""
    folder = commands.folder / "out"
    shutil.rmtree(folder, ignore_errors=True)
    return folder
