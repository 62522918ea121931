"""A job's fixed parts, put together from the configuration once, before any work starts."""

from models.scorer import load
from models.serving import QualityModelHandler
from pipelines.build import Job
from pipelines.config import Config
from pipelines.run_file import maker
from transforms.sinks.output import Output


def open_job(config: Config, output: Output) -> Job:
    """Load the model; nothing else is opened yet.

    Raises:
        UserError: the model is missing or damaged, or was trained on other tiles.
    """
    scorer = load(config.model.directory, config.model.form, precision=config.model.precision)
    scorer.expect(config.tiles)
    return Job(
        rules=config.rules,
        fetch=config.fetch,
        handler=QualityModelHandler(config.model, batch=config.run.batch_photos),
        maker=maker(config, scorer),
        output=output,
        tables=config.tables,
        journal=output.state_folder() / "attempts",
    )
