"""What all else rests on: frozen models and YAML, files that appear whole or not at all, a run's environment."""
