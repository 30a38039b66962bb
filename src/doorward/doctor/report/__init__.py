"""A report in every form: lines, JSON, HTML, JUnit, grades and baselines."""
