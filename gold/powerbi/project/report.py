"""The report in PBIR: its pages and visuals as JSON files, following Power BI's published schemas."""

from typing import Any

from gold.powerbi.project.pages import pages
from gold.powerbi.project.tables import Exported
from gold.powerbi.project.visuals import Page, container

_SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/item/report"
# A theme built into Power BI, and the version of the report format that has it.
_THEME = {"name": "CY24SU10", "reportVersionAtImport": "5.61", "type": "SharedResources"}


def report_files(tables: tuple[Exported, ...], *, model_folder: str) -> dict[str, Any]:
    """The JSON files of the report's folder, by their path in it. `model_folder` is the name of its sibling."""
    shown = pages(tables)
    files: dict[str, Any] = {
        "definition.pbir": {
            "$schema": f"{_SCHEMAS}/definitionProperties/2.0.0/schema.json",
            "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{model_folder}"}},
        },
        "definition/version.json": {"$schema": _definition("versionMetadata/1.0.0"), "version": "2.0.0"},
        "definition/report.json": {
            "$schema": _definition("report/2.0.0"),
            "themeCollection": {"baseTheme": _THEME},
            "settings": {"useEnhancedTooltips": True, "defaultDrillFilterOtherVisuals": True},
        },
        "definition/pages/pages.json": {
            "$schema": _definition("pagesMetadata/1.0.0"),
            "pageOrder": [page.name for page in shown],
            "activePageName": shown[0].name,
        },
    }
    for page in shown:
        files |= _page_files(page)
    return files


def _page_files(page: Page) -> dict[str, Any]:
    folder = f"definition/pages/{page.name}"
    files: dict[str, Any] = {
        f"{folder}/page.json": {
            "$schema": _definition("page/2.0.0"),
            "name": page.name,
            "displayName": page.title,
            "displayOption": "FitToPage",
            "height": 720,
            "width": 1280,
        }
    }
    for order, visual in enumerate(page.visuals):
        written = {"$schema": _definition("visualContainer/2.0.0"), **container(visual, order=order * 100)}
        files[f"{folder}/visuals/{visual.name}/visual.json"] = written
    return files


def _definition(name: str) -> str:
    return f"{_SCHEMAS}/definition/{name}/schema.json"
