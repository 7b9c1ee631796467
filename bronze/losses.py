"""Records that Kafka dropped unread and that were accepted as lost, as bronze's table properties record them."""

from collections.abc import Mapping

LOST = "lakehouse.lost."


def accepted_losses(properties: Mapping[str, str]) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """Ranges of offsets (first, last) that were accepted as lost, from the table's properties."""
    losses = {}
    for name, ranges in properties.items():
        if name.startswith(LOST):
            topic, _, partition = name.removeprefix(LOST).rpartition("-")
            pairs = [one.split("-") for one in ranges.split()]
            losses[topic, int(partition)] = [(int(first), int(last)) for first, last in pairs]
    return losses
