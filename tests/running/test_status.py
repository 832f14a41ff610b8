"""What the folder of a study tells of its runs."""

from alignfreeze.running.folder import say_untried


def test_a_strategy_without_a_complete_run_is_named():
    planned = ["baseline-1-0123456789ab", "front-1-0123456789ab", "front-2-0123456789ab", "back-1-0123456789ab"]
    assert say_untried(planned, []) == ""
    assert say_untried(planned, ["front-1-0123456789ab"]) == ""
    assert say_untried(planned, planned[1:3]) == "Of front no run is complete yet, so nothing can be said about it."
    assert "Of front and back no run" in say_untried(planned, planned[1:])
