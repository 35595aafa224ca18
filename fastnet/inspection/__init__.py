"""What pictures, reports and terminals show of samples, classes and training, whatever draws it."""
