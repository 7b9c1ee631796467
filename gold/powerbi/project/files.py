"""All files of the Power BI project (PBIP), as bytes: deterministic for the same tables and root."""

import json
from typing import Any

from gold.powerbi.project.ids import stable_id
from gold.powerbi.project.model import model_files
from gold.powerbi.project.queries import TABLES_FOLDER
from gold.powerbi.project.report import report_files
from gold.powerbi.project.tables import Exported

NAME = "Lakehouse"
_REPORT, _MODEL = f"{NAME}.Report", f"{NAME}.SemanticModel"
_FABRIC = "https://developer.microsoft.com/json-schemas/fabric"


def project_files(tables: tuple[Exported, ...], root: str, *, source: str) -> dict[str, bytes]:
    """The project's files by their path in its folder. `source`: csv or delta, what its queries read at first."""
    files: dict[str, Any] = {
        f"{NAME}.pbip": {
            "$schema": f"{_FABRIC}/pbip/pbipProperties/1.0.0/schema.json",
            "version": "1.0",
            "artifacts": [{"report": {"path": _REPORT}}],
            "settings": {"enableAutoRecovery": True},
        },
        f"{_REPORT}/.platform": _platform("Report"),
        f"{_MODEL}/.platform": _platform("SemanticModel"),
        f"{_MODEL}/definition.pbism": {
            "$schema": f"{_FABRIC}/item/semanticModel/definitionProperties/1.0.0/schema.json",
            "version": "4.0",
            "settings": {},
        },
    }
    report = report_files(tables, model_folder=_MODEL)
    files |= {f"{_REPORT}/{path}": content for path, content in report.items()}
    model = model_files(tables, root, source=source)
    texts = {f"{_MODEL}/definition/{path}": text for path, text in model.items()}
    if "://" not in root:
        files[f"{NAME}.pbids"] = _data_source(f"{root}/{TABLES_FOLDER}")
    return {
        path: _encoded(text) for path, text in {**{name: _json(files[name]) for name in files}, **texts}.items()
    }


def _data_source(folder: str) -> dict[str, Any]:
    """A .pbids file: Power BI Desktop opens it and asks which of the folder's files to load."""
    connection = {"details": {"protocol": "folder", "address": {"path": folder}}, "mode": "Import"}
    return {"version": "0.1", "connections": [connection]}


def _platform(kind: str) -> dict[str, Any]:
    return {
        "$schema": f"{_FABRIC}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME},
        "config": {"version": "2.0", "logicalId": stable_id("item", kind)},
    }


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _encoded(text: str) -> bytes:
    """UTF-8 without a byte order mark and with CRLF, as Power BI Desktop writes its own projects."""
    return text.replace("\n", "\r\n").encode("utf-8")
