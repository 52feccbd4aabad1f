"""What holds, told by running it: unit, properties, integration, faults, bench, compose."""
