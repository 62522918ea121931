import pytest

from pipelines import cli


def refused(capsys, *argv):
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "command", "wrong"),
    [
        (("stream", "--source", "dir://x", "--output", "y", "--wrong"), "stream", "--wrong"),
        (("check", "a.jpg", "--wrong=3"), "check", "--wrong=3"),
        (("report", "a", "b"), "report", "b"),
        (("evaluate", "verdicts", "--wrong"), "evaluate verdicts", "--wrong"),
    ],
)
def test_a_wrong_flag_shows_how_its_own_command_is_used(capsys, argv, command, wrong):
    said = refused(capsys, *argv)
    assert said.startswith(f"usage: vitrine {command} [-h]")
    assert said.splitlines()[-1] == f"vitrine {command}: error: unrecognized arguments: {wrong}"


def test_a_missing_flag_that_was_mistyped_is_named(capsys):
    said = refused(capsys, "batch", "--inputt", "x", "--output", "y").splitlines()[-1]
    assert said.endswith("arguments are required: --input; unrecognized: --inputt; did you mean --input?")


def test_a_mistyped_flag_is_told_what_was_perhaps_meant(capsys):
    said = refused(capsys, "stream", "--source", "dir://x", "--output", "y", "--result", "z", "--stream-drain", "3")
    assert "unrecognized arguments: --result z --stream-drain 3; did you mean --results --stream-drain-s?" in said


def test_a_wrong_flag_before_any_command_shows_the_commands(capsys):
    assert refused(capsys, "--wrong").startswith("usage: vitrine [-h] [--version] COMMAND")


def test_help_tells_where_the_labels_are_looked_for(capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "verdicts", "--help"])
    assert "(default: ../shared/data/verdicts)" in " ".join(capsys.readouterr().out.split())
