"""Data: sources addressed by a short string, splits, augmentation and batches."""
