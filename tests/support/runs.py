"""Plans and runs of the toy experiment."""

import json

from alignfreeze.experiment.planning import plan
from alignfreeze.experiment.settings import ExperimentSettings
from alignfreeze.running import sweep


def change(settings, **changes):
    """The settings with some of them set anew, checked."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return ExperimentSettings.model_validate({**given, **changes})


def planned(project, **changes):
    """The plan of the toy experiment, some settings of it changed."""
    settings = ExperimentSettings.from_toml(project / "experiment.toml")
    return plan(change(settings, **changes), base=project)


def comparable(out):
    """Return what the records of a folder say, without times, hosts and other runs, by run."""
    found = {}
    for path in sorted(out.glob("runs/[!.]*/record.json")):
        record = json.loads(path.read_text())
        for name in ("seconds", "memory", "environment"):
            del record[name]
        del record["settings"]["strategies"]  # they say which other runs there were
        for stage in ("realignment", "finetuning"):
            if record[stage] is not None:
                record[stage].pop("seconds", None)
                record[stage].get("training", {}).pop("seconds", None)
        if record["teaching"] is not None and record["teaching"]["first"] is not None:
            del record["teaching"]["first"]["seconds"]
        found[path.parent.name] = json.dumps(record, sort_keys=True)
    return found


def failing(strategy, error):
    """Return a `run` that fails for a strategy."""
    run = sweep.run

    def fail(spec, *arguments, **options):
        if str(spec.strategy) == strategy:
            raise error
        return run(spec, *arguments, **options)

    return fail
