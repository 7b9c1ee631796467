"""A run as OpenLineage events: job, run, input and output datasets with their schemas and column lineage.

The names follow https://openlineage.io/docs/spec/naming: a table is its folder in the root's storage.
"""

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
from openlineage.client.event_v2 import Run as LineageRun
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    column_lineage_dataset,
    dataset_version_dataset,
    documentation_dataset,
    error_message_run,
    parent_run,
    schema_dataset,
)
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.http import HttpConfig, HttpTransport
from pyspark.sql.types import StructField

from lakehouse.runs.run import Run
from lakehouse.settings import OpenLineage
from lakehouse.tables import Table, find_table
from lakehouse.tables.column_sources import column_sources
from lakehouse.tables.declaration import comment_of

PRODUCER = "https://pypi.org/project/streaming-lakehouse"
# How long a receiver that does not answer may delay a job, at its start and at its end.
_SECONDS = 3.0
_STATES = {
    "started": RunState.START,
    "succeeded": RunState.COMPLETE,
    "failed": RunState.FAIL,
    "stopped": RunState.ABORT,
}


def send(run: Run, receiver: OpenLineage, *, root: str, parent_job: str) -> None:
    """Send the event of the run's start or end to the file or the address of the settings."""
    transport = (
        FileTransport(FileConfig(log_file_path=receiver.file, append=True))
        if receiver.file
        else HttpTransport(HttpConfig(url=receiver.url, timeout=_SECONDS, retry={"total": 0}))
    )
    OpenLineageClient(transport=transport).emit(
        event(run, root=root, namespace=receiver.namespace, parent_job=parent_job)
    )


def event(run: Run, *, root: str, namespace: str, parent_job: str) -> RunEvent:
    """The event of a run that has begun or ended. `parent_job` is the job whose step it is, or ""."""
    return RunEvent(
        eventType=_STATES[run.result],
        eventTime=(run.started_at + timedelta(seconds=run.seconds)).isoformat(),
        run=LineageRun(run.run_id, dict(_run_facets(run, namespace, parent_job))),
        job=Job(namespace, run.job),
        producer=PRODUCER,
        inputs=[_input(root, find_table(name), version) for name, version in run.versions_read.items()],
        outputs=[_output(root, find_table(name), version) for name, version in run.versions_written.items()],
    )


def _run_facets(run: Run, namespace: str, parent_job: str) -> Iterable[tuple[str, RunFacet]]:
    if run.parent_id is not None:
        parent = parent_run.Run(run.parent_id), parent_run.Job(namespace, parent_job)
        yield "parent", parent_run.ParentRunFacet(*parent, producer=PRODUCER)
    if run.error is not None:
        yield "errorMessage", error_message_run.ErrorMessageRunFacet(run.error, "PYTHON", producer=PRODUCER)


def _input(root: str, table: Table, version: int) -> InputDataset:
    return InputDataset(*dataset_name(root, table), facets=_facets(table, version))


def _output(root: str, table: Table, version: int) -> OutputDataset:
    facets, sources = _facets(table, version), column_sources(table)
    if sources:
        fields = {
            column: column_lineage_dataset.Fields(
                [
                    column_lineage_dataset.InputField(*dataset_name(root, find_table(source.table)), source.column)
                    for source in found
                ]
            )
            for column, found in sources.items()
        }
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields, producer=PRODUCER)
    return OutputDataset(*dataset_name(root, table), facets=facets)


def _facets(table: Table, version: int) -> dict[str, DatasetFacet]:
    return {
        "schema": schema_dataset.SchemaDatasetFacet(list(map(_field, table.schema)), producer=PRODUCER),
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(str(version), producer=PRODUCER),
        "documentation": documentation_dataset.DocumentationDatasetFacet(table.row, producer=PRODUCER),
    }


def _field(column: StructField) -> schema_dataset.SchemaDatasetFacetFields:
    return schema_dataset.SchemaDatasetFacetFields(
        column.name, column.dataType.simpleString(), comment_of(column) or None
    )


def dataset_name(root: str, table: Table) -> tuple[str, str]:
    """The table's namespace and name: `s3a://bucket` and the key, or `file` and the path."""
    path = table.path(root)
    if "://" not in path:
        return "file", path
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")
