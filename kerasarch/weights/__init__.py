"""Reading and writing the public checkpoints of reference implementations."""
