"""The distribution `vitrine`: an application in its own environment, so its packages keep their plain names."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements() -> dict[str, list[str]]:
    """Read requirements.in: lines under a `# name` heading are that extra, those before the first are the run-time."""
    sections: dict[str, list[str]] = {"": []}
    name = ""
    for line in (HERE / "requirements.in").read_text(encoding="utf-8").splitlines()[1:]:
        if line.startswith("# "):
            name = line[2:].strip()
            sections[name] = []
        elif line.strip():
            sections[name].append(line.strip())
    return sections


SECTIONS = requirements()

setup(
    name="vitrine",
    version="0.1.0",
    description="Looks at every product photo: judges it, mends what can be mended, records why.",
    license="Apache-2.0",
    packages=find_packages(include=["pipelines*", "transforms*", "models*"]),
    package_data={
        "pipelines": ["py.typed", "*.html"],
        "transforms": ["py.typed", "imaging/measures/*.json", "imaging/fixes/*.json"],
        "models": ["py.typed", "quality/*", "quality/*/*", "quality/*/*/*"],
    },
    python_requires=">=3.11,<3.14",
    install_requires=SECTIONS[""],
    extras_require={name: SECTIONS[name] for name in ("text", "training", "tests", "lint")},
    entry_points={"console_scripts": ["vitrine = pipelines.cli:command"]},
)
