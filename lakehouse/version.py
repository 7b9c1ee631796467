"""The version of this project, as in pyproject.toml. What is installed may be a copy without its metadata."""

VERSION = "0.2.0"
