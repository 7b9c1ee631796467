"""Exact comparison of DataFrames, except for column comments: tables have them, and frames made in a test need not."""

from functools import partial

import chispa

assert_df_equality = partial(chispa.assert_df_equality, ignore_metadata=True)
