"""The loss of sequences without alignment: connectionist temporal classification."""

from typing import Any

from keras import ops


def ctc_loss(targets: Any, target_lengths: Any, logits: Any, logit_lengths: Any, blank: int = 0) -> Any:
    """Return minus the logarithmic probability of labels, over all their alignments with the frames.

    ``-ln sum_pi prod_t y_t(pi_t)``, over the paths pi that give the labels once repetitions and then blanks are left
    out: Graves et al., 2006, section 4.1 (https://doi.org/10.1145/1143844.1143891). Labels that no path gives, because
    there are too few frames, count nothing: the backends have infinity or a large number there.

    Args:
        targets: ``(B, L)``, labels other than the blank; any beyond the lengths.
        target_lengths: ``(B,)``.
        logits: ``(B, T, V)``.
        logit_lengths: ``(B,)``, 1 or more.
        blank: The label that stands for none.

    Returns:
        ``(B,)``, float32.
    """
    targets, target_lengths = ops.cast(targets, "int32"), ops.cast(target_lengths, "int32")
    logit_lengths = ops.cast(logit_lengths, "int32")
    inside = ops.arange(targets.shape[1], dtype="int32") < target_lengths[:, None]
    targets = ops.where(inside, targets, blank)
    # Between two equal labels there must be a blank
    again = ops.logical_and(targets[:, 1:] == targets[:, :-1], inside[:, 1:])
    needed = target_lengths + ops.sum(ops.cast(again, "int32"), axis=1)
    possible = needed <= logit_lengths
    losses = ops.ctc_loss(
        targets,
        ops.cast(logits, "float32"),
        ops.where(possible, target_lengths, 0),  # an infinite loss that is left out has a gradient of NaN still
        logit_lengths,
        mask_index=blank,
    )
    return ops.where(possible, losses, 0.0)
