"""The chapter on the networks: drawings of their layers, and what they cost before any training."""

from collections.abc import Sequence

from cnn_study.analysis.evidence import Evidence
from cnn_study.analysis.summaries import Summary
from cnn_study.report.kit.chapter import Chapter
from cnn_study.report.kit.findings import SUMMARY, sentences, source
from cnn_study.report.kit.page import Detail, Figure, Section, Table
from cnn_study.report.kit.wording import counted, rate, shown, span
from cnn_study.report.topics.networks.blocks import Drawing, drawings
from cnn_study.report.topics.networks.chart import networks_drawn
from cnn_study.report.topics.networks.sentences import megaflops, network_findings, title_of

CUT_OFF = ", search cut off"


def chapter(evidence: Evidence) -> Chapter:
    """What profile has found, beside what params.yaml says."""
    drawn = drawings(evidence.params, evidence.params.data.source.shape(len(evidence.classes)))
    findings = tuple(network_findings(drawn, evidence.summaries))
    groups = tuple(finding for finding in findings if finding.rule == "as_many_parameters")
    answer = tuple(finding for finding in findings if finding.rule != "as_many_parameters")
    return Chapter(
        sections=(
            Section(
                "networks",
                "The networks",
                "What are the networks, and what do they cost before any training?",
                sentences(answer),
                _figure(drawn, evidence),
                _table(evidence),
                (
                    *([Detail("Which networks have as many parameters", sentences(groups))] if groups else []),
                    Detail("Layers in words, cost of training, memory", tables=(_layers(drawn, evidence),)),
                ),
            ),
        ),
        findings=findings,
    )


def _figure(drawn: Sequence[Drawing], evidence: Evidence) -> Figure:
    summaries = [evidence.summaries[drawing.architectures[0]] for drawing in drawn]
    notes = [f"{summary.parameters:,} parameters" for summary in summaries]
    title = title_of(drawn, evidence.summaries)
    depths = [drawing.convolutions for drawing in drawn]
    sizes = [summary.parameters for summary in summaries]
    alt = (
        f"Drawings of {counted(len(drawn), 'network')}, layer by layer, of {span(min(depths), max(depths))} "
        f"convolutions and {span(f'{min(sizes):,}', f'{max(sizes):,}')} parameters. The table of layers below "
        "says the same in words."
    )
    return Figure(
        "networks-layers",
        title,
        "To one scale: height is the side of a feature map, width the root of its channels. Below each layer are "
        "its window with the points it looks at, and its channels. An arc is a shortcut, dashed with a 1×1 "
        "convolution on it.",
        source(SUMMARY),
        networks_drawn(title, drawn, notes),
        hint="Point at a layer for its shape.",
        alt=alt,
    )


def _table(evidence: Evidence) -> Table:
    summaries, studies = evidence.summaries, evidence.params.studies
    cut_off = any(summary.learning_rate_at_edge for summary in summaries.values())
    return Table(
        "Size and cost",
        ("network", "parameters", "in convolutions", "MFLOPs", "learning rate"),
        tuple(
            (
                shown(name, studies),
                f"{summary.parameters:,}",
                f"{summary.conv_parameters:,}",
                megaflops(summary.forward_flops),
                _rate(summary),
            )
            for name, summary in summaries.items()
        ),
        source(SUMMARY),
        "MFLOPs of a forward pass of one image, a multiply-add counted as two."
        + (" Where the search was cut off, a better rate may lie beyond those it tried." if cut_off else ""),
    )


def _rate(summary: Summary) -> str:
    return rate(summary.learning_rate) + (CUT_OFF if summary.learning_rate_at_edge else "")


def _layers(drawn: Sequence[Drawing], evidence: Evidence) -> Table:
    rows = []
    for drawing in drawn:
        summary = evidence.summaries[drawing.architectures[0]]
        flops = dict.fromkeys(megaflops(evidence.summaries[name].training_flops) for name in drawing.architectures)
        kept = f"{summary.activation_bytes / 2**20:.2f}"
        rows.append((drawing.name, drawing.in_words, " or ".join(flops), kept))
    return Table(
        "Layers, and what a training step costs for one image",
        ("network", "layers: channels × size", "MFLOPs in training", "MiB kept"),
        tuple(rows),
        source(SUMMARY),
        "MFLOPs in training: of all passes, and the image's share of what the optimizer takes, which may differ "
        "between optimizers. MiB: activations that a step in fp32 keeps until the backward pass.",
    )
