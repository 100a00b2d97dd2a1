"""Training: unfreezing, optimizers, schedules and callbacks."""
