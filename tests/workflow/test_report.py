"""The report that Snakemake writes of a finished study."""

import re


def test_the_report_has_every_figure_and_its_captions_are_well_formed(smoke, tmp_path):
    page = tmp_path / "report.html"
    result = smoke.snakemake("--report", str(page))
    assert result.returncode == 0, result.stdout
    assert not re.findall(r"^.*\((?:INFO|WARNING|ERROR|SEVERE)/\d\).*$", result.stdout, re.M)
    text = page.read_text()
    for figure in (smoke.results / "figures").glob("*.png"):
        assert figure.stem in text
    assert "Bursts of the minibatch loss of one run" in text
