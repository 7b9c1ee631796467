"""Great Expectations is loaded as the project does it, before a test module imports it: quality/loading.py."""

from quality.loading import load_validation

load_validation()
