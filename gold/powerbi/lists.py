"""The lists of Power BI without Spark: gold.powerbi_recommendations and its CSV file.

The job gold/export_powerbi.py does the same with Spark, for lists of any size.
"""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.errors import TableError
from lakehouse.exports import RECOMMENDATIONS_CSV, Formulas, export_path, write_csv
from lakehouse.history.acceptance import input_version, published_version
from lakehouse.lakehouse import Lakehouse
from lakehouse.tables import GOLD_POWERBI, GOLD_RECOMMENDATIONS, SILVER_CONTENT
from lakehouse.text import escaped

# The rating is rounded as a decimal number, like Spark does: as a binary one, 2.675 is less than that.
_NAMED = """
    WITH names AS (SELECT id AS content_id, max(titulo) AS titulo FROM content GROUP BY id)
    SELECT user_id AS "userId", content_id AS recommended_content, titulo,
        CAST(round(CAST(predicted_rating AS DECIMAL(20, 15)), 2) AS DOUBLE) AS predicted_rating
    FROM lists LEFT JOIN names USING (content_id) ORDER BY user_id, rank
"""


def export_lists(lakehouse: Lakehouse, *, formulas: Formulas) -> dict[str, int]:
    """Replace both the table and the file, or neither: a recommended title without a name raises TableError.

    The lists come from the last version of gold.recommendations that passed its checks. Returns the exported
    versions of the tables.
    """
    versions = {
        GOLD_RECOMMENDATIONS.sql_name: published_version(lakehouse.root, GOLD_RECOMMENDATIONS),
        SILVER_CONTENT.sql_name: input_version(lakehouse.root, SILVER_CONTENT),
    }
    rows = name_titles(lakehouse, versions)
    untitled = rows.filter(pc.is_null(rows["titulo"]))["recommended_content"]
    require_titles(sorted(set(untitled.to_pylist())))
    lakehouse.overwrite(GOLD_POWERBI, rows, input_versions=versions)
    write_lists(
        lakehouse.root, zip(*(column.to_pylist() for column in rows.columns), strict=True), formulas=formulas
    )
    return versions


def name_titles(lakehouse: Lakehouse, versions: Mapping[str, int]) -> pa.Table:
    """The rows of gold.powerbi.rows.name_titles from these versions."""
    tables = {"lists": GOLD_RECOMMENDATIONS, "content": SILVER_CONTENT}
    return lakehouse.query(_NAMED, **{name: (table, versions[table.sql_name]) for name, table in tables.items()})


def require_titles(untitled: Sequence[str]) -> None:
    """Raise TableError if recommended titles have no name."""
    if untitled:
        first = ", ".join(map(escaped, untitled[:3]))
        raise TableError(
            f"{len(untitled)} recommended titles are no longer in silver.content ({first})",
            todo="build the lists again: lakehouse run --select gold",
        )


def write_lists(root: str, rows: Iterable[Sequence[object]], *, formulas: Formulas) -> None:
    """Write the CSV file. A row has the columns of gold.powerbi_recommendations."""
    write_csv(export_path(root, RECOMMENDATIONS_CSV), GOLD_POWERBI.columns, rows, formulas=formulas)
