"""When a model that could not be loaded is tried again."""

from __future__ import annotations

from toolft_pipeline.serving.routing.load_failures import LoadFailures


def test_pauses_double_up_to_five_minutes_and_another_model_is_tried_at_once() -> None:
    clock = [0.0]
    failures = LoadFailures(first_pause_s=1.0, now=lambda: clock[0])
    assert failures.may_try("a")
    pauses = []
    for _ in range(12):
        pauses.append(failures.add("a", "no memory").next_at - clock[0])
        clock[0] += pauses[-1] - 0.5
        assert not failures.may_try("a")
        assert failures.may_try("b")
        clock[0] += 0.5
        assert failures.may_try("a")
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    assert failures.add("b", "no memory").attempts == 1
    failures.clear()
    assert failures.last is None
