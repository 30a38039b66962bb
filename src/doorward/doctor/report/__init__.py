"""Report formats: lines, JSON, HTML, JUnit, grades and baselines."""
