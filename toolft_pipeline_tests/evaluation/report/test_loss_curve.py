from __future__ import annotations

from toolft_pipeline.evaluation.report.loss_curve import HIGH, WIDE, loss_curve


def test_loss_curve_has_axes_from_zero_to_above_the_largest_loss() -> None:
    curve = loss_curve([(1, 3.0), (50, 1.5), (101, 1.0)])
    assert curve is not None
    assert curve.losses == ((160.0, "0"), (106.7, "1"), (53.3, "2"), (0.0, "3"))
    assert [label for _, label in curve.steps] == ["50", "100"]
    assert curve.points == "0.0,0.0 294.0,80.0 600.0,106.7"
    assert (curve.first, curve.last) == (3.0, 1.0)


def test_loss_curve_ticks_stay_in_the_box_and_are_few() -> None:
    for points in ([(1, 0.02), (2, 0.01)], [(10, 7.3), (4000, 0.4)], [(1, 0.0), (2, 0.0)], [(5, 2.0), (5, 1.0)]):
        curve = loss_curve(points)
        assert curve is not None
        assert all(0 <= y <= HIGH for y, _ in curve.losses)
        assert all(0 <= x <= WIDE for x, _ in curve.steps)
        assert 2 <= len(curve.losses) <= 8
        assert len({label for _, label in curve.losses}) == len(curve.losses)


def test_loss_curve_of_one_point_is_none() -> None:
    assert loss_curve([(1, 2.0)]) is None
