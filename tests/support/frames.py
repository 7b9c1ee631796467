"""Exact comparison of DataFrames, except for column comments, which tables have and frames of a test need not."""

from functools import partial

import chispa

assert_df_equality = partial(chispa.assert_df_equality, ignore_metadata=True)
