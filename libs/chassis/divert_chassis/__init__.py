"""What every divert service runs on."""
