"""A workflow whose jobs go to a cluster in groups and write down when they begin and end."""

from pathlib import Path

GROUPS = """
rule all:
    input: expand("results/tiny/{rule}/{i}.txt", rule=["diffusion", "hessian"], i=range(6))
rule diffusion:
    output: "results/tiny/diffusion/{i}.txt"
    resources: gpu=0, mem_mb=200
    shell: "echo begin >> diffusion; sleep 2; echo end >> diffusion; touch {output}"
rule hessian:
    output: "results/tiny/hessian/{i}.txt"
    resources: gpu=1, mem_mb=200
    shell: "echo begin >> hessian; sleep 1; echo end >> hessian; touch {output}"
"""


def most_at_once(path: Path) -> int:
    """How many jobs ran beside each other, from what they wrote down."""
    at_once, most = 0, 0
    for word in path.read_text().split():
        at_once += 1 if word == "begin" else -1
        most = max(most, at_once)
    return most
