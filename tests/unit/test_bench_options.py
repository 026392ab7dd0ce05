"""The benchmark's command line."""

import pytest

from tests.bench.options import FULL, JOBS, QUICK, parse


def test_without_options_everything_runs_in_full() -> None:
    """`make bench` measures all that the issue asks for, at its sizes."""
    options = parse([])
    assert options.jobs == JOBS
    assert options.sizes == FULL
    assert (options.json_file, options.plot_folder) == (None, None)
    assert (FULL.events, FULL.rate) == (4_000_000, 1000)
    assert FULL.rows == max(FULL.components) == 1_000_000


def test_sizes_can_be_given_one_by_one() -> None:
    """What is given stands, the rest is as in the run that was asked for."""
    options = parse(
        ["--quick", "--events", "20,000", "--components", "50", "10", "50", "--duration-s", "0.5"]
    )
    assert options.sizes.events == 20_000
    assert options.sizes.components == (10, 50)
    assert options.sizes.duration_s == 0.5
    assert options.sizes.rows == QUICK.rows


def test_jobs_run_in_their_own_order_and_once() -> None:
    """The order of the command line does not change what a job finds before it."""
    assert parse(["--only", "million", "delay", "delay"]).jobs == ("delay", "million")


def test_pictures_go_to_a_folder_of_their_own_if_none_is_named() -> None:
    """`--plot` alone is enough."""
    assert parse(["--plot"]).plot_folder == ".bench"
    assert parse(["--plot", "here", "--json", "-"]).plot_folder == "here"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--events", "0"],
        ["--events", "many"],
        ["--duration-s", "-1"],
        ["--duration-s", "inf"],
        ["--duration-s", "nan"],
        ["--only", "everything"],
        ["--components"],
        ["--json", "no-such-folder/figures.json"],
        ["--json", "."],
        ["--unknown"],
    ],
)
def test_what_cannot_be_run_ends_with_exit_code_2(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong option is named before a broker is started."""
    with pytest.raises(SystemExit) as stopped:
        parse(wrong)
    assert stopped.value.code == 2
    assert wrong[0] in capsys.readouterr().err
