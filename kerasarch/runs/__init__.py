"""Run folders, checkpoints, resume, reports and comparison."""
